"""Augmentation: what it may change, and that a seed decides all of it."""

from typing import Any

import numpy as np
import pytest

from cnnviz.errors import InvalidParameterError
from cnnviz.training import Augmentation, augmentation_layers


def changed(images: np.ndarray, seed: int = 3, **settings: Any) -> np.ndarray:
    layers = augmentation_layers(Augmentation(**settings), seed)
    return np.asarray(layers(images.astype(np.float32), training=True))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (16, 20, 20, 3)).astype(np.float32)


ALL = {"rotation_degrees": 20, "shift": 0.1, "shear_degrees": 10, "zoom": 0.2, "flip": True}


def test_nothing_asked_for_changes_nothing(images: np.ndarray) -> None:
    assert not Augmentation().changes_anything
    np.testing.assert_array_equal(changed(images), images)


@pytest.mark.parametrize("key", ALL)
def test_each_change_works_by_itself_and_its_seed_decides_it(images: np.ndarray, key: str) -> None:
    settings = {key: ALL[key]}
    assert Augmentation(**settings).changes_anything  # type: ignore[arg-type]
    first = changed(images, **settings)
    assert first.shape == images.shape
    assert not np.array_equal(first, images)
    np.testing.assert_array_equal(first, changed(images, **settings))
    assert not np.array_equal(first, changed(images, seed=4, **settings))


def test_without_training_pictures_stay_as_they_are(images: np.ndarray) -> None:
    layers = augmentation_layers(Augmentation(**ALL), 1)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.asarray(layers(images, training=False)), images)


def test_a_flip_is_the_picture_or_its_mirror_image(images: np.ndarray) -> None:
    mirrored = 0
    for before, after in zip(images, changed(images, flip=True), strict=True):
        is_mirrored = np.array_equal(after, before[:, ::-1])
        assert is_mirrored or np.array_equal(after, before)
        mirrored += is_mirrored
    assert 3 <= mirrored <= 13


def bright_spot(row: int, column: int) -> np.ndarray:
    images = np.zeros((64, 41, 41, 1), np.float32)
    images[:, row - 1 : row + 2, column - 1 : column + 2] = 255
    return images


def centres(images: np.ndarray) -> np.ndarray:
    """Centre of gravity of each picture in rows and columns, (N, 2)."""
    weights = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    places = np.arange(images.shape[1])
    return np.stack(
        [(weights.sum(axis=2) * places).sum(1), (weights.sum(axis=1) * places).sum(1)], axis=1
    )


def test_a_shift_stays_within_its_bound_and_uses_it() -> None:
    moved = centres(changed(bright_spot(20, 20), shift=0.2, fill="constant")) - 20
    assert np.abs(moved).max() <= 0.2 * 41 + 0.01
    assert np.abs(moved).max() > 0.15 * 41
    assert (moved > 1).any()
    assert (moved < -1).any()


def test_a_rotation_turns_about_the_middle_by_no_more_than_asked_for() -> None:
    turned = centres(changed(bright_spot(20, 34), rotation_degrees=30, fill="constant")) - 20
    radius = np.hypot(*turned.T)
    angles = np.degrees(np.arctan2(turned[:, 0], turned[:, 1]))
    np.testing.assert_allclose(radius, 14, atol=0.3)
    assert 24 < np.abs(angles).max() <= 30.5
    assert angles.min() < 0 < angles.max()


def test_a_zoom_moves_a_spot_outwards_or_inwards_within_its_bound() -> None:
    distance = centres(changed(bright_spot(20, 30), zoom=0.2, fill="constant"))[:, 1] - 20
    assert 10 / 1.2 - 0.3 <= distance.min() < 9.3
    assert 11 < distance.max() <= 10 / 0.8 + 0.3


def test_a_shear_moves_rows_by_the_tangent_of_its_angle() -> None:
    moved = centres(changed(bright_spot(20, 20), shear_degrees=20, fill="constant")) - 20
    np.testing.assert_allclose(moved[:, 0], 0, atol=0.05)
    reach = np.abs(moved[:, 1]).max()
    assert 0.7 * 20 * np.tan(np.radians(20)) < reach <= 20 * np.tan(np.radians(20)) + 0.05


@pytest.mark.parametrize(
    ("fill", "expected"), [("constant", 0), ("nearest", 200), ("reflect", 200), ("wrap", 200)]
)
def test_what_comes_in_at_the_border_is_what_was_asked_for(fill: str, expected: float) -> None:
    bright = np.full((8, 10, 10, 1), 200, np.float32)
    assert changed(bright, shift=0.5, fill=fill).min() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rotation_degrees": 181}, "rotation_degrees must be from 0 to 180, got 181"),
        ({"shift": -0.1}, "shift must be from 0 to 0.5"),
        ({"zoom": 1}, "zoom must be from 0 to 0.9"),
        ({"shear_degrees": float("nan")}, "shear_degrees must be from 0 to 45"),
        ({"fill": "mirror"}, "fill must be one of nearest, reflect, wrap, constant"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        Augmentation(**settings)
