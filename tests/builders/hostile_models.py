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


def functional_config(change: Callable[[list[Any]], None]) -> bytes:
    """Change the layers of a functional network: input, x / 255.0, conv, gap, dense."""
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs / 255.0)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    parts = parts_of(keras.Model(inputs, layers.Dense(2, name="dense")(x)))
    config = json.loads(parts["config.json"])
    change(config["config"]["layers"])
    return packed(parts | {"config.json": json.dumps(config).encode()})


def with_operation(
    class_name: str, module: str = "keras.src.ops.numpy", *more: Any, **settings: Any
) -> bytes:
    """Exchange x / 255.0 for another operation on x, with more arguments of the call."""

    def change(parts: list[Any]) -> None:
        (call,) = parts[1]["inbound_nodes"]
        call["args"] = [call["args"][0], *more]
        parts[1] |= {"module": module, "class_name": class_name, "registered_name": class_name}
        parts[1]["config"] = {"name": parts[1]["name"], **settings}

    return functional_config(change)


def with_argument(argument: Any) -> bytes:
    """Exchange the number in x / 255.0 for something else."""
    return with_operation("TrueDivide", "keras.src.ops.numpy", argument)


def made(class_name: str, config: Any = None, **more: Any) -> dict[str, Any]:
    """Write an object as Keras does."""
    return {"class_name": class_name, "config": {} if config is None else config, **more}


def on_no_tensor() -> bytes:
    """Ten gigabytes of zeros that Keras would make while it reads the file."""

    def change(parts: list[Any]) -> None:
        more = {"args": [[0.0]], "kwargs": {}}
        settings = {"name": "tile", "repeats": [2_500_000_000]}
        parts.append(
            made("Tile", settings, module="keras.src.ops.numpy", registered_name="Tile")
            | {"name": "tile", "inbound_nodes": [more]}
        )

    return functional_config(change)


def legacy(change: Callable[[dict[str, Any], h5py.File], None] | None = None) -> bytes:
    """A whole network in HDF5, as Keras 2 writes it, and what is changed in it."""
    config = {
        "name": "sequential",
        "layers": [
            made("InputLayer", {"batch_input_shape": [None, 16, 16, 3], "name": "input"}),
            made(
                "Conv2D",
                {"name": "conv", "trainable": True, "filters": 4, "kernel_size": [3, 3]},
            ),
            made("GlobalAveragePooling2D", {"name": "gap", "trainable": True}),
        ],
    }
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = ["conv", "gap"]
        weights.attrs["backend"] = "tensorflow"
        weights.attrs["keras_version"] = "2.15.0"
        arrays = {"conv/kernel:0": np.ones((3, 3, 3, 4), "f4"), "conv/bias:0": np.ones(4, "f4")}
        for name, array in arrays.items():
            weights[f"conv/{name}"] = array
        weights["conv"].attrs["weight_names"] = list(arrays)
        weights.create_group("gap").attrs["weight_names"] = np.array([], "S1")
        if change is not None:
            change(config, file)
        file.attrs["model_config"] = json.dumps(made("Sequential", config))
    return buffer.getvalue()


def legacy_layer(class_name: str, **settings: Any) -> bytes:
    """A whole network in HDF5 with something else in place of the convolution."""

    def change(config: dict[str, Any], file: h5py.File) -> None:
        config["layers"][1] = made(class_name, {"name": "conv", "trainable": True, **settings})

    return legacy(change)


def legacy_weights(make: Callable[[h5py.Group], None]) -> bytes:
    """A whole network in HDF5 whose convolution has other weights."""

    def change(config: dict[str, Any], file: h5py.File) -> None:
        group = file["model_weights/conv/conv"]
        del group["kernel:0"]
        make(group)

    return legacy(change)


def legacy_attribute(name: str, value: Any) -> bytes:
    def change(config: dict[str, Any], file: h5py.File) -> None:
        file["model_weights"].attrs[name] = value

    return legacy(change)


def _plugin(group: h5py.Group) -> None:
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((3, 3, 3, 4))
    settings.set_filter(32_000, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((3, 3, 3, 4))
    h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, settings)


def _virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((432,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (432,))
    group.create_virtual_dataset("kernel:0", layout)


def legacy_corpus(trap: Path) -> dict[str, Make]:
    """Whole networks in HDF5 that must be refused before anything is built from them."""
    code = ["gANYAA==", None, None]
    nodes = [["input", 0, 0, {"name": None}]]
    return {
        "HDF5: Lambda": lambda: legacy_layer("Lambda", function=code, function_type="lambda"),
        "HDF5: a class of its own": lambda: legacy_layer("MyLayer"),
        "HDF5: a registered class": lambda: legacy_layer("pkg>MyLayer"),
        "HDF5: a function of Keras": lambda: legacy_layer("deserialize", config={}),
        "HDF5: a module of Keras": lambda: legacy_layer("serialization_lib"),
        "HDF5: TextVectorization": lambda: legacy_layer("TextVectorization", vocabulary="/etc"),
        "HDF5: an activation of its own": lambda: legacy_layer(
            "Conv2D", filters=4, kernel_size=3, activation="os.system"
        ),
        "HDF5: a function of TensorFlow": lambda: legacy_layer(
            "TFOpLambda", function="io.read_file", inbound_nodes=nodes
        ),
        "HDF5: TypeSpec": lambda: legacy_layer(
            "Rescaling", scale={"class_name": "TypeSpec", "type_spec": "x", "serialized": []}
        ),
        "HDF5: CompositeTensor": lambda: legacy_layer(
            "Rescaling", scale={"class_name": "CompositeTensor", "spec": {}, "tensors": []}
        ),
        "HDF5: no counterpart": lambda: legacy_layer("ThresholdedReLU", theta=1.0),
        "HDF5: another hard sigmoid": lambda: legacy_layer("Activation", activation="hard_sigmoid"),
        "HDF5: link to a file": lambda: legacy_weights(
            lambda group: group.__setitem__("kernel:0", h5py.ExternalLink("/etc/passwd", "/"))
        ),
        "HDF5: soft link": lambda: legacy_weights(
            lambda group: group.__setitem__("kernel:0", h5py.SoftLink("/model_weights"))
        ),
        "HDF5: external data": lambda: legacy_weights(
            lambda group: group.create_dataset(
                "kernel:0", (3, 3, 3, 4), "f4", external=[("/etc/passwd", 0, 432)]
            )
        ),
        "HDF5: virtual data": lambda: legacy_weights(_virtual),
        "HDF5: plugin": lambda: legacy_weights(_plugin),
        "HDF5: 160 GB": lambda: legacy_weights(
            lambda group: group.create_dataset("kernel:0", (200_000, 200_000), "f4", chunks=True)
        ),
        "HDF5: text for weights": lambda: legacy_weights(
            lambda group: group.create_dataset("kernel:0", data=[b"text"])
        ),
        "HDF5: a group in itself": lambda: legacy_weights(
            lambda group: group.__setitem__("loop", group)
        ),
        "HDF5: a type for weights": lambda: legacy_weights(
            lambda group: group.__setitem__("kernel:0", np.dtype("f4"))
        ),
        "HDF5: kernels of Theano": lambda: legacy_attribute("backend", "theano"),
        "HDF5: a description of numbers": lambda: legacy_attribute("keras_version", 3),
        "HDF5: weights only": h5_file,
        "HDF5: half of a file": lambda: legacy()[:2000],
    }


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
    images = [keras.Input((16, 16, 3)) for _ in range(inputs)]
    body = layers.Concatenate()(images) if inputs > 1 else images[0]
    return packed(parts_of(keras.Model(images, layers.Flatten()(body))))


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
        "keras.ops.map": lambda: with_operation("Map", "keras.src.ops.core"),
        "keras.ops.scan": lambda: with_operation("Scan", "keras.src.ops.core"),
        "keras.ops.cond": lambda: with_operation("Cond", "keras.src.ops.core", None, None),
        "keras.ops.switch": lambda: with_operation("Switch", "keras.src.ops.core", []),
        "keras.ops.fori_loop": lambda: with_operation(
            "ForiLoop", "keras.src.ops.core", lower=0, upper=9, body_fun=function
        ),
        "keras.ops.while_loop": lambda: with_operation(
            "WhileLoop", "keras.src.ops.core", cond=function, body=function
        ),
        "keras.ops.vectorized_map": lambda: with_operation(
            "VectorizedMap", "keras.src.ops.core", function=function
        ),
        "keras.ops.associative_scan": lambda: with_operation(
            "AssociativeScan", "keras.src.ops.core"
        ),
        "keras.ops.jvp": lambda: with_operation("JVP", "keras.src.ops.linalg"),
        "a graph of operations": lambda: with_operation("Function", "keras.src.ops.function"),
        "a loss as an operation": lambda: with_operation("CTCDecode", "keras.src.ops.nn"),
        "an operation of another module": lambda: with_operation("Add", "keras.src.ops.nn"),
        "a name in a module of operations": lambda: with_operation("backend"),
        "an operation of the backend": lambda: with_operation(
            "matmul", "keras.src.backend.tensorflow.numpy"
        ),
        "an operation under a registered name": lambda: functional_config(
            lambda parts: parts[1].update(registered_name="pkg>TrueDivide")
        ),
        "an operation on no tensor": on_no_tensor,
        "a hundred million pieces": lambda: with_operation("Split", indices_or_sections=10**8),
        "a hundred million slices": lambda: with_operation(
            "Unstack", "keras.src.ops.core", num=10**8, axis=1
        ),
        "a layer as an argument": lambda: with_argument(
            made("Flatten", module="keras.layers", registered_name=None)
        ),
        "a function as an argument": lambda: with_argument(function),
        "a Keras function as an argument": lambda: with_argument(
            made("function", "relu", module="builtins", registered_name="relu")
        ),
        "a lambda as an argument": lambda: with_argument(made("__lambda__", {"value": "x"})),
        "a lambda in a list of arguments": lambda: with_argument(
            [[made("__lambda__", {"code": "x", "defaults": None, "closure": None})]]
        ),
        "a type as an argument": lambda: with_argument(
            made("__typespec__", [], module="tensorflow", spec_name="x", registered_name=None)
        ),
        "bytes as an argument": lambda: with_argument(made("__bytes__", {"value": "x"})),
        "a lambda in a slice": lambda: with_operation(
            "GetItem",
            "keras.src.ops.numpy",
            [made("__slice__", {"start": made("__lambda__"), "stop": None, "step": None})],
        ),
        "an array of arrays of 40 GB": lambda: with_argument(
            made("__numpy__", {"value": 0, "dtype": "(100000,100000)f4"})
        ),
        "an array of long texts": lambda: with_argument(
            made("__numpy__", {"value": ["x"], "dtype": "U1000000000"})
        ),
        "a tensor of resources": lambda: with_argument(
            made("__tensor__", {"value": 0, "dtype": "resource"})
        ),
        "keras.layers.deserialize as activation": lambda: with_setting(
            1, "activation", made("deserialize", module="keras.layers")
        ),
        "a function of keras.layers as activation": lambda: with_setting(
            1, "activation", made("function", "deserialize", module="keras.layers")
        ),
        "clone_model as a layer": lambda: with_layer("clone_model", "keras.models"),
        "a layer without a module": lambda: functional_config(lambda parts: parts[2].pop("module")),
        "Lambda of a function of Python": lambda: with_layer(
            "Lambda", function=made("function", "eval", module="builtins")
        ),
        "code in what is built": lambda: functional_config(
            lambda parts: parts[2].update(build_config={"x": made("__lambda__")})
        ),
        "a class of its own": lambda: changed_config(
            lambda whole: whole.update(class_name="MyModel")
        ),
        "class name is a list": lambda: with_layer([]),  # type: ignore[arg-type]
        "no layers": lambda: changed_config(lambda whole: whole["config"].update(layers=None)),
        "layers are numbers": lambda: changed_config(
            lambda whole: whole["config"].update(layers=[1, 2])
        ),
        "two images": lambda: functional(2),
        "five channels": lambda: packed(good_parts(channels=5)),
        "an image of a million pixels a side": lambda: with_setting(
            0, "batch_shape", [None, 1_000_000, 1_000_000, 3]
        ),
        "an image of minus one pixel": lambda: with_setting(0, "batch_shape", [None, -1, 16, 3]),
        "an image of a text": lambda: with_setting(0, "batch_shape", [None, "16", 16, 3]),
        "too many objects": lambda: changed_config(
            lambda whole: whole["config"].update(more=[made("Dense")] * 30_000)
        ),
        **legacy_corpus(trap),
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
        "a tile of 12 TB": lambda: with_operation("Tile", repeats=[1, 1_000_000, 1_000_000, 1]),
        "repeated a billion times": lambda: with_operation("Repeat", repeats=10**9, axis=1),
        "padded by a billion": lambda: with_operation(
            "Pad", pad_width=[[0, 0], [0, 10**9], [0, 0], [0, 0]]
        ),
        "broadcast to 12 TB": lambda: with_operation(
            "BroadcastTo", shape=[1_000_000, 4096, 16, 16, 3]
        ),
        "resized to 120 GB": lambda: with_operation(
            "Resize", "keras.src.ops.image", size=[100_000, 100_000]
        ),
        "a billion classes": lambda: with_operation(
            "OneHot", "keras.src.ops.nn", num_classes=10**9
        ),
        "an outer product of itself": lambda: with_operation("Outer", "keras.src.ops.numpy", 1.0),
        "the end of the process": lambda: packed(
            good_parts(layers.Conv2DTranspose(2, 1, strides=2))  # TensorFlow 2.21 aborts
        ),
        "HDF5: forty million units": lambda: legacy_layer("Dense", units=40_000_000),
        "HDF5: weights of another shape": lambda: legacy_weights(
            lambda group: group.create_dataset("kernel:0", data=np.ones((5, 5, 3, 4), "f4"))
        ),
    }
