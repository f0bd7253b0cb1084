"""What range of pixels a network expects, read off the layers that meet the image first.

Whatever scales pixels inside a network (Rescaling, Normalization, batch normalization, arithmetic)
is fed even images of known brightness. The range of pixels for which its output is of the size that
networks are trained on is the one that the network expects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from cnnviz.network.layers.kinds import is_foreign, kind_of
from cnnviz.zoo.cards import CAFFE, RAW, RAW_BGR, TF, TORCH, UNIT, Preprocessing

_LEVELS = (0.0, 1.0, 255.0, -1.0)  # of the even images
_NUM_LEVELS, _COLORS = len(_LEVELS), 3  # followed by pure red, green and blue
NUM_IMAGES = _NUM_LEVELS + _COLORS
# spreads and sizes of what networks are trained on: scaled values, or bytes around a mean
_SMALL_SPREAD, _MAX_SMALL = (0.3, 16.0), 16.0
_MOST_UNEVEN = 20.0  # largest spread of a channel relative to the smallest
_BYTE_SPREAD, _MAX_BYTES = (100.0, 700.0), 700.0


@dataclass(slots=True)
class ScalingProbe:
    """Collects what the first layers with weights are given; `observe` is called as a model runs.

    Pixels are followed through operations that treat all positions alike. Where one of their
    outputs meets anything else (a convolution, a dense layer) the middle position is kept.
    """

    image: Any
    ends: dict[int, Any] = field(default_factory=dict)
    has_foreign: bool = False
    cropped_by: str = ""
    _pixels: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pixels[id(self.image)] = self.image

    def observe(
        self, operation: Any, args: Any, kwargs: Mapping[str, Any], outputs: Sequence[Any]
    ) -> None:
        """Look at one operation."""
        given = [x for x in tf.nest.flatten((args, dict(kwargs))) if tf.is_symbolic_tensor(x)]
        pixels = [x for x in given if id(x) in self._pixels]
        is_alike = _treats_positions_alike(operation, outputs)
        if pixels and len(pixels) == len(given) and is_alike:
            self._pixels.update((id(x), x) for x in outputs if tf.is_tensor(x))
            self.has_foreign |= is_foreign(operation)
            if kind_of(operation) in _CROPPING:
                self.cropped_by = operation.name
            return
        for x in pixels:
            self.ends[id(x)] = _middle(x)


def random_images(height: int, width: int, channels: int) -> np.ndarray:
    """Make the images that a `ScalingProbe` is read with, float32 (n, h, w, C)."""
    levels = np.repeat(np.array(_LEVELS, np.float32)[:, None], channels, axis=1)
    colors = 255 * np.eye(_COLORS, channels, dtype=np.float32)
    values = np.concatenate([levels, colors])
    return np.broadcast_to(values[:, None, None, :], (len(values), height, width, channels)).copy()


def expected_range(
    ends: Sequence[np.ndarray], input_dtype: str, *, has_foreign: bool = False
) -> tuple[Preprocessing | None, str, str]:
    """Find out which pixels a network expects from what its scaling makes of even images.

    Parameters
    ----------
    ends : sequence of ndarray of shape (n, C)
        What the probe found for `random_images`, one array for each place where scaling ends.
    input_dtype : str
        Type of the network's input.
    has_foreign : bool
        Whether code of somebody's own is among it: it must then be a plain scaling.

    Returns
    -------
    preprocessing : Preprocessing or None
        None if nothing inside the network tells it.
    source : str
        ``layers`` or ``dtype``.
    note : str
        Why nothing could be said although the network changes its input.
    """
    if input_dtype in ("uint8", "int8", "uint16", "int16", "int32", "int64"):
        return RAW, "dtype", ""
    scaling = [end.reshape(len(end), -1).astype(np.float64) for end in ends]
    changed = [end for end in scaling if not _is_identity(end)]
    if not changed:
        return None, "", ""
    if len(changed) < len(scaling):
        return None, "", "One branch of the network scales the image, another does not."
    with np.errstate(all="ignore"):  # a logarithm of -1 is no range either
        is_plain = not has_foreign or all(map(_is_affine, changed))
        ranges = {_range_of(end) if is_plain else None for end in changed}
    if len(ranges) > 1 or None in ranges:
        return None, "", "The network changes its input, but not in a way that tells its range."
    return ranges.pop(), "layers", ""


def _is_identity(end: np.ndarray) -> bool:
    """Whether even images come out as they went in, up to 1 %."""
    levels = end[:_NUM_LEVELS]
    wanted = np.array(_LEVELS)[:, None]
    return bool((np.abs(levels - wanted) <= 0.01 * np.maximum(np.abs(wanted), 1)).all())


def _is_affine(end: np.ndarray) -> bool:
    """Whether values rise with brightness along a straight line, up to 1 %."""
    black, white, brightest = end[0], end[1], end[2]
    line = black + 255 * (white - black)
    return bool((np.abs(brightest - line) <= 0.01 * np.maximum(np.abs(line), 1)).all())


def _range_of(end: np.ndarray) -> Preprocessing | None:
    spreads = np.abs(end[1] - end[0])
    spreads = spreads[spreads > 0]
    if len(spreads) and spreads.max() > _MOST_UNEVEN * spreads.min():
        return None  # some channels are scaled, others are not
    at = {level: np.sort(end[place]) for place, level in enumerate(_LEVELS)}
    if _is_scaled(at[0.0], at[255.0]):
        return RAW
    if _is_scaled(at[0.0], at[1.0]):
        if _fits_signed_only(end):
            return TF
        spread = np.abs(at[1.0] - at[0.0])
        is_centered = float(np.median(at[0.0] - 0.05 * spread)) <= 0
        return UNIT if is_centered or not _is_scaled(at[-1.0], at[1.0]) else TF
    if _is_bytes(at[0.0], at[255.0]):
        return RAW_BGR if _takes_blue_first(end) else RAW
    return UNIT if _is_bytes(at[0.0], at[1.0]) else None


def _fits_signed_only(end: np.ndarray) -> bool:
    """Whether values are standardized by a mean and deviation that pixels of 0 to 1 cannot have.

    Values in [a, b] of mean m have a variance of at most (m − a)(b − m) (Bhatia and Davis 2000).
    """
    black, white = end[0], end[1]
    slopes = white - black
    if (slopes == 0).any():
        return False
    mean, variance = -black / slopes, 1 / slopes**2
    fits_unit = variance <= 1.05 * mean * (1 - mean)
    fits_signed = variance <= 1.05 * (1 - mean**2)
    return bool(np.median(fits_signed) > np.median(fits_unit))


def _is_scaled(low: np.ndarray, high: np.ndarray) -> bool:
    spread = float(np.median(np.abs(high - low)))
    size = float(np.median(np.maximum(np.abs(low), np.abs(high))))
    return _SMALL_SPREAD[0] <= spread <= _SMALL_SPREAD[1] and size <= _MAX_SMALL


def _is_bytes(low: np.ndarray, high: np.ndarray) -> bool:
    spread = float(np.median(np.abs(high - low)))
    size = float(np.median(np.maximum(np.abs(low), np.abs(high))))
    return _BYTE_SPREAD[0] <= spread <= _BYTE_SPREAD[1] and size <= _MAX_BYTES


def _takes_blue_first(end: np.ndarray) -> bool:
    """Whether the mean of blue is taken off the first channel, that of red off the third."""
    black, colors = end[0], end[_NUM_LEVELS:]
    if end.shape[1] != _COLORS or len(colors) != _COLORS:
        return False
    driven = np.abs(colors - black).argmax(axis=1)  # the output that each input channel drives
    means = -black[driven]
    return bool(np.allclose(means, CAFFE.mean, atol=1.0))


def _middle(x: Any) -> Any:
    """Return the middle position of every image (n, …, C), without its axes of positions."""
    if x.shape.rank == 4:
        return x[:, tf.shape(x)[1] // 2, tf.shape(x)[2] // 2, :]
    if x.shape.rank == 3:
        return x[:, tf.shape(x)[1] // 2, :]
    return x if x.shape.rank == 2 else tf.reshape(x, (-1, 1))


def _treats_positions_alike(operation: Any, outputs: Sequence[Any]) -> bool:
    """Whether an operation only changes what every pixel is; code of one's own without weights may.

    If that code does something else, no range of pixels comes out of it as one that fits.
    """
    kind = kind_of(operation)
    if is_foreign(operation):
        has_weights = bool(getattr(operation, "weights", ()))
        return not has_weights and all(x.shape.rank == 4 for x in outputs if tf.is_tensor(x))
    return kind in _ALIKE or kind.startswith(("Random", "Auto", "MixUp", "CutMix", "RandAugment"))


def application_preprocessing(layer_names: Sequence[str]) -> tuple[Preprocessing, str] | None:
    """Recognize a network of keras.applications by its layers.

    Parameters
    ----------
    layer_names : sequence of str
        Of the whole network, nested ones included.

    Returns
    -------
    Preprocessing and the name of the family, or None
        What `keras.applications` prescribes for it.

    References
    ----------
    ``preprocess_input`` of each family in Keras 3.15.
    """
    plain = {name.rsplit("/", 1)[-1].split("@")[0] for name in layer_names}
    for family, (names, preprocessing) in _APPLICATIONS.items():
        if names <= plain:
            return preprocessing, family
    return None


_APPLICATIONS: dict[str, tuple[set[str], Preprocessing]] = {
    "Xception": ({"block2_sepconv1", "block14_sepconv2"}, TF),
    "VGG": ({"block1_conv1", "block3_conv3", "block5_conv3"}, CAFFE),
    "DenseNet": ({"conv2_block1_0_bn", "conv2_block1_concat", "conv5_block1_concat"}, TORCH),
    "ResNetV2": ({"conv2_block1_preact_bn", "conv5_block1_preact_bn"}, TF),
    "ResNet": ({"conv1_relu", "conv2_block1_1_conv", "conv5_block3_out"}, CAFFE),
    "MobileNet": ({"conv_dw_1", "conv_pw_13"}, TF),
    "MobileNetV2": ({"expanded_conv_depthwise", "block_16_project"}, TF),
    "MobileNetV3": ({"expanded_conv_depthwise", "expanded_conv_project"}, TF),
    "InceptionV3": ({"mixed0", "mixed10"}, TF),
    "InceptionResNetV2": ({"mixed_5b", "mixed_7a", "conv_7b"}, TF),
    "NASNet": ({"stem_conv1", "stem_bn1", "normal_conv_1_0"}, TF),
    "EfficientNetV2": ({"stem_conv", "block1a_project_conv", "block4a_se_reduce"}, TF),
}
_CROPPING = {"CenterCrop", "RandomCrop", "Cropping2D"}
_ALIKE = {
    *("Rescaling", "Normalization", "BatchNormalization", "Cast", "Identity", "Activation"),
    *("Add", "Subtract", "Multiply", "TrueDivide", "Divide", "Negative", "Power", "Square", "Sqrt"),
    *("Log1p", "Abs", "Absolute", "Clip", "Minimum", "Maximum", "Copy", "StopGradient"),
    *("GetItem", "Stack", "Concatenate", "Flip", "Transpose", "Permute", "Reshape", "Flatten"),
    *("ExpandDims", "Squeeze", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout"),
    *(
        "Resizing",
        "CenterCrop",
        "RandomCrop",
        "ZeroPadding2D",
        "Cropping2D",
        "Pad",
        "UpSampling2D",
        "Resize",
    ),
    *("Mean", "Std", "Var", "RGBToGrayscale", "RgbToGrayscale", "Average", "Solarization"),
    *("Equalization",),
}
