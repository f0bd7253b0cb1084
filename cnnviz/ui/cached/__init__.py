"""The only place that caches for the pages. Keys are names and digests, every cache is bounded.

Pages ask for `cached.xyz`; each file holds what one topic needs.
"""

from cnnviz.ui.cached.ascents import film, filter_images, filters_at_steps
from cnnviz.ui.cached.augmentations import augmentation_extremes, augmented, invariance
from cnnviz.ui.cached.basics import linear_classifier, taped_kernel_gradient
from cnnviz.ui.cached.class_evidence import (
    case,
    channel_weights,
    compare_methods,
    evidence,
    fused_evidence,
)
from cnnviz.ui.cached.confusions import (
    ConfusionExamples,
    answers_to_samples,
    confusion_examples,
)
from cnnviz.ui.cached.films import film_fits, film_reel, filmed_networks, training_film
from cnnviz.ui.cached.filter_banks import (
    bank_classifier,
    bank_responses,
    bank_usefulness,
    filter_bank,
    filter_kernel,
    filter_response,
    kernel_fit,
    network_tuning,
    preferred_waves,
    responses_to_ten,
    sample_features,
)
from cnnviz.ui.cached.live import live_data, live_drawing, live_first_look, live_ten
from cnnviz.ui.cached.maps import (
    ablated,
    ablation,
    cell_trace,
    exemplars,
    layer_maps,
    layer_statistics,
    overview,
)
from cnnviz.ui.cached.networks import (
    checkpoint,
    drawing,
    layers,
    model,
    predictions,
    predictions_by_scaling,
    training_record,
)
from cnnviz.ui.cached.own_classes import own_head, own_network, own_pictures, picture_features
from cnnviz.ui.cached.pictures import collection_for, held_out_pictures, smaller
from cnnviz.ui.cached.transfer import reuse_anatomies, reuse_evidence
from cnnviz.ui.cached.trust import (
    forgetting,
    image_without,
    masked_drop,
    mosaic_check,
    pixel_curves,
    road_curves,
)

__all__ = [
    "ConfusionExamples",
    "ablated",
    "ablation",
    "answers_to_samples",
    "augmentation_extremes",
    "augmented",
    "bank_classifier",
    "bank_responses",
    "bank_usefulness",
    "case",
    "cell_trace",
    "channel_weights",
    "checkpoint",
    "collection_for",
    "compare_methods",
    "confusion_examples",
    "drawing",
    "evidence",
    "exemplars",
    "film",
    "film_fits",
    "film_reel",
    "filmed_networks",
    "filter_bank",
    "filter_images",
    "filter_kernel",
    "filter_response",
    "filters_at_steps",
    "forgetting",
    "fused_evidence",
    "held_out_pictures",
    "image_without",
    "invariance",
    "kernel_fit",
    "layer_maps",
    "layer_statistics",
    "layers",
    "linear_classifier",
    "live_data",
    "live_drawing",
    "live_first_look",
    "live_ten",
    "masked_drop",
    "model",
    "mosaic_check",
    "network_tuning",
    "overview",
    "own_head",
    "own_network",
    "own_pictures",
    "picture_features",
    "pixel_curves",
    "predictions",
    "predictions_by_scaling",
    "preferred_waves",
    "responses_to_ten",
    "reuse_anatomies",
    "reuse_evidence",
    "road_curves",
    "sample_features",
    "smaller",
    "taped_kernel_gradient",
    "training_film",
    "training_record",
]
