"""Networks whose weights are downloaded, tried with a small one from a server on this machine."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from cnnviz.errors import DownloadCancelled, DownloadError, ModelLoadError
from cnnviz.zoo import ModelCard, build_model, download_weights, find_card, is_ready, list_models
from cnnviz.zoo.published.keras_applications import (
    ARCHITECTURES,
    CARDS,
    fetch_weights,
    weights_file,
    with_weights,
)
from tests.builders.loopback import Answer, Loopback, serving

small_network = partial(
    keras.applications.MobileNet, alpha=0.25, input_shape=(32, 32, 3), classes=10
)


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture(scope="module")
def original() -> keras.Model:
    keras.utils.set_random_seed(0)
    return small_network(weights=None)


def published_format(model: keras.Model) -> bytes:
    """Write weights in the format of the published files, that of Keras before version 3."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}".encode() for weight in layer.weights]
            group.attrs["weight_names"] = names
            for name, weight in zip(names, layer.get_weights(), strict=True):
                group[name.decode()] = weight
    return content.getvalue()


@pytest.fixture(scope="module")
def weights(original: keras.Model) -> bytes:
    return published_format(original)


def small_card(server: Loopback, content: bytes | None) -> ModelCard:
    """Make a card for the small network; without content its checksum is not known."""
    return replace(
        find_card("mobilenet"),
        name="small",
        title="Small",
        download_url=server.url("small.h5"),
        download_hash=content and f"md5:{hashlib.md5(content).hexdigest()}",
        download_bytes=len(content) if content else None,
    )


def fetched(card: ModelCard, on_progress: Callable[[int, int], None] | None = None) -> keras.Model:
    """Fetch the weights of the small network and build it."""
    fetch_weights(card, on_progress)
    return with_weights(card, small_network)


def assert_same_weights(model: keras.Model, other: keras.Model) -> None:
    for values, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_weights_are_downloaded_once_into_keras_own_folder(
    original: keras.Model, weights: bytes, keras_home: Path
) -> None:
    progress: list[tuple[int, int]] = []
    with serving({"small.h5": Answer(weights)}) as server:
        card = small_card(server, weights)
        assert not is_ready(card)
        model = fetched(card, lambda done, total: progress.append((done, total)))
        assert_same_weights(model, original)
        assert is_ready(card)
        assert progress[-1] == (len(weights), len(weights))
        again = fetched(card)
        assert again is not model
        assert server.num_requests["small.h5"] == 1
    assert (keras_home / "models" / "small.h5").read_bytes() == weights


def test_a_file_that_keras_downloaded_is_used_without_a_network(
    original: keras.Model, weights: bytes, keras_home: Path
) -> None:
    with serving({}) as server:
        card = small_card(server, weights)
        keras.utils.get_file(
            "small.h5",
            origin=_as_file_address(keras_home, weights),
            cache_dir=str(keras_home),
            cache_subdir="models",
        )
        assert_same_weights(fetched(card), original)
        assert not server.num_requests


def _as_file_address(folder: Path, content: bytes) -> str:
    path = folder / "elsewhere.h5"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path.as_uri()


def test_a_damaged_file_with_a_known_checksum_is_downloaded_again(
    original: keras.Model, weights: bytes
) -> None:
    with serving({"small.h5": Answer(weights)}) as server:
        card = small_card(server, weights)
        weights_file(card).parent.mkdir(parents=True)
        weights_file(card).write_bytes(weights[:1000])
        assert_same_weights(fetched(card), original)
    assert weights_file(card).read_bytes() == weights


@pytest.mark.parametrize("trouble", ["torn", "wrong", "refused"])
def test_a_failed_download_leaves_nothing_behind(weights: bytes, trouble: str) -> None:
    answer = {
        "torn": Answer(weights, torn_after=5000),
        "wrong": Answer(weights[:-1] + b"!"),
        "refused": Answer(status=403),
    }[trouble]
    with serving({"small.h5": answer}) as server:
        card = small_card(server, weights)
        with pytest.raises(DownloadError, match=r"Here without it: .*efficientnet-lite0") as caught:
            download_weights(card)
        assert caught.value.url == card.download_url
    assert list(weights_file(card).parent.iterdir()) == []


def test_a_cancelled_download_leaves_nothing_behind(weights: bytes) -> None:
    def stop(done: int, total: int) -> None:
        raise DownloadCancelled("The user stopped the download.")

    with serving({"small.h5": Answer(weights)}) as server:
        card = small_card(server, weights)
        with pytest.raises(DownloadCancelled):
            fetched(card, stop)
    assert list(weights_file(card).parent.iterdir()) == []


def _other_network() -> bytes:
    """Give the weights of another network than the one expected."""
    return published_format(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


@pytest.mark.parametrize("kind", ["another network", "not a file of weights", "cut"])
@pytest.mark.parametrize("is_hash_known", [False, True])
def test_weights_that_do_not_fit_are_reported(
    weights: bytes, kind: str, is_hash_known: bool
) -> None:
    content = {
        "another network": _other_network(),
        "not a file of weights": b"<html>Sorry</html>",
        "cut": weights[: len(weights) // 2],
    }[kind]
    with serving({"small.h5": Answer(content)}) as server:
        card = small_card(server, content if is_hash_known else None)
        with pytest.raises(ModelLoadError, match="do not fit the network") as caught:
            fetched(card)
    assert caught.value.path == weights_file(card)
    # A file with the published checksum is right, so it is the network that is wrong: it stays.
    assert weights_file(card).exists() == is_hash_known


def test_without_a_network_the_message_names_what_works() -> None:
    with serving({}) as server:
        card = replace(find_card("mobilenet"), download_url=server.url("gone.h5"))
    words = r"No connection.*downloaded once.*without it: efficientnet-lite0, [a-z0-9, -]*\.$"
    with pytest.raises(DownloadError, match=words) as caught:
        build_model(card)
    assert caught.value.url == card.download_url


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_cards_tell_what_kerass_own_source_tells(card: ModelCard) -> None:
    import inspect

    builder: Any = getattr(keras.applications, ARCHITECTURES[card.name])
    source = Path(inspect.getfile(inspect.unwrap(builder))).read_text()
    if card.download_hash:
        assert card.download_hash.removeprefix("md5:") in source
    assert card.download_url
    folder = card.download_url.rsplit("/", 2)[-2]
    assert f"keras-applications/{folder}/" in source.replace('"\n    "', "")
    assert card.input_height == (299 if card.name in ("inception-v3", "xception") else 224)


def test_a_registered_network_is_built_from_its_file() -> None:
    card = find_card("mobilenet")
    original = keras.applications.MobileNet(weights=None)
    assert original.count_params() == card.num_parameters
    weights_file(card).parent.mkdir(parents=True)
    weights_file(card).write_bytes(published_format(original))
    assert_same_weights(build_model(card), original)
    ready = {card.name for card in list_models() if is_ready(card) and card.download_url}
    assert ready == {"mobilenet"}
