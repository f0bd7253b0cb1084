"""Every wrong kind of file is named rightly, and the lines that are to help do help."""

import io
import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from cnnviz.errors import ModelLoadError
from cnnviz.zoo import load_model_file
from cnnviz.zoo.user_models.file_kinds import kind_of
from cnnviz.zoo.user_models.refusals import Refused


def small_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(2, 3, name="conv"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return buffer.getvalue()


def image_in(format_name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, format_name)
    return buffer.getvalue()


def saved_arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, kernel=np.zeros(3))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def an_hdf5_file() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["measurements"] = np.zeros(3)
    return buffer.getvalue()


ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.1.0"
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.keras": (lambda: b"", "it is empty"),
    "model.pt": (lambda: zipped("net/data.pkl", "net/version"), "it is a PyTorch file"),
    "script.pt": (lambda: zipped("net/constants.pkl", "net/code/a.py"), "it is a PyTorch file"),
    "old.pth": (lambda: pickle.dumps({"conv.weight": [0.0]}, protocol=2), "it is a Python pickle"),
    "model.joblib": (lambda: pickle.dumps([1.0], protocol=4), "it is a Python pickle"),
    "model.onnx": (lambda: ONNX, "it is an ONNX network"),
    "renamed.keras": (lambda: ONNX, "it is an ONNX network"),
    "model.tflite": (lambda: b"\x1c\x00\x00\x00TFL3" + bytes(9), "it is a TensorFlow Lite network"),
    "model.safetensors": (safetensors, "it is a safetensors file: weights only"),
    "saved_model.pb": (lambda: b"\x08\x01\x12\x9a\x0b", r"it is a graph of TensorFlow \(.pb\)"),
    "frozen.pb": (lambda: b"\x0a\x12\x0a", r"it is a graph of TensorFlow \(.pb\)"),
    "saved.zip": (lambda: zipped("a/saved_model.pb"), "it is the zip of a SavedModel"),
    "weights.npz": (saved_arrays, "it holds NumPy arrays, no network"),
    "photo.keras": (lambda: image_in("JPEG"), "it is a JPEG image"),
    "photo.png": (lambda: image_in("PNG"), "it is a PNG image"),
    "photo.gif": (lambda: image_in("GIF"), "it is a GIF image"),
    "photo.bmp": (lambda: image_in("BMP"), "it is a BMP image"),
    "photo.tif": (lambda: image_in("TIFF"), "it is a TIFF image"),
    "photo.webp": (lambda: image_in("WEBP"), "it is a WebP image"),
    "page.keras": (lambda: b"<!DOCTYPE html><title>Not found</title>", "it is a web page"),
    "pointer.h5": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "placeholder of Git"),
    "model.json": (lambda: small_model().to_json().encode(), "the JSON of an architecture"),
    "web.json": (lambda: b'{"modelTopology": {}}', "a network for TensorFlow.js"),
    "other.json": (lambda: b'{"a": 1}', "it is a JSON file, not a .keras file"),
    "broken.json": (lambda: b'{"a": ', "it is text, not a .keras file"),
    "notes.keras": (lambda: b"to do", "it is not a .keras file"),
    "data.h5": (an_hdf5_file, "it is an HDF5 file without a network of Keras"),
    "archive.zip": (lambda: zipped("a.txt"), "it holds other parts than a .keras file has: a.txt"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_kind_of_file_is_named(name: str, tmp_path: Path) -> None:
    make, reason = FILES[name]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(ModelLoadError, match=rf"^{name!r} cannot be used: .*{reason}") as caught:
        load_model_file(path)
    assert caught.value.path == path
    assert len(str(caught.value)) < 400
    assert str(caught.value).endswith(".")


def test_the_two_kinds_that_open_are_told_apart_by_content(tmp_path: Path) -> None:
    small_model().save(tmp_path / "a.keras")
    (tmp_path / "a.keras").rename(tmp_path / "a.h5")
    assert kind_of(tmp_path / "a.h5") == "archive"
    (tmp_path / "b.keras").write_bytes(an_hdf5_file())
    assert kind_of(tmp_path / "b.keras") == "hdf5"


def test_an_archive_under_another_name_is_to_be_renamed(tmp_path: Path) -> None:
    small_model().save(tmp_path / "a.keras")
    path = (tmp_path / "a.keras").rename(tmp_path / "a.zip")
    with pytest.raises(ModelLoadError, match=r"does not end in \.keras\. Rename it to a\.keras"):
        load_model_file(path)


def test_an_interrupted_download_is_called_incomplete(tmp_path: Path) -> None:
    small_model().save(tmp_path / "a.keras")
    content = (tmp_path / "a.keras").read_bytes()
    for share in (0.2, 0.5, 0.95):
        (tmp_path / "a.keras").write_bytes(content[: int(len(content) * share)])
        with pytest.raises(Refused, match="it is incomplete, as after an interrupted"):
            kind_of(tmp_path / "a.keras")


def test_folders_are_named(tmp_path: Path) -> None:
    for name, part, reason in (
        ("saved", "saved_model.pb", "SavedModel of TensorFlow"),
        ("web", "model.json", "TensorFlow.js"),
        ("plain", "notes.txt", "it is a folder. A network is a .keras file"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / part).touch()
        with pytest.raises(ModelLoadError, match=reason):
            load_model_file(tmp_path / name)


def test_an_unpacked_archive_is_packed_by_the_line_that_is_shown(tmp_path: Path) -> None:
    small_model().save(tmp_path / "net.keras")
    with zipfile.ZipFile(tmp_path / "net.keras") as archive:
        archive.extractall(tmp_path / "unpacked")
    (tmp_path / "net.keras").unlink()
    (tmp_path / "unpacked").rename(tmp_path / "net.keras")
    with pytest.raises(ModelLoadError, match="Rename the folder to 'net', then run") as caught:
        load_model_file(tmp_path / "net.keras")
    (tmp_path / "net.keras").rename(tmp_path / "net")
    with pytest.raises(ModelLoadError, match="Run keras") as caught:
        load_model_file(tmp_path / "net")
    (line,) = re.findall(
        r"(keras\.saving\.load_model\('net'\)\.save\('.*'\))\.$", str(caught.value)
    )
    run(line, tmp_path)
    assert load_model_file(tmp_path / "network.keras").output_shape == (None, 2)


def run(line: str, folder: Path, **names: object) -> None:
    """Run a line of a message, as a user would in that folder."""
    inside = re.sub(r"\('([^']+)'\)", lambda found: f"('{folder}/{found[1]}')", line)
    exec(inside, {"keras": keras, **names})


@pytest.mark.parametrize("name", ["net.weights.h5", "net.h5", "net.keras"])
@pytest.mark.parametrize("is_legacy", [False, True])
def test_weights_become_a_network_by_the_lines_that_are_shown(
    name: str, is_legacy: bool, tmp_path: Path
) -> None:
    model = small_model()
    if is_legacy:  # as Keras 2 wrote them: without the description of the network
        model.save(tmp_path / "whole.h5")
        with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(tmp_path / name, "w") as file:
            for key in whole["model_weights"]:
                whole["model_weights"].copy(key, file)
            for key, value in whole["model_weights"].attrs.items():
                file.attrs[key] = value
    else:
        model.save_weights(tmp_path / "saved.weights.h5")
        (tmp_path / "saved.weights.h5").rename(tmp_path / name)
    with pytest.raises(ModelLoadError, match="it holds weights only, no network") as caught:
        load_model_file(tmp_path / name)
    message = str(caught.value)
    if renamed := re.search("Rename it to '([^']+)'", message):
        (tmp_path / name).rename(tmp_path / renamed[1])
    built = small_model()
    for line in re.findall(r"model\.\w+\('[^']+'\)", message):
        run(line, tmp_path, model=built)
    loaded = load_model_file(tmp_path / "net.keras")
    for values, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_an_architecture_becomes_a_network_by_the_lines_that_are_shown(tmp_path: Path) -> None:
    model = small_model()
    (tmp_path / "net.json").write_text(model.to_json())
    model.save_weights(tmp_path / "name.weights.h5")
    with pytest.raises(ModelLoadError, match="JSON of an architecture") as caught:
        load_model_file(tmp_path / "net.json")
    (build,) = re.findall(r"keras\.models\.model_from_json\(.*?\)\)", str(caught.value))
    names: dict[str, object] = {"keras": keras, "open": lambda name: io.StringIO(texts[name])}
    texts = {"net.json": model.to_json()}
    exec(f"model = {build}", names)
    for line in re.findall(r"model\.\w+\('name[^']+'\)", str(caught.value)):
        run(line, tmp_path, model=names["model"])
    loaded = load_model_file(tmp_path / "name.keras")
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
