"""Options that several commands share: how to read a network, and where to write one."""

import argparse
import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cnnviz import paths
from cnnviz.errors import CnnvizError

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_network_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say how a network is to be read."""
    command.add_argument(
        "--preprocessing",
        help="input scaling: raw (0 to 255), unit (0 to 1), tf (-1 to 1), caffe or torch",
    )
    command.add_argument("--output", help="name or number of the output, if there are several")
    command.add_argument("--grid", help="rows x columns of token layers, such as 8x8")
    command.add_argument("--class-names", nargs="+", help="one for each class, in order")
    command.add_argument(
        "--import",
        dest="code",
        type=Path,
        help="a Python file of yours that registers the network's own layers with Keras; it is run",
    )


def add_models_folder(command: argparse.ArgumentParser) -> None:
    """Add the option that says where networks are written."""
    command.add_argument("--folder", type=Path, default=paths.NEW_MODELS, help="default: models/")


def read_network(name: str, options: argparse.Namespace) -> "LoadedModel":
    """Load a network as the options of `add_network_options` say."""
    from cnnviz.network.loading import load_model
    from cnnviz.zoo import ModelReference

    run_user_code(options.code)
    return load_model(
        name,
        preprocessing=options.preprocessing,
        output=options.output,
        token_grid=ModelReference(name, grid=options.grid or "").grid_size,
        class_names=options.class_names,
    )


def run_user_code(path: Path | None) -> None:
    """Run a Python file of the user's, so that the layers it registers with Keras are known.

    Raises
    ------
    CnnvizError
        If there is no such file.
    """
    if path is None:
        return
    if not path.is_file():
        raise CnnvizError(f"There is no file {str(path)!r} to import. Check the path.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CnnvizError(f"{path.name!r} is not a Python file, so it cannot be imported.")
    spec.loader.exec_module(module_from_spec(spec))
