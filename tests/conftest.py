"""Tiny networks with weights written by hand, and images from a seed. Nothing is downloaded."""

import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import machine

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LONG = (  # files that take minutes
    *("test_app.py", "test_inspected_model_against_keras.py", "test_pages.py", "test_transfer.py"),
    *("test_class_activation.py", "test_loop.py", "test_tools.py", "test_layout.py", "test_run.py"),
    *("test_augmentation.py", "test_reading.py", "test_map_layout.py", "test_timeline.py"),
    *("test_optimizer.py", "test_own_networks.py", "test_train.py", "test_app_server.py"),
)
REPOSITORY = machine.REPOSITORY
NUM_CLASSES = 3
DENSE_KERNEL = np.random.default_rng(3).normal(size=(4, NUM_CLASSES)).astype(np.float32)
DENSE_BIAS = np.array([0.3, -0.2, 0.1], np.float32)


def pytest_configure(config: pytest.Config) -> None:
    """Hide what this machine has, before a test file imports anything that reads it.

    A fixture would come too late: Keras reads its settings on import, and some lists of cases are
    made while test files are collected.
    """
    folder = tempfile.TemporaryDirectory(prefix="cnnviz-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    machine.hide_machine(patch, Path(folder.name))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and skip the slow tests unless asked for."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.name, len(LONG)))
    if os.environ.get("CNNVIZ_SLOW_TESTS"):
        return
    reason = "takes long: set CNNVIZ_SLOW_TESTS=1 to run it"
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason=reason))
    _skip_all_but_samples(items)


def _skip_all_but_samples(items: list[pytest.Item]) -> None:
    """Of every test marked `sample(n)` leave n cases, spread evenly from the first to the last."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sample") and not item.get_closest_marker("skip"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for alike in cases.values():
        marker = alike[0].get_closest_marker("sample")
        assert marker is not None
        kept = {round(place) for place in np.linspace(0, len(alike) - 1, marker.args[0])}
        for place, item in enumerate(alike):
            if place not in kept:
                reason = "one of many alike: set CNNVIZ_SLOW_TESTS=1 to run it"
                item.add_marker(pytest.mark.skip(reason=reason))


def slow_unless(quick: Collection[Any], cases: Collection[Any]) -> list[Any]:
    """Mark the cases of a test as slow, all but the quick ones; several parameters are a tuple."""
    assert all(case in cases for case in quick), "a quick case that is none would be lost"
    return [
        case
        if case in quick
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for case in cases
    ]


@pytest.fixture(autouse=True)
def _real_data_for_marked_tests_only(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Show the data folders of this machine to tests marked `real_data`, and to no others.

    Home and caches stay hidden from them, too: Keras reads its home once, when it is imported, so
    later tests of the same process would see what one test was shown.
    """
    if request.node.get_closest_marker("real_data") is None:
        yield
        return
    machine.set_environment(monkeypatch, machine.real_data_environment())
    yield
    if streamlit := sys.modules.get("streamlit"):  # pages keep the data sets that they read
        streamlit.cache_data.clear()
        streamlit.cache_resource.clear()


def convolution_weights(channels: int, filters: int, seed: int = 1) -> list[np.ndarray]:
    """Weights of a 3x3 convolution: a kernel from a seed, and a small bias."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.5, (3, 3, channels, filters)).astype(np.float32)
    return [kernel, np.linspace(0.1, 0.4, filters, dtype=np.float32)]


def _gap_body(channels: int) -> list[Any]:
    from keras import layers

    return [
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.GlobalAveragePooling2D(name="gap"),
    ]


def _fill(model: Any) -> Any:
    """Give every layer its hand-made weights, whatever the model is made of."""
    for layer in model._flatten_layers(include_self=False):
        if layer.name == "conv":
            layer.set_weights(convolution_weights(layer.kernel.shape[2], 4))
        elif layer.name == "dense":
            layer.set_weights([DENSE_KERNEL, DENSE_BIAS])
        elif layer.name == "unit":
            layer.set_weights([DENSE_KERNEL[:, :1], DENSE_BIAS[:1]])
    return model


def make_network(kind: str, channels: int = 3, size: int = 8) -> Any:
    """Build one of the shapes in which networks come; all share the same numbers."""
    import keras
    from keras import layers

    inputs = keras.Input((size, size, channels))
    body = _gap_body(channels)
    dense = layers.Dense(NUM_CLASSES, name="dense")
    softmax_dense = layers.Dense(NUM_CLASSES, activation="softmax", name="dense")

    def chain(*steps: Any) -> Any:
        x = inputs
        for step in steps:
            x = step(x)
        return keras.Model(inputs, x)

    if kind == "sequential":
        model = keras.Sequential([inputs, *body, softmax_dense])
    elif kind == "functional":
        model = chain(*body, softmax_dense)
    elif kind == "logits":
        model = chain(*body, dense)
    elif kind == "softmax-layer":
        model = chain(*body, dense, layers.Softmax())
    elif kind == "activation-layer":
        model = chain(*body, dense, layers.Activation("softmax"))
    elif kind == "nested":
        backbone = keras.Sequential([keras.Input((size, size, channels)), *body], name="backbone")
        model = chain(backbone, layers.Dropout(0.5), softmax_dense)
    elif kind == "nested-head":
        head = keras.Sequential([keras.Input((4,)), dense, layers.Softmax()], name="head")
        model = chain(*body, head)
    elif kind == "sigmoid":
        model = chain(*body, layers.Dense(1, activation="sigmoid", name="unit"))
    elif kind == "sigmoid-layer":
        model = chain(*body, layers.Dense(1, name="unit"), layers.Activation("sigmoid"))
    else:
        raise ValueError(kind)
    return _fill(model)


SOFTMAX_KINDS = (
    "sequential",
    "functional",
    "softmax-layer",
    "activation-layer",
    "nested",
    "nested-head",
)
SIGMOID_KINDS = ("sigmoid", "sigmoid-layer")
ALL_KINDS = (*SOFTMAX_KINDS, "logits", *SIGMOID_KINDS)


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], Any]:
    """Give the tiny network of a kind, ready to be looked at."""
    from functools import cache

    from cnnviz.network.inspection import wrap_model
    from cnnviz.zoo import card_for_model

    @cache
    def loaded(kind: str, channels: int = 3) -> Any:
        network = make_network(kind, channels)
        return wrap_model(network, card_for_model(network, kind))

    return loaded


@pytest.fixture(scope="session")
def image() -> Any:
    """An 8x8 image from a seed."""
    from cnnviz.images import image_from_pixels

    pixels = np.random.default_rng(5).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return image_from_pixels(pixels)


@pytest.fixture
def real_data(request: pytest.FixtureRequest) -> Path:
    """The folder with the real data sets; without it the test is skipped and says so."""
    assert request.node.get_closest_marker("real_data"), "mark the test with pytest.mark.real_data"
    folder = os.environ.get("CNNVIZ_DATA_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("no real data: set CNNVIZ_DATA_DIR to the folder that holds it")
    return Path(folder)
