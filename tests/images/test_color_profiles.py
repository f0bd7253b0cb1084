"""Colors with an ICC profile become those of sRGB, or stay as they are if it does not fit."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from cnnviz.images import color_profiles
from cnnviz.images.color_profiles import to_srgb
from tests.builders import profiles
from tests.builders.profiles import ADOBE_RGB, DISPLAY_P3, SRGB

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (20, 30, 3), np.uint8)
RAMP = np.arange(256, dtype=np.uint8)[np.newaxis]


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("primaries", "gamma", "name"),
    [(DISPLAY_P3, 2.2, "Display P3"), (ADOBE_RGB, 563 / 256, "Adobe RGB (1998)"), (SRGB, 1.8, "")],
)
def test_rgb_is_converted_by_primaries_and_gamma(
    primaries: np.ndarray, gamma: float, name: str
) -> None:
    profile = profiles.rgb_profile(primaries, gamma, name.encode())
    image, note = to_srgb(Image.fromarray(PIXELS), profile)
    expected = profiles.rgb_in_srgb(PIXELS, primaries, gamma)
    difference = np.abs(np.asarray(image) - expected)
    assert image.mode == "RGB"
    assert np.percentile(difference, 99) <= 1.5
    assert np.abs(PIXELS - expected).mean() > 4  # leaving it out would be noticed
    called = f"the {name} color profile" if name else "its color profile"
    assert note == f"Converted from {called} to sRGB."


def test_gray_is_converted_by_gamma_and_stays_gray() -> None:
    image, note = to_srgb(Image.fromarray(RAMP), profiles.gray_profile(1.0, b"Linear gray"))
    pixels = np.asarray(image)
    assert np.abs(pixels[..., 0] - profiles.gray_in_srgb(RAMP, 1.0)).max() <= 1.5
    assert (pixels == pixels[..., :1]).all()
    assert note == "Converted from the Linear gray color profile to sRGB."


def test_inks_are_converted_by_the_table_of_a_press() -> None:
    inks = np.dstack([np.zeros((1, 256, 3), np.uint8), RAMP])
    image, note = to_srgb(Image.fromarray(inks, "CMYK"), profiles.ink_profile())
    expected = profiles.black_ink_in_srgb(RAMP)[..., np.newaxis]
    assert np.abs(np.asarray(image) - expected).max() <= 2
    assert note == "Converted from its color profile to sRGB."


@pytest.mark.parametrize("profile", [None, b"", srgb_profile()], ids=["none", "empty", "sRGB"])
def test_without_a_profile_or_with_that_of_srgb_nothing_changes(profile: bytes | None) -> None:
    image, note = to_srgb(Image.fromarray(PIXELS), profile)
    np.testing.assert_array_equal(np.asarray(image), PIXELS)
    assert note == ""


P3 = profiles.rgb_profile(DISPLAY_P3, 2.2)


@pytest.mark.parametrize(
    ("mode", "profile", "reason"),
    [
        ("RGB", P3[:200], "is damaged"),
        ("RGB", b"no profile at all", "is damaged"),
        ("RGB", P3[:128] + bytes(300), "is damaged"),
        ("RGB", P3.replace(b"curv", b"vruc"), "is damaged"),
        ("RGB", P3 + bytes(color_profiles.MAX_PROFILE_BYTES), "is too large"),
        ("RGB", profiles.gray_profile(2.2), "is not for RGB images"),
        ("RGB", profiles.ink_profile(), "is not for RGB images"),
        ("L", P3, "is not for gray images"),
        ("CMYK", P3, "is not for CMYK images"),
        ("CMYK", profiles.ink_profile(b"link"), "is not for CMYK images"),
    ],
)
def test_a_profile_that_does_not_fit_is_ignored_and_said(
    mode: str, profile: bytes, reason: str
) -> None:
    original = Image.fromarray(PIXELS).convert(mode)
    image, note = to_srgb(original, profile)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(original.convert("RGB")))
    assert note == f"The color profile {reason} and was ignored."


def test_lab_needs_no_profile() -> None:
    lab = Image.fromarray(PIXELS).convert("LAB")
    image, note = to_srgb(lab, P3)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(lab.convert("RGB")))
    assert note == ""


def test_the_name_of_a_profile_cannot_carry_markup() -> None:
    name = b"![x](http://a.b/c) **Wide** <b>`gamut`</b> profile"
    _, note = to_srgb(Image.fromarray(PIXELS), profiles.rgb_profile(ADOBE_RGB, 2.2, name))
    assert note == "Converted from the x (http a.b c) Wide b gamut b color profile to sRGB."


def test_profiles_made_by_hand_are_read_by_others() -> None:
    for profile in (P3, profiles.gray_profile(2.2), profiles.ink_profile()):
        ImageCms.ImageCmsProfile(BytesIO(profile))
