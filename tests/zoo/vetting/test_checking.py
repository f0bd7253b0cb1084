"""Every hostile file is refused with a sentence, and nothing of it happens."""

import os
import time
from pathlib import Path
from tempfile import mkdtemp

import keras
import pytest

from cnnviz.errors import ModelLoadError
from cnnviz.zoo import check_image, load_model_file, try_in_child
from cnnviz.zoo.architectures import build_architecture
from tests.builders.hostile_models import good_parts, packed, static_corpus, trial_corpus
from tests.conftest import slow_unless

TRAP = Path(mkdtemp()) / "trap"  # exists if something of a file happened
NO_IMAGE = {  # said of a network that is to take an image; a part of one may be different
    *("no layers", "layers are numbers"),
    *("two images", "five channels", "an image of a million pixels a side"),
    *("an image of minus one pixel", "an image of a text"),
}
STATIC, TRIAL = static_corpus(TRAP), trial_corpus()
QUICK_TRIAL = (
    *("weights are text", "weights of another file", "a billion filters", "not a number"),
    *("a tile of 12 TB", "HDF5: weights of another shape"),
)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "upload.keras"
    path.write_bytes(content)
    return path


def test_the_corpus_is_large() -> None:
    assert len(STATIC) + len(TRIAL) >= 25


@pytest.mark.parametrize("name", STATIC)
@pytest.mark.sample(10)
def test_a_hostile_file_is_refused_before_anything_is_built(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, STATIC[name]())
    started = time.monotonic()
    for refuse in (check_image,) if name in NO_IMAGE else (check_image, load_model_file):
        with pytest.raises(ModelLoadError, match=r"'upload\.keras' cannot be used: .+\.") as caught:
            refuse(path)
        assert caught.value.path == path
        assert len(str(caught.value)) < 400
    assert time.monotonic() - started < 10
    assert not TRAP.exists()


# each of these takes up to a minute in a child process
@pytest.mark.parametrize("name", slow_unless(QUICK_TRIAL, list(TRIAL)))
@pytest.mark.sample(2)
def test_what_looks_honest_fails_in_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, TRIAL[name]())
    check_image(path)
    with pytest.raises(ModelLoadError, match=r"'upload\.keras' cannot be used: .+\.") as caught:
        try_in_child(path)
    assert "/" not in str(caught.value).replace(str(path), "")


def test_an_honest_file_passes_both(tmp_path: Path) -> None:
    path = written(tmp_path, packed(good_parts()))
    assert check_image(path) == (16, 16, 3)
    waited: list[float] = []
    try_in_child(path, on_wait=waited.append)
    assert waited == sorted(waited)
    assert len(waited) > 2


def test_compiled_nested_and_free_sized_networks_pass(tmp_path: Path) -> None:
    inner = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(2, 3, activation=keras.ops.relu)]
    )
    inputs = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalMaxPooling2D()(inner(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(pooled))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(tmp_path / "nested.keras")
    assert check_image(tmp_path / "nested.keras") == (None, None, 3)
    build_architecture("fashion-gabor").save(tmp_path / "gabor.keras")
    assert check_image(tmp_path / "gabor.keras") == (None, None, 1)
    load_model_file(tmp_path / "nested.keras")


class StopError(Exception):
    """Stands for a press on stop."""


def test_a_trial_can_be_stopped_and_leaves_no_process_behind(tmp_path: Path) -> None:
    path = written(tmp_path, packed(good_parts()))

    def stop(seconds: float) -> None:
        if seconds > 0.3:
            raise StopError

    with pytest.raises(StopError):
        try_in_child(path, on_wait=stop)
    running = [
        (folder / "cmdline").read_bytes()
        for folder in Path("/proc").glob("[0-9]*")
        if os.access(folder / "cmdline", os.R_OK)
    ]
    assert not any(str(path).encode() in command for command in running)


def test_a_file_that_is_too_large_when_unpacked_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, packed(good_parts()))
    with pytest.raises(ModelLoadError, match="unpacks to more than 0 MB"):
        check_image(path, max_unpacked_bytes=1000)
