"""The values that become black and white: known ranges are kept, outliers do not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnviz.images.value_range import (
    Sampler,
    ValueRange,
    display_range,
    to_bytes,
    typical_extremes,
    usual_range,
)

TYPES = ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
RAMP = np.arange(256)  # each gray level once


@st.composite
def values_of_any_type(draw: st.DrawFn) -> np.ndarray:
    """Finite values within `LARGEST_VALUE`, of any type that a file can hold."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    elements = None
    if dtype.kind == "f":
        largest = min(float(np.finfo(dtype).max), 2.0**99)
        elements = st.floats(-largest, largest, width=8 * dtype.itemsize)
    return draw(arrays.arrays(dtype, st.integers(1, 400), elements=elements))


@settings(deadline=None)
@given(values_of_any_type())
def test_the_mapping_keeps_the_order_of_values(values: np.ndarray) -> None:
    shown = display_range(values)
    assert shown.low < shown.high
    levels = to_bytes(np.sort(values), shown)
    assert (np.diff(levels.astype(int)) >= 0).all()


@settings(deadline=None)
@given(values_of_any_type(), st.randoms(use_true_random=False))
def test_the_range_depends_on_the_values_alone(values: np.ndarray, random: object) -> None:
    shuffled = np.random.default_rng(random.randrange(2**32)).permutation(values)  # type: ignore[attr-defined]
    assert display_range(values) == display_range(shuffled)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 10, 12, 14, 16]))
def test_data_of_a_full_range_lose_only_their_lower_bits(seed: int, num_bits: int) -> None:
    values = np.random.default_rng(seed).integers(0, 2**num_bits, 2000).astype(np.uint16)
    values[:2] = 0, 2**num_bits - 1
    shown = display_range(values)
    assert shown[:2] == (0, 2**num_bits - 1)
    np.testing.assert_array_equal(to_bytes(values, shown), values >> (num_bits - 8))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["i1", "i2", "i4", "u2", "u4"]))
def test_a_full_type_keeps_its_range(seed: int, name: str) -> None:
    limits = np.iinfo(name)
    values = np.random.default_rng(seed).integers(limits.min, limits.max, 2000, name, endpoint=True)
    values[:2] = limits.min, limits.max
    shown = display_range(values)
    assert shown[:2] == (limits.min, limits.max)
    expected = (values.astype(np.int64) - limits.min) >> (limits.bits - 8)
    np.testing.assert_array_equal(to_bytes(values, shown), expected)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (RAMP / 255, 0, 1),
        (RAMP / 510, 0, 1),  # dark, but within 0 to 1
        (RAMP / 255 - 0.5, -0.5, 0.5),
        (RAMP / 127.5 - 1, -1, 1),
        (RAMP / 255 * 0.8 - 0.7, -1, 1),
        (RAMP.astype(float), 0, 255),
        (RAMP * 0.7, 0, 255),
        (RAMP * 16.0, 0, 4095),
        (RAMP * 257.0, 0, 65535),
        (RAMP - 128.0, -128, 127),
        (RAMP / 100 - 5, -5, -2.45),
        (RAMP / 50 - 2.5, -2.5, 2.6),
        (RAMP * 0.04, 0, 10.2),  # fractions below 32 are no gray levels
        (RAMP * 1e-6, 0, 255e-6),  # all would be black
        (RAMP / 255 * 1.08 - 0.04, 0, 1),  # resampling overshoots
        (RAMP * 1.04 - 5.1, 0, 255),
    ],
)
@pytest.mark.parametrize("name", ["f4", "f8"])
def test_floating_point_keeps_the_ranges_in_use(
    values: np.ndarray, low: float, high: float, name: str
) -> None:
    shown = display_range(values.astype(name))
    assert shown[:2] == pytest.approx((low, high), rel=1e-6)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (RAMP // 2, 0, 255),  # a dark image of 8 bits
        (RAMP * 3, 0, 1023),
        (RAMP * 12, 0, 4095),
        (RAMP * 100, 0, 65535),
        (RAMP + 1000, 1000, 1255),  # hardly a sixteenth of 12 bits
        (RAMP * 8 + 29000, 29000, 31040),
        (np.full(100, 1000), 0, 1023),
        (np.full(100, 0), 0, 255),
    ],
)
@pytest.mark.parametrize("name", ["u2", "u4", "i2", "i4"])
def test_whole_numbers_get_the_bits_that_hold_them(
    values: np.ndarray, low: float, high: float, name: str
) -> None:
    shown = display_range(values.astype(name))
    assert shown[:2] == (low, min(high, np.iinfo(name).max))


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (RAMP - 128, -128, 127),
        (RAMP * 12 - 1024, -2048, 2047),  # computed tomography
        (RAMP - 3000, -3000, -2745),
        (RAMP // 16 - 8, -8, 7),
        (np.full(100, -5), -128, 127),
    ],
)
def test_negative_numbers_have_a_sign(values: np.ndarray, low: float, high: float) -> None:
    assert display_range(values.astype(np.int16))[:2] == (low, high)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 255.0, 4095.0]),
    st.lists(st.sampled_from([-1e9, -1e4, 1e4, 1e6, 3e29]), min_size=1, max_size=9),
)
def test_hot_and_dead_pixels_do_not_change_the_range(
    seed: int, white: float, outliers: list[float]
) -> None:
    values = np.random.default_rng(seed).uniform(0, white, 2000).astype(np.float32)
    values[:2] = 0, white
    spoiled = np.append(values, np.float32(outliers))
    shown = display_range(spoiled)
    assert shown[:2] == display_range(values)[:2]
    assert shown.note.endswith("outliers beyond are clipped.")


def test_one_hot_pixel_of_the_smallest_image_does_not_count() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32)
    values[10] = 60000
    assert display_range(values)[:2] == (0, 1)


def test_a_hot_pixel_among_whole_numbers_does_not_add_bits() -> None:
    values = np.tile(RAMP * 16, 10).astype(np.uint16)
    values[5] = 65535
    assert display_range(values)[:2] == (0, 4095)


def test_a_small_object_on_a_plain_ground_is_no_outlier() -> None:
    values = np.zeros(10_000, np.uint16)
    values[:20] = 4000
    assert display_range(values)[:2] == (0, 4095)
    assert typical_extremes(values) == (0, 4000)


def test_a_declared_range_counts_if_it_holds_the_data() -> None:
    dark = (RAMP * 4).astype(np.uint16)
    twelve, sixteen = ValueRange(0, 4095), ValueRange(0, 65535)
    assert display_range(dark, [twelve])[:2] == twelve
    assert display_range(dark, [sixteen])[:2] == sixteen
    assert display_range(dark * 16, [twelve, sixteen])[:2] == sixteen
    assert display_range(dark * 16, [twelve])[:2] == (0, 16383)


@pytest.mark.parametrize(
    ("values", "declared", "note"),
    [
        (RAMP * 257, [], "Values 0 to 65535 were mapped to black and white."),
        (
            RAMP * 16,
            [],
            "Values 0 to 4095 were mapped to black and white "
            "(12 bits hold the data, and the file declares no range).",
        ),
        (
            RAMP * 16,
            [ValueRange(0, 4095)],
            "Values 0 to 4095 were mapped to black and white (as the file declares).",
        ),
        (
            RAMP + 1000,
            [],
            "Values 1000 to 1255 were mapped to black and white (the range of the data).",
        ),
        (RAMP / 255, [], "Values 0 to 1 were mapped to black and white."),
        (RAMP * 0.7, [], "Values 0 to 255 were mapped to black and white."),
        (
            RAMP / 100 + 3,
            [],
            "Values 3 to 5.55 were mapped to black and white (the range of the data).",
        ),
        (
            RAMP.astype(float),
            [],
            "Values 0 to 255 were mapped to black and white "
            "(8 bits hold the data, and the file declares no range).",
        ),
    ],
)
def test_the_note_says_what_was_mapped_and_why(
    values: np.ndarray, declared: list[ValueRange], note: str
) -> None:
    kind = np.uint16 if values.dtype.kind == "i" else np.float32
    assert display_range(values.astype(kind), declared).note == note


def test_levels_are_steps_of_equal_size() -> None:
    levels = to_bytes(np.float64([-1, 0, 0.0039, 0.004, 0.5, 0.9999, 1, 7]), ValueRange(0, 1))
    np.testing.assert_array_equal(levels, [0, 0, 0, 1, 128, 255, 255, 255])


@pytest.mark.parametrize("name", ["u2", "i2", "u4", "f4", "f8"])
def test_white_may_be_zero_and_values_may_be_missing(name: str) -> None:
    values = np.array([0, 50, 100, 60], name)
    shown = ValueRange(0, 100)
    np.testing.assert_array_equal(to_bytes(values, shown, missing=60), [0, 128, 255, 0])
    inverted = to_bytes(values, shown, is_inverted=True, missing=60)
    np.testing.assert_array_equal(inverted, [255, 127, 0, 0])


def test_not_a_number_is_black_and_infinity_is_clipped() -> None:
    values = np.float32([np.nan, np.inf, -np.inf, 0.5])
    np.testing.assert_array_equal(to_bytes(values, ValueRange(0, 1)), [0, 255, 0, 128])
    inverted = to_bytes(values, ValueRange(0, 1), is_inverted=True)
    np.testing.assert_array_equal(inverted, [0, 0, 255, 127])


def test_values_that_hardly_differ_are_one_gray() -> None:
    for values in (np.float64([0, 5e-324]), np.float32([0, 1e-40])):
        assert display_range(values)[:2] == (0, 1)
        np.testing.assert_array_equal(to_bytes(values, display_range(values)), 0)


def test_alpha_is_never_stretched() -> None:
    assert usual_range(64_000, 65_000, np.uint16([64_000, 65_000])) == (0, 65535)


def test_a_sample_has_the_extremes_and_no_missing_values() -> None:
    values = np.linspace(0, 1, 3_000_000, dtype=np.float32).reshape(1000, 3000)
    values[500, 7] = 2  # falls between the samples
    values[3, :5] = np.nan, np.inf, -np.inf, 3.4e38, -9999
    sampler = Sampler(values.size, missing=-9999)
    for block in np.split(values, 10):
        sampler.add(block)
    sample = sampler.sample()
    assert 900_000 < sample.size < 1_100_000
    assert (sample.min(), sample.max()) == (0, 2)
    assert Sampler(4).sample().size == 0


@pytest.mark.parametrize("num_channels", [1, 2, 3, 4])
def test_a_sample_is_taken_from_all_channels_and_columns(num_channels: int) -> None:
    shape = (1000, 1200, num_channels)
    for axis in (1, 2):
        kinds = np.broadcast_to(np.indices(shape)[axis], shape)
        sampler = Sampler(kinds.size)
        sampler.add(kinds)
        shares = np.bincount(sampler.sample()) * shape[axis] / sampler.sample().size
        assert np.abs(shares - 1).max() < 0.05
