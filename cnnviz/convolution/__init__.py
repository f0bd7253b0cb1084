"""The operation itself: a kernel slides over an image; sizes, costs, and one cell by hand."""

from cnnviz.convolution.gradient import (
    LOSSES,
    GradientSteps,
    best_step,
    kernel_gradient,
    valid_correlation,
)
from cnnviz.convolution.layer import (
    PADDINGS,
    POOLINGS,
    Cell,
    LayerSettings,
    LayerSteps,
    apply_layer,
)
from cnnviz.convolution.one_dimension import LINE_KERNELS, SIGNALS, LineSteps, slide_along
from cnnviz.convolution.sizes import convolution_parameters, dense_parameters, output_size
from cnnviz.convolution.sliding import BORDERS, convolve, correlate, correlate_many

__all__ = [
    "BORDERS",
    "LINE_KERNELS",
    "LOSSES",
    "PADDINGS",
    "POOLINGS",
    "SIGNALS",
    "Cell",
    "GradientSteps",
    "LayerSettings",
    "LayerSteps",
    "LineSteps",
    "apply_layer",
    "best_step",
    "convolution_parameters",
    "convolve",
    "correlate",
    "correlate_many",
    "dense_parameters",
    "kernel_gradient",
    "output_size",
    "slide_along",
    "valid_correlation",
]
