"""Files that a stranger might upload as a network: each is made here and must be refused."""

import io
import json
import pickle
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

Make = Callable[[], bytes]
PARTS = ("metadata.json", "config.json", "model.weights.h5")


def good_parts(*extra: Any, channels: int = 3) -> dict[str, bytes]:
    """The three parts of an honest small file."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, channels)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            *extra,
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(2, activation="softmax", name="dense"),
        ]
    )
    return parts_of(model)


def parts_of(model: keras.Model) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of Lambda layers when it saves one
        path = Path(folder) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def changed_config(change: Callable[[dict[str, Any]], None]) -> bytes:
    parts = good_parts()
    config = json.loads(parts["config.json"])
    change(config)
    return packed(parts | {"config.json": json.dumps(config).encode()})


def with_layer(class_name: str, module: str = "keras.layers", **config: Any) -> bytes:
    """Exchange the convolution for something else."""

    def change(whole: dict[str, Any]) -> None:
        whole["config"]["layers"][1] = {
            "module": module,
            "class_name": class_name,
            "config": {"name": "conv", **config},
            "registered_name": None,
        }

    return changed_config(change)


def with_setting(layer: int, key: str, value: Any) -> bytes:
    def change(whole: dict[str, Any]) -> None:
        whole["config"]["layers"][layer]["config"][key] = value

    return changed_config(change)


def with_weights(make: Callable[[h5py.File], None]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        make(file)
    return packed(good_parts() | {"model.weights.h5": buffer.getvalue()})


def lambda_file(trap: Path) -> bytes:
    layer = layers.Lambda(lambda x, folder=str(trap): (Path(folder).mkdir(), x)[1])
    content = packed(good_parts(layer))
    if trap.exists():
        trap.rmdir()  # the layer ran while the model was built
    return content


class _Opens:
    """A pickle that makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.folder,)


def h5_file() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["model_weights/conv/kernel"] = np.zeros((3, 3, 3, 4))
    return buffer.getvalue()


def declared_size_bomb() -> bytes:
    """An archive whose directory says that a part unpacks to 3 GB."""
    content = bytearray(packed(good_parts()))
    entry = content.rindex(b"model.weights.h5") - 46
    struct.pack_into("<I", content, entry + 24, 3 << 30)
    return bytes(content)


def zero_bomb() -> bytes:
    """A gigabyte of zeros in a megabyte."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in good_parts().items():
            if name != "model.weights.h5":
                archive.writestr(name, content)
        with archive.open("model.weights.h5", "w", force_zip64=True) as part:
            for _ in range(1024):
                part.write(bytes(1 << 20))
    return buffer.getvalue()


def encrypted() -> bytes:
    content = bytearray(packed(good_parts()))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(signature, place + 4)
    return bytes(content)


def nested_config(depth: int) -> bytes:
    config = b'{"class_name": "Functional", "config": ' + b"[" * depth + b"]" * depth + b"}"
    return packed(good_parts() | {"config.json": config})


def twice() -> bytes:
    buffer = io.BytesIO(packed(good_parts()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name that is there twice
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("config.json", "{}")
    return buffer.getvalue()


def bad_checksum() -> bytes:
    content = bytearray(packed(good_parts(), zipfile.ZIP_STORED))
    place = content.index(b'"Sequential"')
    content[place + 1] ^= 1
    return bytes(content)


def functional(inputs: int) -> bytes:
    pictures = [keras.Input((16, 16, 3)) for _ in range(inputs)]
    body = layers.Concatenate()(pictures) if inputs > 1 else pictures[0]
    return packed(parts_of(keras.Model(pictures, layers.Flatten()(body))))


def external_weights(file: h5py.File) -> None:
    file.create_dataset(
        "layers/conv2d/vars/0", (3, 3, 3, 4), "f4", external=[("/etc/passwd", 0, 432)]
    )


def shape_bomb(file: h5py.File) -> None:
    file.create_dataset("layers/conv2d/vars/0", (200_000, 200_000), "f4", chunks=(1, 200_000))


def not_a_number() -> bytes:
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(4, 3, name="conv"), layers.Flatten()]
    )
    model.get_layer("conv").set_weights([np.full((3, 3, 3, 4), np.nan), np.full(4, np.nan)])
    return packed(parts_of(model))


def static_corpus(trap: Path) -> dict[str, Make]:
    """Files that must be refused before anything is built from them.

    Each is made when it is asked for. `trap` is a folder that comes into being if code from a file
    is run.
    """
    good = good_parts()
    function = {"module": "os", "class_name": "function", "config": "system"}
    return {
        "packed with LZMA": lambda: packed(good_parts(), zipfile.ZIP_LZMA),
        "packed with BZIP2": lambda: packed(good_parts(), zipfile.ZIP_BZIP2),
        "empty": lambda: b"",
        "text": lambda: b"not a network at all",
        "png": lambda: b"\x89PNG\r\n\x1a\n" + bytes(100),
        "h5": h5_file,
        "pickle": lambda: pickle.dumps(_Opens(trap)),
        "half of a file": lambda: packed(good)[: len(packed(good)) // 2],
        "empty archive": lambda: packed({}),
        "other parts": lambda: packed({"saved_model.pb": b"x", "variables/index": b"x"}),
        "no weights": lambda: packed({name: good[name] for name in PARTS[:2]}),
        "an asset too many": lambda: packed(good | {"assets/words.txt": b"a"}),
        "a part outside": lambda: packed(good | {"../../escaped": b"x"}),
        "an absolute part": lambda: packed(good | {str(trap): b"x"}),
        "a part twice": twice,
        "bad checksum": bad_checksum,
        "encrypted": encrypted,
        "says it unpacks to 3 GB": declared_size_bomb,
        "a gigabyte of zeros": zero_bomb,
        "config is no JSON": lambda: packed(good | {"config.json": b"{"}),
        "config is no UTF-8": lambda: packed(good | {"config.json": b"\xff\xfe{}"}),
        "config is a list": lambda: packed(good | {"config.json": b"[]"}),
        "config is huge": lambda: packed(
            good | {"config.json": b'{"a": "' + b"a" * (6 << 20) + b'"}'}
        ),
        "config is deep": lambda: nested_config(100),
        "config is very deep": lambda: nested_config(200_000),
        "Lambda": lambda: lambda_file(trap),
        "Lambda in a name": lambda: with_layer("Lambda", function={"class_name": "__lambda__"}),
        "TFSMLayer": lambda: with_layer("TFSMLayer", filepath="/tmp", call_endpoint="serve"),
        "TorchModuleWrapper": lambda: with_layer("TorchModuleWrapper", module_bytes="x"),
        "os.system": lambda: with_layer("system", "os", command="true"),
        "builtins.eval": lambda: with_layer("eval", "builtins", source="1"),
        "get_file": lambda: with_layer("get_file", "keras.utils", origin="http://127.0.0.1:9/x"),
        "enable_unsafe_deserialization": lambda: with_layer(
            "enable_unsafe_deserialization", "keras.config"
        ),
        "a function of os as activation": lambda: with_setting(1, "activation", function),
        "a private module": lambda: with_layer("Conv2D", "keras.src.layers.convolutional.conv2d"),
        "StringLookup": lambda: with_layer("StringLookup", vocabulary="/etc/passwd"),
        "TextVectorization": lambda: with_layer("TextVectorization", vocabulary="/etc/passwd"),
        "a class of its own": lambda: changed_config(
            lambda whole: whole.update(class_name="MyModel")
        ),
        "class name is a list": lambda: with_layer([]),  # type: ignore[arg-type]
        "no layers": lambda: changed_config(lambda whole: whole["config"].update(layers=None)),
        "layers are numbers": lambda: changed_config(
            lambda whole: whole["config"].update(layers=[1, 2])
        ),
        "two pictures": lambda: functional(2),
        "five channels": lambda: packed(good_parts(channels=5)),
        "a picture of a million pixels a side": lambda: with_setting(
            0, "batch_shape", [None, 1_000_000, 1_000_000, 3]
        ),
        "a picture of minus one pixel": lambda: with_setting(0, "batch_shape", [None, -1, 16, 3]),
        "a picture of a text": lambda: with_setting(0, "batch_shape", [None, "16", 16, 3]),
        "too many objects": lambda: changed_config(
            lambda whole: whole["config"].update(more=[{"class_name": "Dense"}] * 30_000)
        ),
    }


def trial_corpus() -> dict[str, Make]:
    """Files that look honest and must be refused by the process that is thrown away."""
    return {
        "weights are text": lambda: packed(good_parts() | {"model.weights.h5": b"text"}),
        "weights of another file": lambda: with_weights(external_weights),
        "weights of 160 GB": lambda: with_weights(shape_bomb),
        "forty million units": lambda: with_setting(3, "units", 40_000_000),
        "a billion filters": lambda: with_setting(1, "filters", 1_000_000_000),
        "a kernel of minus three": lambda: with_setting(1, "kernel_size", [-3, -3]),
        "no such activation": lambda: with_setting(1, "activation", "os.system"),
        "not a number": not_a_number,
    }
