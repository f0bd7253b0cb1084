"""From bytes to a checked RGB image: what the file is, its pixels, their range and their colors."""

from cnnviz.images.image import (
    ImageInput,
    as_gray,
    center_part,
    center_view,
    image_from_pixels,
    luma,
    resize_pixels,
    shrink_to_fit,
)
from cnnviz.images.reading import FILE_TYPES, FORMATS, MAX_BYTES, read_image

__all__ = [
    "FILE_TYPES",
    "FORMATS",
    "MAX_BYTES",
    "ImageInput",
    "as_gray",
    "center_part",
    "center_view",
    "image_from_pixels",
    "luma",
    "read_image",
    "resize_pixels",
    "shrink_to_fit",
]
