"""Colors of an image with an ICC profile, converted to sRGB."""

import re
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 * 1024**2  # those of printing presses have up to 3 MB
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}  # the profile that suits a mode
_CLASSES = ("mntr", "scnr", "prtr", "spac")  # not links between devices, names, abstract effects
_LEVELS = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
_SAME = 2  # gray levels by which profiles of sRGB differ from one another


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Convert an image to sRGB, relative colorimetric, as its ICC profile says.

    A profile that is damaged, too large or for other colors than the image has is left out.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode L, RGB, CMYK or LAB, without alpha.
    profile : bytes or None
        Its ICC profile.

    Returns
    -------
    PIL.Image.Image of mode RGB, and a sentence that says what was done
        The sentence is empty if there is no profile, or one of sRGB.
    """
    if not profile or image.mode == "LAB":  # Lab does not depend on a device
        return image.convert("RGB"), ""
    if len(profile) > MAX_PROFILE_BYTES:
        return image.convert("RGB"), "The color profile is too large and was ignored."
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space, kind = source.profile.xcolor_space.strip(), source.profile.device_class
        if space != _SPACES[image.mode] or kind not in _CLASSES:
            reason = f"is not for {image.mode.replace('L', 'gray')} images"
            return image.convert("RGB"), f"The color profile {reason} and was ignored."
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            image.mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else ImageCms.Flags.NONE,
        )
        if _changes_nothing(transform, image.mode):
            return image.convert("RGB"), ""
        converted = _converted(image, transform)
        name = _printable(ImageCms.getProfileDescription(source))
    except Exception:  # noqa: BLE001 - with a damaged profile the image is still an image
        return image.convert("RGB"), "The color profile is damaged and was ignored."
    return converted, f"Converted from {name} to sRGB."


def _converted(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    if image.mode != "L":
        return _applied(transform, image)
    levels = np.asarray(_applied(transform, _LEVELS))[0, :, 1]
    return image.point(levels.tolist()).convert("RGB")  # gray to the last bit, and fast


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether colors all over the range stay as they are."""
    if mode == "CMYK":
        return False
    lattice = _LEVELS
    if mode == "RGB":
        levels = np.linspace(0, 255, 9).round().astype(np.uint8)
        colors = np.stack(np.meshgrid(levels, levels, levels), -1)
        lattice = Image.fromarray(colors.reshape(27, 27, 3))
    converted = np.asarray(_applied(transform, lattice), np.int16)
    return bool(np.abs(converted - np.asarray(lattice.convert("RGB"), np.int16)).max() <= _SAME)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only a conversion in place gives nothing
    return converted


def _printable(description: str) -> str:
    """Name a profile by its description, of which only plain characters are kept."""
    name = " ".join(re.sub(r"[^\w ().%+-]", " ", description).split())[:60]
    name = re.sub(r" (color )?profile$", "", name, flags=re.IGNORECASE)
    return f"the {name} color profile" if name else "its color profile"
