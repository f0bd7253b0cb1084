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

from cnnviz.zoo.cards import CAFFE, RAW, RAW_BGR, TF, TORCH, UNIT, Preprocessing

_LEVELS = (0.0, 1.0, 255.0, -1.0)  # of the even images
_NUM_LEVELS, _COLORS = len(_LEVELS), 3  # followed by pure red, green and blue
# spreads and sizes of what networks are trained on: scaled values, or bytes around a mean
_SMALL_SPREAD, _MAX_SMALL = (0.3, 16.0), 16.0
_BYTE_SPREAD, _MAX_BYTES = (100.0, 700.0), 700.0


@dataclass(slots=True)
class ScalingProbe:
    """Collects what the first layers with weights are given; `observe` is called as a model runs.

    Pixels are followed through operations that treat all positions alike. Where one of their
    outputs meets anything else (a convolution, a dense layer) the middle position is kept.
    """

    image: Any
    ends: dict[int, Any] = field(default_factory=dict)
    _pixels: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pixels[id(self.image)] = self.image

    def observe(
        self, operation: Any, args: Any, kwargs: Mapping[str, Any], outputs: Sequence[Any]
    ) -> None:
        """Look at one operation."""
        given = [x for x in tf.nest.flatten((args, dict(kwargs))) if tf.is_symbolic_tensor(x)]
        pixels = [x for x in given if id(x) in self._pixels]
        if pixels and len(pixels) == len(given) and _treats_positions_alike(operation):
            self._pixels.update((id(x), x) for x in outputs if tf.is_tensor(x))
            return
        for x in pixels:
            self.ends[id(x)] = _middle(x)


def probe_images(height: int, width: int, channels: int) -> np.ndarray:
    """Make the images that a `ScalingProbe` is read with, float32 (n, h, w, C)."""
    levels = np.repeat(np.array(_LEVELS, np.float32)[:, None], channels, axis=1)
    colors = 255 * np.eye(channels, dtype=np.float32)
    values = np.concatenate([levels, colors])
    return np.broadcast_to(values[:, None, None, :], (len(values), height, width, channels)).copy()


def expected_range(
    ends: Sequence[np.ndarray], input_dtype: str
) -> tuple[Preprocessing | None, str, str]:
    """Find out which pixels a network expects from what its scaling makes of even images.

    Parameters
    ----------
    ends : sequence of ndarray of shape (n, C)
        What the probe found for `probe_images`, one array for each place where scaling ends.
    input_dtype : str
        Type of the network's input.

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
        found = {_range_of(end) for end in changed}
    if len(found) > 1 or None in found:
        return None, "", "The network changes its input, but not in a way that tells its range."
    return found.pop(), "layers", ""


def _is_identity(end: np.ndarray) -> bool:
    """Whether even images come out as they went in, up to 1 %."""
    levels = end[:_NUM_LEVELS]
    wanted = np.array(_LEVELS)[:, None]
    return bool((np.abs(levels - wanted) <= 0.01 * np.maximum(np.abs(wanted), 1)).all())


def _range_of(end: np.ndarray) -> Preprocessing | None:
    at = {level: np.sort(end[place]) for place, level in enumerate(_LEVELS)}
    if _is_scaled(at[0.0], at[255.0]):
        return RAW
    if _is_scaled(at[0.0], at[1.0]):
        spread = np.abs(at[1.0] - at[0.0])
        is_centered = float(np.median(at[0.0] - 0.05 * spread)) <= 0
        return UNIT if is_centered or not _is_scaled(at[-1.0], at[1.0]) else TF
    if _is_bytes(at[0.0], at[255.0]):
        return RAW_BGR if _takes_blue_first(end) else RAW
    return UNIT if _is_bytes(at[0.0], at[1.0]) else None


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
    """Give the middle position of every image (n, …, C), without its axes of positions."""
    if x.shape.rank == 4:
        return x[:, tf.shape(x)[1] // 2, tf.shape(x)[2] // 2, :]
    if x.shape.rank == 3:
        return x[:, tf.shape(x)[1] // 2, :]
    return x if x.shape.rank == 2 else tf.reshape(x, (-1, 1))


def _treats_positions_alike(operation: Any) -> bool:
    kind = type(operation).__name__
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
_ALIKE = {
    *("Rescaling", "Normalization", "BatchNormalization", "Cast", "Identity", "Activation"),
    *("Add", "Subtract", "Multiply", "TrueDivide", "Divide", "Negative", "Power", "Square", "Sqrt"),
    *("Log1p", "Abs", "Absolute", "Clip", "Minimum", "Maximum", "Copy", "StopGradient"),
    *("GetItem", "Stack", "Concatenate", "Flip", "Transpose", "Permute", "Reshape", "Flatten"),
    *("ExpandDims", "Squeeze", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout"),
    *("Resizing", "CenterCrop", "ZeroPadding2D", "Cropping2D", "Pad", "UpSampling2D", "Resize"),
    *("Mean", "Std", "Var", "RGBToGrayscale", "RgbToGrayscale", "Average", "Solarization"),
    *("Equalization",),
}
