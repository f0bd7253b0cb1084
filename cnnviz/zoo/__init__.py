"""Model cards, their registry, and the code that builds or fetches each network.

Importing this package loads neither TensorFlow nor Keras: that happens where a network is built.
"""

from cnnviz.zoo.cards import (
    PREPROCESSINGS,
    SOURCES,
    InputScaling,
    ModelCard,
    Preprocessing,
    find_preprocessing,
    fitting_preprocessings,
)
from cnnviz.zoo.class_names import class_names
from cnnviz.zoo.preprocessing import (
    model_view,
    preprocess,
    rgb_kernels,
    scaled,
    seen_part,
    unscaled,
)
from cnnviz.zoo.reference import ModelReference, plain_name
from cnnviz.zoo.registry import (
    build_model,
    choices_beside,
    download_weights,
    find_card,
    is_ready,
    list_models,
    list_own_files,
    own_path,
    own_version,
)
from cnnviz.zoo.trained import (
    TrainingRecord,
    checkpoint,
    checkpoint_steps,
    has_training_record,
    kernel_fits_path,
    training_record,
)
from cnnviz.zoo.user_models.model_files import load_model_file
from cnnviz.zoo.user_models.saved_loss import saved_loss
from cnnviz.zoo.user_models.sidecar import (
    card_beside,
    card_for_file,
    card_for_model,
    file_version,
    read_sidecar,
)
from cnnviz.zoo.vetting.checking import check_image, try_in_child

__all__ = [
    "PREPROCESSINGS",
    "SOURCES",
    "InputScaling",
    "ModelCard",
    "ModelReference",
    "Preprocessing",
    "TrainingRecord",
    "build_model",
    "card_beside",
    "card_for_file",
    "card_for_model",
    "check_image",
    "checkpoint",
    "checkpoint_steps",
    "choices_beside",
    "class_names",
    "download_weights",
    "file_version",
    "find_card",
    "find_preprocessing",
    "fitting_preprocessings",
    "has_training_record",
    "is_ready",
    "kernel_fits_path",
    "list_models",
    "list_own_files",
    "load_model_file",
    "model_view",
    "own_path",
    "own_version",
    "plain_name",
    "preprocess",
    "read_sidecar",
    "rgb_kernels",
    "saved_loss",
    "scaled",
    "seen_part",
    "training_record",
    "try_in_child",
    "unscaled",
]
