"""What the package and its libraries see of the machine: for the tests that hide it."""

import sys
from pathlib import Path

import platformdirs

from cnnviz import datasets, zoo
from cnnviz.errors import DatasetError
from cnnviz.feature_visualization import atlas
from cnnviz.files import cache_dir
from cnnviz.ui.networks import own_models
from cnnviz.zoo.published.keras_applications import weights_file

PLANTED = "planted"  # a file in a folder of the user, and the network of an atlas
DATA_SETS = {
    "MNIST": datasets.mnist,
    "Fashion-MNIST": datasets.fashion_mnist,
    "SVHN": datasets.svhn,
    "CIFAR-10": datasets.cifar10,
}
USER_FOLDERS = {
    "HOME": Path.home,
    "CNNVIZ_CACHE_DIR": cache_dir,
}
if sys.platform == "linux":  # elsewhere they are below the home
    USER_FOLDERS |= {
        "XDG_CACHE_HOME": platformdirs.user_cache_path,
        "XDG_CONFIG_HOME": platformdirs.user_config_path,
        "XDG_DATA_HOME": platformdirs.user_data_path,
        "XDG_STATE_HOME": platformdirs.user_state_path,
    }


def _is_here(name: str) -> bool:
    try:
        return len(DATA_SETS[name]().labels) > 0
    except DatasetError:
        return False


def visible_things() -> set[str]:
    """Name all that is seen: data sets, folders of the user by their variable, and settings."""
    others = {
        "downloaded weights": weights_file(zoo.find_card("mobilenet")).is_file(),
        "own network": bool(zoo.list_own_files()),
        "atlas": atlas.find_atlas(PLANTED) is not None,
        "uploads": own_models.is_upload_allowed(),
    }
    return {
        *(name for name in DATA_SETS if _is_here(name)),
        *(name for name, folder in USER_FOLDERS.items() if (folder() / PLANTED).exists()),
        *(name for name, is_seen in others.items() if is_seen),
    }
