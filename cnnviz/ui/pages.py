"""The table of pages. Menu, addresses, home page and tests read it.

A view is one row here and one function in its page's folder; a page has a file in ``pages/``, too.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from cnnviz.ui.augmentation import curves as augmentation_curves
from cnnviz.ui.augmentation import each_transform, random_draws
from cnnviz.ui.basics import one_dimension, shared_weight, templates
from cnnviz.ui.class_activation import (
    compare,
    decomposition,
    faithfulness,
    heat_map,
    robustness,
    sanity_check,
)
from cnnviz.ui.controls import DIGIT, PHOTOGRAPH
from cnnviz.ui.convolution import one_position, sliding_kernel, step_by_step
from cnnviz.ui.feature_maps import contrast, maps, trace, whole_network
from cnnviz.ui.feature_maps import one_filter as one_map
from cnnviz.ui.feature_visualization import layer as layer_images
from cnnviz.ui.feature_visualization import one_filter as filter_image
from cnnviz.ui.feature_visualization import training as filter_history
from cnnviz.ui.gabor import bank, features, one_filter, ten_images, tuning
from cnnviz.ui.live_training import training as live
from cnnviz.ui.networks import calculator, own_models
from cnnviz.ui.networks import panels as networks
from cnnviz.ui.timeline import cached as timelines
from cnnviz.ui.timeline import panels as timeline
from cnnviz.ui.transfer import own_classes, side_by_side

NETWORK, IMAGE = "network", "image"
FILTERS, INSIDE, LEARNING = "Filters", "Inside a network", "Learning"


@dataclass(frozen=True, slots=True)
class View:
    """One view of a page.

    Attributes
    ----------
    slug, title : str
        In the address, and on the button.
    show : callable
        Draws the view. Takes what it needs: the reference of a network, then an image.
    question : str
        What the view answers, one line under the title.
    needs : tuple of str
        NETWORK, IMAGE, both or none.
    example : callable, optional
        Gives the image until one is chosen; without it, one that suits the network.
    suitable : callable, optional
        Names the networks that the view can show; without it, all.
    network : str
        The network until one is chosen, where the usual one has not what the view shows.
    is_fragment : bool
        Whether a moved control reruns the view alone.
    """

    slug: str
    title: str
    show: Callable[..., None]
    question: str
    needs: tuple[str, ...] = (NETWORK, IMAGE)
    example: Callable[[], tuple[str, str]] | None = None
    suitable: Callable[[], Collection[str]] | None = None
    network: str = ""
    is_fragment: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its address and file name, its title, and its place and text on the home page."""

    name: str
    title: str
    section: str
    summary: str
    views: tuple[View, ...]


def _digit() -> tuple[str, str]:
    return DIGIT


def _photograph() -> tuple[str, str]:
    return PHOTOGRAPH


# in the order of a lecture
PAGES = (
    Page(
        "convolution",
        "Convolution",
        FILTERS,
        "A kernel slides over an image and takes a weighted sum of the pixels at each position. "
        "Compute any position by hand.",
        (
            View(
                "step-by-step",
                "Step by step",
                step_by_step.show_step_by_step,
                "What does each step do: padding, weighted sum, activation, pooling?",
                (IMAGE,),
                _digit,
            ),
            View(
                "one-position",
                "One position by hand",
                one_position.show_one_position,
                "Which products add up to one pixel of the output?",
                (IMAGE,),
                _digit,
            ),
            View(
                "sliding-kernel",
                "Sliding kernel",
                sliding_kernel.show_sliding_kernel,
                "How does the kernel produce the output, position by position?",
                (IMAGE,),
                _digit,
            ),
        ),
    ),
    Page(
        "gabor",
        "Gabor filters",
        FILTERS,
        "Sinusoids under a Gaussian that respond to oriented stripes. First layers learn similar "
        "kernels.",
        (
            View(
                "one-filter",
                "One filter",
                one_filter.show,
                "What does a hand-designed filter detect? Move a slider and watch the response.",
                (IMAGE,),
                _digit,
            ),
            View(
                "frequency-domain",
                "Frequency domain",
                one_filter.show_frequency_domain,
                "Which frequencies of the image does the filter let through?",
                (IMAGE,),
                _digit,
            ),
            View(
                "filter-bank",
                "Filter bank",
                bank.show,
                "What do many filters see that one does not?",
                (IMAGE,),
                _digit,
            ),
            View(
                "ten-images",
                "Ten images",
                ten_images.show_ten_images,
                "How do the responses of a filter bank differ between classes?",
                (),
            ),
            View(
                "features",
                "Features",
                features.show_features,
                "How well does a fixed filter bank classify clothing, compared with a network?",
                (),
            ),
            View(
                "orientation-tuning",
                "Orientation tuning",
                tuning.show_tuning,
                "Which orientation does a channel of a network prefer?",
                (NETWORK,),
                network="svhn-gabor",
            ),
            View(
                "learned-kernels",
                "Learned kernels",
                tuning.show_learned,
                "How close are learned first kernels to Gabor functions?",
                (NETWORK,),
                network="svhn-gabor",
            ),
        ),
    ),
    Page(
        "basics",
        "Basics",
        FILTERS,
        "Templates of a linear classifier, 1D convolution, and the gradient of a shared weight.",
        (
            View(
                "templates",
                "Template matching",
                templates.show,
                "What does a linear classifier learn? One template per class.",
                (IMAGE,),
                templates.example,
                is_fragment=False,
            ),
            View(
                "all-templates",
                "All templates",
                templates.show_all,
                "What do the templates of all classes look like, and what if images are shifted?",
                (),
            ),
            View(
                "one-dimension",
                "1D convolution",
                one_dimension.show,
                "How does a kernel slide along a signal?",
                (IMAGE,),
                _digit,
            ),
            View(
                "shared-weight",
                "Gradient of a shared weight",
                shared_weight.show,
                "How does the loss change with a weight that is used at every position?",
                (IMAGE,),
                _digit,
            ),
        ),
    ),
    Page(
        "feature_maps",
        "Feature maps",
        INSIDE,
        "Every filter's activation map, from edges to eyes; any unit traced back to its pixels.",
        (
            View(
                "all-maps",
                "All maps",
                maps.show_all,
                "What does each filter of a layer respond to in your image?",
            ),
            View(
                "one-filter",
                "One filter",
                one_map.show_one,
                "Where does one filter respond, and to which images most?",
            ),
            View(
                "trace",
                "Trace a unit",
                trace.show,
                "Which pixels does one unit see, and how does it compute its activation?",
            ),
            View(
                "compare-images",
                "Compare images",
                contrast.show_pair,
                "Which channels tell two images apart?",
            ),
            View(
                "ablation",
                "Ablation",
                contrast.show_ablation,
                "How does the prediction change without one channel?",
            ),
            View(
                "embedding",
                "Embedding",
                contrast.show_embedding,
                "Which images are close together in a layer?",
            ),
            View(
                "whole-network",
                "Whole network",
                whole_network.show_hierarchy,
                "How does the representation change from layer to layer?",
            ),
        ),
    ),
    Page(
        "filters",
        "Feature visualization",
        INSIDE,
        "What activates a filter: gradient ascent turns noise into an image that maximizes it.",
        (
            View(
                "one-filter",
                "One filter",
                filter_image.show_one,
                "Which image maximizes a filter? Gradient ascent optimizes it from noise.",
            ),
            View(
                "whole-layer",
                "Whole layer",
                layer_images.show_layer,
                "What are the filters of a layer looking for?",
            ),
            View(
                "during-training",
                "During training",
                filter_history.show_training,
                "When during training does a filter find its pattern?",
                network="svhn-gabor",
            ),
        ),
    ),
    Page(
        "class_activation",
        "Class activation maps",
        INSIDE,
        "Which regions support the predicted class: 17 methods, each evaluated.",
        (
            View(
                "heat-map",
                "Heat map",
                heat_map.show,
                "Which pixels support the predicted class?",
            ),
            View(
                "decomposition",
                "Decomposition",
                decomposition.show,
                "Which feature maps add up to the heat map?",
            ),
            View(
                "compare",
                "Compare methods",
                compare.show,
                "Where do methods, layers, classes and networks agree?",
            ),
            View(
                "faithfulness",
                "Faithfulness",
                faithfulness.show_faithfulness,
                "Does the prediction depend on the pixels that the map marks?",
            ),
            View(
                "sanity-check",
                "Sanity check",
                sanity_check.show_sanity,
                "Does the map change when the weights are randomized?",
            ),
            View(
                "robustness",
                "Robustness",
                robustness.show_stress,
                "Does the map stay the same when the image hardly changes?",
            ),
        ),
    ),
    Page(
        "train",
        "Live training",
        LEARNING,
        "Build a small network and watch it learn: kernels, learning curves, misclassified images.",
        (
            View(
                "train",
                "Train",
                live.show,
                "How does a small network learn? Choose its layers and press Start.",
                (),
                is_fragment=False,
            ),
        ),
    ),
    Page(
        "timeline",
        "Training timeline",
        LEARNING,
        "One image throughout training: kernels, feature maps, heat maps and predictions, step by "
        "step.",
        (
            View(
                "timeline",
                "Timeline",
                timeline.show,
                "How do kernels, feature maps and predictions change during training? Press Play.",
                suitable=timelines.networks_with_timelines,
            ),
        ),
    ),
    Page(
        "augmentation",
        "Data augmentation",
        LEARNING,
        "Random augmentations as in training, and whether the network still recognizes the image.",
        (
            View(
                "random-draws",
                "Random augmentations",
                random_draws.show_random_draws,
                "Does the network still recognize an image after random changes?",
            ),
            View(
                "each-transform",
                "Each transform",
                each_transform.show_each_transform,
                "What does each transform do at both ends of its range?",
            ),
            View(
                "learning-curves",
                "Learning curves",
                augmentation_curves.show_curves,
                "How does augmentation change the gap between training and validation?",
                (),
            ),
        ),
    ),
    Page(
        "transfer",
        "Transfer learning",
        LEARNING,
        "From scratch, frozen base or fine-tuned; and a classifier for your own classes in "
        "seconds.",
        (
            View(
                "trained-parts",
                "What was trained",
                side_by_side.show_parts,
                "What does a network gain from a pretrained base?",
                (),
            ),
            View(
                "heat-maps",
                "Heat maps",
                side_by_side.show_heat_maps,
                "What do five networks predict for the same image, and which regions support it?",
                (IMAGE,),
                _photograph,
            ),
            View(
                "learning-curves",
                "Learning curves",
                side_by_side.show_curves,
                "How fast do the networks learn, and which overfit?",
                (),
            ),
            View(
                "weight-changes",
                "Weight changes",
                side_by_side.show_drift,
                "How far does fine-tuning move the weights?",
                (),
            ),
            View(
                "own-classes",
                "Your own classes",
                own_classes.show,
                "How well does a new head learn your classes from a few images?",
                (IMAGE,),
                _photograph,
            ),
        ),
    ),
    Page(
        "models",
        "Networks",
        "",
        "Layers, parameters, weights, learning curves and confusion matrices of all networks.",
        (
            View(
                "layers",
                "Layers",
                networks.show_architecture,
                "What is the network made of, and what does each layer cost?",
            ),
            View(
                "training",
                "Training",
                networks.show_training,
                "How was the network trained, and which classes does it confuse?",
                (NETWORK,),
                network="svhn-gabor",
            ),
            View(
                "weights",
                "Weights",
                networks.show_weights,
                "What do the first kernels look like, and how are weights distributed?",
                (NETWORK,),
            ),
            View(
                "calculator",
                "Calculator",
                calculator.show,
                "How large is the output of a layer, and how many parameters does it have?",
                (),
            ),
            View(
                "own-network",
                "Your own network",
                own_models.show,
                "How do you bring a network of your own?",
                (),
            ),
        ),
    ),
)
BY_NAME = {page.name: page for page in PAGES}
