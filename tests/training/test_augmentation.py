"""Augmentation: what it may change, and that a seed decides all of it."""

from typing import Any

import numpy as np
import pytest

from cnnviz.errors import InvalidParameterError
from cnnviz.training import (
    LECTURE,
    RECIPES,
    UNCHANGED,
    Augmentation,
    augmentation_layers,
    draws,
    extremes,
    measure_invariance,
)


def changed(images: np.ndarray, seed: int = 3, **settings: Any) -> np.ndarray:
    layers = augmentation_layers(Augmentation(**settings), seed)
    return np.asarray(layers(images.astype(np.float32), training=True))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (16, 20, 20, 3)).astype(np.float32)


ALL = {
    **{"rotation_degrees": 20, "shift": 0.1, "shear_degrees": 10, "zoom": 0.2, "flip": True},
    **{"contrast": 0.3, "brightness": 0.2},
}


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


def test_without_training_images_stay_as_they_are(images: np.ndarray) -> None:
    layers = augmentation_layers(Augmentation(**ALL), 1)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.asarray(layers(images, training=False)), images)


def test_a_flip_is_the_image_or_its_mirror_image(images: np.ndarray) -> None:
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


def centers(images: np.ndarray) -> np.ndarray:
    """Center of gravity of each image in rows and columns, (N, 2)."""
    weights = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    places = np.arange(images.shape[1])
    return np.stack(
        [(weights.sum(axis=2) * places).sum(1), (weights.sum(axis=1) * places).sum(1)], axis=1
    )


def test_a_shift_stays_within_its_bound_and_uses_it() -> None:
    moved = centers(changed(bright_spot(20, 20), shift=0.2, fill="constant")) - 20
    assert np.abs(moved).max() <= 0.2 * 41 + 0.01
    assert np.abs(moved).max() > 0.15 * 41
    assert (moved > 1).any()
    assert (moved < -1).any()


def test_a_rotation_turns_about_the_middle_by_no_more_than_asked_for() -> None:
    turned = centers(changed(bright_spot(20, 34), rotation_degrees=30, fill="constant")) - 20
    radius = np.hypot(*turned.T)
    angles = np.degrees(np.arctan2(turned[:, 0], turned[:, 1]))
    np.testing.assert_allclose(radius, 14, atol=0.3)
    assert 24 < np.abs(angles).max() <= 30.5
    assert angles.min() < 0 < angles.max()


def test_a_zoom_moves_a_spot_outwards_or_inwards_within_its_bound() -> None:
    distance = centers(changed(bright_spot(20, 30), zoom=0.2, fill="constant"))[:, 1] - 20
    assert 10 / 1.2 - 0.3 <= distance.min() < 9.3
    assert 11 < distance.max() <= 10 / 0.8 + 0.3


def test_a_shear_moves_rows_by_the_tangent_of_its_angle() -> None:
    moved = centers(changed(bright_spot(20, 20), shear_degrees=20, fill="constant")) - 20
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
        ({"contrast": 1}, "contrast must be from 0 to 0.9, got 1"),
        ({"brightness": -0.1}, "brightness must be from 0 to 0.9"),
        ({"fill": "mirror"}, "fill must be one of nearest, reflect, wrap, constant"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        Augmentation(**settings)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)


def test_a_seed_decides_the_draws_to_the_bit(pixels: np.ndarray) -> None:
    first = draws(pixels, LECTURE, 6, seed=7)
    assert (first.shape, first.dtype) == ((6, 40, 40, 3), np.uint8)
    np.testing.assert_array_equal(first, draws(pixels, LECTURE, 6, seed=7))
    assert not np.array_equal(first, draws(pixels, LECTURE, 6, seed=8))
    assert len({version.tobytes() for version in first}) == 6


def test_draws_are_what_the_layers_of_a_training_give(pixels: np.ndarray) -> None:
    batch = np.stack([pixels] * 5).astype(np.float32)
    layers = augmentation_layers(LECTURE, 3)
    expected = np.rint(np.asarray(layers(batch, training=True)))
    np.testing.assert_array_equal(draws(pixels, LECTURE, 5, seed=3), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_recipe_of_nothing_gives_the_image(pixels: np.ndarray, channels: int) -> None:
    image = pixels[..., :channels]
    for version in draws(image, UNCHANGED, 3, seed=1):
        np.testing.assert_array_equal(version, image)
    assert extremes(image, UNCHANGED) == {}


def test_draws_leave_the_callers_pixels_alone(pixels: np.ndarray) -> None:
    before = pixels.copy()
    draws(pixels, Augmentation(**ALL), 2, seed=1)  # type: ignore[arg-type]
    extremes(pixels, Augmentation(**ALL))  # type: ignore[arg-type]
    np.testing.assert_array_equal(pixels, before)


def test_the_ends_of_a_flip_are_the_image_and_its_mirror_image(pixels: np.ndarray) -> None:
    as_it_is, mirrored = extremes(pixels, Augmentation(flip=True))["flip"]
    np.testing.assert_array_equal(as_it_is, pixels)
    np.testing.assert_array_equal(mirrored, pixels[:, ::-1])


def test_the_ends_of_a_quarter_turn_go_right_and_left(pixels: np.ndarray) -> None:
    right, left = extremes(pixels, Augmentation(rotation_degrees=90))["rotation"]
    np.testing.assert_array_equal(right, np.rot90(pixels, -1))
    np.testing.assert_array_equal(left, np.rot90(pixels, 1))


def test_the_ends_of_a_shift_by_whole_pixels_are_rolled_images(pixels: np.ndarray) -> None:
    up_left, down_right = extremes(pixels, Augmentation(shift=0.25))["shift"]
    np.testing.assert_array_equal(up_left[:30, :30], pixels[10:, 10:])
    np.testing.assert_array_equal(down_right[10:, 10:], pixels[:30, :30])
    np.testing.assert_array_equal(down_right[:11, :11], np.full((11, 11, 3), pixels[0, 0]))


def test_the_ends_of_a_zoom_show_less_and_more_of_the_view() -> None:
    spot = bright_spot(20, 26)[0].astype(np.uint8)
    nearer, farther = extremes(spot, Augmentation(zoom=0.5, fill="constant"))["zoom"]
    columns = centers(np.stack([nearer, farther]).astype(np.float64))[:, 1] - 20
    np.testing.assert_allclose(columns, [6 / 0.5, 6 / 1.5], atol=0.3)


def test_the_ends_of_a_shear_lean_to_both_sides() -> None:
    spot = bright_spot(20, 20)[0].astype(np.uint8)
    ends = extremes(spot, Augmentation(shear_degrees=20, fill="constant"))["shear"]
    moved = centers(ends.astype(np.float64))[:, 1] - 20
    np.testing.assert_allclose(np.abs(moved), 20 * np.tan(np.radians(20)), atol=0.1)
    assert moved[0] > 0 > moved[1]


@pytest.mark.parametrize(("place", "factor"), [(0, 0.6), (1, 1.4)])
def test_the_ends_of_contrast_have_a_closed_form(
    pixels: np.ndarray, place: int, factor: float
) -> None:
    mean = pixels.mean(axis=(0, 1))
    expected = np.clip((pixels - mean) * factor + mean, 0, 255)
    found = extremes(pixels, Augmentation(contrast=0.4))["contrast"][place]
    np.testing.assert_allclose(found, expected, atol=0.501)


@pytest.mark.parametrize(("place", "added"), [(0, -51), (1, 51)])
def test_the_ends_of_brightness_have_a_closed_form(
    pixels: np.ndarray, place: int, added: int
) -> None:
    found = extremes(pixels, Augmentation(brightness=0.2))["brightness"][place]
    np.testing.assert_array_equal(found, np.clip(pixels.astype(int) + added, 0, 255))


def test_contrast_in_a_training_stays_between_its_ends(images: np.ndarray) -> None:
    after = changed(images / 4 + 96, contrast=0.4)
    factors = after.std(axis=(1, 2, 3)) / (images / 4).std(axis=(1, 2, 3))
    assert 0.59 <= factors.min() < 0.85
    assert 1.15 < factors.max() <= 1.41


def test_light_is_drawn_by_itself(images: np.ndarray) -> None:
    """The layers that move the image draw the same with changed light and without."""
    gray = np.full_like(images, 128)
    moved = {"shift": 0.2, "fill": "constant"}
    dark = changed(gray, **moved) == 0
    np.testing.assert_array_equal(changed(gray, contrast=0.4, **moved) == 0, dark)


def test_a_network_trained_before_has_the_recipe_that_it_had() -> None:
    assert RECIPES["cats-dogs-150-augmented"].augmentation == Augmentation(10, 0.1, 0, 0.2, True)
    assert all(recipe.augmentation.contrast == 0 for recipe in RECIPES.values())
    assert all(recipe.augmentation.brightness == 0 for recipe in RECIPES.values())


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8)]
)
def test_only_images_are_changed(wrong: np.ndarray) -> None:
    for change in (lambda: draws(wrong, LECTURE, 2, seed=1), lambda: extremes(wrong, LECTURE)):
        with pytest.raises(InvalidParameterError, match=r"expected uint8 pixels \(h, w, 1 or 3\)"):
            change()


def test_at_least_one_draw_is_asked_for(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidParameterError, match="num must be at least 1, got 0"):
        draws(pixels, LECTURE, 0, seed=1)


def test_invariance_is_counted_by_hand() -> None:
    before = np.array([0.2, 0.7, 0.1])
    after = np.array([[0.1, 0.8, 0.1], [0.5, 0.4, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]])
    found = measure_invariance(before, after)
    assert (found.class_index, found.before) == (1, 0.7)
    np.testing.assert_allclose(found.probabilities, [0.8, 0.4, 0.6, 0.2], rtol=1e-6)
    assert found.predictions.tolist() == [1, 0, 1, 2]
    np.testing.assert_allclose(found.certainties, [0.8, 0.5, 0.6, 0.7], rtol=1e-6)
    assert found.stays.tolist() == [True, False, True, False]
    assert found.share == 0.5
    assert found.mean == pytest.approx(0.5)
    assert found.spread == pytest.approx(np.sqrt((0.09 + 0.01 + 0.01 + 0.09) / 4))
    with pytest.raises(ValueError, match="read-only"):
        found.probabilities[0] = 1


@pytest.mark.parametrize("after", [np.zeros((0, 3)), np.zeros((2, 4)), np.zeros(3)])
def test_invariance_needs_answers_of_the_same_classes(after: np.ndarray) -> None:
    with pytest.raises(InvalidParameterError, match=r"expected \(num_classes,\)"):
        measure_invariance(np.zeros(3), after)
