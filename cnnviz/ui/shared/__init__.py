"""Cached results that more than one page shows; keys are names and digests, caches are bounded.

Pages ask for ``shared.xyz``. What one page alone shows is cached in that page's own folder.
"""

from cnnviz.ui.shared.confusions import (
    ConfusionExamples,
    confusion_examples,
    predictions_of_samples,
)
from cnnviz.ui.shared.images import collection_for, independent_images, smaller, test_images
from cnnviz.ui.shared.maps import (
    ablated,
    ablation,
    examples,
    layer_maps,
    layer_statistics,
    overview,
    unit_trace,
)
from cnnviz.ui.shared.networks import (
    checkpoint,
    drawing,
    layers,
    model,
    predictions,
    predictions_by_scaling,
    training_record,
)

__all__ = [
    "ConfusionExamples",
    "ablated",
    "ablation",
    "checkpoint",
    "collection_for",
    "confusion_examples",
    "drawing",
    "examples",
    "independent_images",
    "layer_maps",
    "layer_statistics",
    "layers",
    "model",
    "overview",
    "predictions",
    "predictions_by_scaling",
    "predictions_of_samples",
    "smaller",
    "test_images",
    "training_record",
    "unit_trace",
]
