"""What a path holds, told from its first bytes, and what helps where that is no Keras network."""

import json
import zipfile
from pathlib import Path
from typing import Literal

from cnnviz.zoo.user_models.refusals import Refused

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAD_BYTES = 4096
_MAX_JSON_BYTES = 20 << 20
_EXPECTED = "A network is a .keras file, as model.save('name.keras') writes it in Keras 3"
_IMAGES = {
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
}
_FROM_PYTORCH = (
    "Build the same network in Keras, copy its weights layer by layer, and save it with "
    "model.save('name.keras')"
)
_REBUILD = "Build the network in Python with the code that made it, then run "


def kind_of(path: Path) -> Literal["archive", "hdf5"]:
    """Tell a ``.keras`` archive from an HDF5 file; names do not count.

    Raises
    ------
    Refused
        If it is neither; the reason names what it is and what helps.
    """
    if path.is_dir():
        raise Refused(_folder(path))
    if not path.exists():
        raise Refused("there is no such file. Check the path")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(HDF5_SIGNATURE):
        return "hdf5"
    if head.startswith(b"PK"):
        return _zip(path)
    raise Refused(_other(path, head))


def weights_only(name: str, *, is_legacy: bool) -> str:
    """Say what to do with a file that holds weights but no network.

    Keras reads two layouts of weights, and tells them apart by the name.
    """
    stem = name.split(".")[0]
    loadable = f"{stem}.h5" if is_legacy else f"{stem}.weights.h5"
    rename = "" if name == loadable else f"Rename it to {loadable!r}. "
    return (
        f"it holds weights only, no network. {rename}"
        f"{_REBUILD}model.load_weights({loadable!r}) and model.save('{stem}.keras')"
    )


def conversion(name: str) -> str:
    """Say how an older file becomes one of Keras 3, where its layers must be built by hand."""
    stem = name.split(".")[0]
    loadable = name if name.endswith((".h5", ".keras")) else f"{stem}.h5"
    return f"{_REBUILD}model.load_weights({loadable!r}) and model.save('{stem}-keras-3.keras')"


def _folder(path: Path) -> str:
    names = {each.name for each in path.iterdir()}
    if "saved_model.pb" in names:
        return _saved_model(path.name)
    if {"config.json", "model.weights.h5"} <= names:
        plain = path.name.removesuffix(".keras")
        renamed = "" if plain == path.name else f"Rename the folder to {plain!r}, then run "
        return (
            "it is a folder, an unpacked .keras file. "
            f"{renamed or 'Run '}keras.saving.load_model({plain!r}).save('network.keras')"
        )
    if "model.json" in names:
        return _tensorflow_js()
    return f"it is a folder. {_EXPECTED}"


def _saved_model(name: str) -> str:
    return (
        "it is a SavedModel of TensorFlow, a compiled graph whose layers cannot be shown. If Keras "
        "2 saved it, install tf_keras, run tf_keras.models.load_model("
        f"{name!r}, compile=False).save('network.h5') and open that file; else save the network "
        "itself with model.save('name.keras')"
    )


def _tensorflow_js() -> str:
    return (
        "it is a network for TensorFlow.js. Use the .keras or .h5 file that it was converted from"
    )


def _zip(path: Path) -> Literal["archive"]:
    if not zipfile.is_zipfile(path):
        raise Refused(
            "it is incomplete, as after an interrupted download. Download or copy it again"
        )
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith(("/data.pkl", "/constants.pkl")) for name in names):
        raise Refused(f"it is a PyTorch file, not a .keras file. {_FROM_PYTORCH}")
    if any(name.endswith("saved_model.pb") for name in names):
        raise Refused(_saved_model(path.stem).replace("it is", "it is the zip of", 1))
    if names and all(name.endswith(".npy") for name in names):
        raise Refused(f"it holds NumPy arrays, no network. {_EXPECTED}")
    return "archive"


def _other(path: Path, head: bytes) -> str:
    """Name a file that is neither a zip archive nor HDF5."""
    if not head:
        return "it is empty. Save or download the file again"
    for signature, image in _IMAGES.items():
        if head.startswith(signature):
            return f"it is {image} image. {_EXPECTED}"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return f"it is a WebP image. {_EXPECTED}"
    if head[4:8] == b"TFL3":
        return (
            "it is a TensorFlow Lite network, which cannot be turned back into layers. "
            "Use the .keras or .h5 file that it was converted from"
        )
    if _is_safetensors(head):
        return (
            "it is a safetensors file: weights only, no network. "
            f"{_REBUILD}its own function that reads them, and model.save('name.keras')"
        )
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return (
            "it is a Python pickle, as older versions of PyTorch write; pickles run code and are "
            f"never opened. {_FROM_PYTORCH}"
        )
    return _text(path, head) or _protobuf(path, head) or f"it is not a .keras file. {_EXPECTED}"


def _is_safetensors(head: bytes) -> bool:
    """Whether a JSON header of plausible length follows its own length in eight bytes."""
    return head[8:10] == b'{"' and 2 <= int.from_bytes(head[:8], "little") < 100 << 20


def _text(path: Path, head: bytes) -> str | None:
    start = head.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, not the file itself. Download it with the button of that page"
    if start.startswith(b"version https://git-lfs"):
        return "it is a placeholder of Git LFS. Run git lfs pull to get the file itself"
    if start.startswith((b"{", b"[")):
        return _json(path)
    return None


def _json(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError("too large")
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return f"it is text, not a .keras file. {_EXPECTED}"
    if isinstance(told, dict) and "modelTopology" in told:
        return _tensorflow_js()
    if isinstance(told, dict) and {"class_name", "config"} <= set(told):
        return (
            "it is the JSON of an architecture, without weights. In Python, run "
            f"model = keras.models.model_from_json(open({path.name!r}).read()), then "
            "model.load_weights('name.weights.h5') and model.save('name.keras')"
        )
    return f"it is a JSON file, not a .keras file. {_EXPECTED}"


def _protobuf(path: Path, head: bytes) -> str | None:
    if path.suffix == ".pb":
        return (
            "it is a graph of TensorFlow (.pb), not a .keras file. Use the .keras or .h5 file of "
            "the network that it was made from"
        )
    # ONNX files begin with their version, 3 or more, and most of them with their producer's name
    is_onnx = head[:1] == b"\x08" and head[2:3] == b"\x12" and 3 <= head[1] < 32
    if path.suffix == ".onnx" or is_onnx:
        return (
            "it is an ONNX network, not a .keras file. Use the Keras file that it was exported "
            "from, or build the same network in Keras and copy its weights"
        )
    return None
