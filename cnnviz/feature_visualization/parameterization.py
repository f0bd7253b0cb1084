"""The image while it is optimized: its basis, its colors, and how it is moved before each step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from cnnviz.feature_visualization.recipe import Recipe

# Square roots of the covariance of colors: pixels = uncorrelated numbers @ matrix.T.
# ImageNet: as published with lucid (tensorflow/lucid, optvis/param/color.py).
# SVHN: `color_matrix` of 7,999 of its training images.
COLORS = {
    "imagenet": ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03)),
    "svhn": ((0.214, 0.048, 0.014), (0.226, 0.006, -0.023), (0.222, -0.052, 0.010)),
}
_GRAY = 0.5
_NOISE = 0.01  # standard deviation of the numbers at the start


def color_matrix(images: np.ndarray) -> np.ndarray:
    """Compute the square root of the covariance of red, green and blue over many images.

    Parameters
    ----------
    images : uint8 ndarray of shape (N, h, w, 3)

    Returns
    -------
    float64 ndarray of shape (3, 3)
        For pixels from 0 to 1; the first column is the direction in which they vary most.
    """
    pixels = np.asarray(images, np.float64).reshape(-1, 3) / 255
    covariance = np.cov(pixels, rowvar=False)
    vectors, values, _ = np.linalg.svd(covariance)
    vectors *= np.where(vectors.sum(axis=0) < 0, -1, 1)
    return vectors * np.sqrt(values)


def mixing_matrix(colors: str) -> np.ndarray:
    """Return a matrix of `COLORS`, scaled so that its longest column has length 1."""
    matrix = np.array(COLORS[colors], np.float32)
    return matrix / np.linalg.norm(matrix, axis=0).max()


def frequency_scale(height: int, width: int, decay_power: float) -> np.ndarray:
    """Weight of each frequency of a real image, float32 (height, width // 2 + 1).

    The lower a frequency, the more it weighs, as in natural images, whose amplitudes fall with
    1 / frequency; from one cycle over the longer side on. In cycles per pixel, so that a pattern
    has the same weight in images of any shape (as in lucid: tensorflow/lucid,
    optvis/param/spatial.py).
    """
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequencies = np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    return (np.sqrt(height * width) / frequencies**decay_power).astype(np.float32)


def start(recipe: Recipe, count: int, channels: int, seed: int, amplitude: float = 1.0) -> Any:
    """Draw the numbers that an optimization begins with: near gray, from a seed."""
    height, width = recipe.shape
    shape: tuple[int, ...] = (count, height, width, channels)
    if recipe.basis == "fourier":
        shape = (2, count, channels, height, width // 2 + 1)
    elif recipe.optimizer == "normalized":  # the lecture: gray levels from 128 to 148
        return amplitude * tf.random.stateless_uniform(shape, (seed, 0), 0.0, 20 / 255)
    return amplitude * _NOISE * tf.random.stateless_normal(shape, (seed, 0))


def numbers_of(recipe: Recipe, pixels: np.ndarray) -> Any:
    """Find the numbers whose image is `pixels`, float (N, h, w, C) from 0 to 1."""
    values = tf.constant(pixels, tf.float32)
    if recipe.optimizer == "normalized":
        return values - _GRAY
    values = tf.clip_by_value(values, 0.01, 0.99)
    values = tf.math.log(values / (1 - values))
    if recipe.colors != "none":
        values = values @ tf.constant(np.linalg.inv(mixing_matrix(recipe.colors)).T)
    if recipe.basis == "pixels":
        return values
    spectrum = tf.signal.rfft2d(tf.transpose(4 * values, (0, 3, 1, 2)))
    spectrum /= tf.cast(frequency_scale(*recipe.shape, recipe.decay_power), tf.complex64)
    return tf.stack([tf.math.real(spectrum), tf.math.imag(spectrum)])


def drawn(recipe: Recipe, numbers: Any) -> Any:
    """Turn numbers into an image, tensor (N, h, w, C) from 0 to 1."""
    values = numbers
    if recipe.basis == "fourier":
        scale = tf.constant(frequency_scale(*recipe.shape, recipe.decay_power))
        spectrum = tf.complex(numbers[0] * scale, numbers[1] * scale)
        values = tf.transpose(tf.signal.irfft2d(spectrum, recipe.shape), (0, 2, 3, 1)) / 4
    if recipe.optimizer == "normalized":
        return tf.clip_by_value(values + _GRAY, 0.0, 1.0)
    if recipe.colors != "none":
        values = values @ tf.constant(mixing_matrix(recipe.colors).T)
    return tf.sigmoid(values)


def random_transforms(seeds: Sequence[int], first_step: int, count: int) -> np.ndarray:
    """Draw how each image is moved before each step, float32 (count, N, 4) from -1 to 1.

    Depends on an image's own seed and on the step only.
    """
    drawn = [
        [np.random.default_rng((seed, step)).uniform(-1, 1, 4) for seed in seeds]
        for step in range(first_step, first_step + count)
    ]
    return np.array(drawn, np.float32)


def moved(recipe: Recipe, images: Any, chance: Any) -> Any:
    """Move, scale and turn every image by chance, in one resampling; gray comes from outside.

    `chance` are four numbers from -1 to 1 for each image. lucid resamples twice and pads the
    image first; here all is one affine transform, to the nearest pixel as lucid turns images.
    """
    if not (recipe.jitter_px or recipe.scale or recipe.rotation_degrees):
        return images
    angle = chance[:, 0] * np.float32(np.deg2rad(recipe.rotation_degrees))
    zoom = 1 + chance[:, 1] * recipe.scale
    right, down = chance[:, 2] * recipe.jitter_px, chance[:, 3] * recipe.jitter_px
    cosine, sine = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    middle_y, middle_x = ((length - 1) / 2 for length in recipe.shape)
    zero = tf.zeros_like(angle)
    transforms = tf.stack(
        [
            *(cosine, -sine, middle_x - cosine * middle_x + sine * middle_y + right),
            *(sine, cosine, middle_y - sine * middle_x - cosine * middle_y + down),
            *(zero, zero),
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=recipe.shape,
        fill_value=_GRAY,
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )


def penalties(recipe: Recipe, images: Any) -> Any:
    """Compute what is taken off the objective of each image, tensor (N,)."""
    total = tf.zeros(tf.shape(images)[0])
    if recipe.l2:
        total += recipe.l2 * tf.reduce_mean((images - _GRAY) ** 2, axis=(1, 2, 3))
    if recipe.total_variation:
        differences = tf.image.total_variation(images) / np.prod((*recipe.shape, images.shape[-1]))
        total += recipe.total_variation * differences
    return total


def smoothed(recipe: Recipe, numbers: Any, step: Any) -> Any:
    """Blur pixels a little and clip the faintest, every so many steps.

    References
    ----------
    Yosinski et al., "Understanding neural networks through deep visualization", 2015,
    arXiv:1506.06579.
    """
    if recipe.basis != "pixels" or not recipe.blur_every:
        return numbers

    def blurred() -> Any:
        channels = numbers.shape[-1]
        line = np.array([0.25, 0.5, 0.25], np.float32)
        kernel = np.repeat(np.outer(line, line)[:, :, None, None], channels, axis=2)
        around = tf.pad(numbers, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
        values = tf.nn.depthwise_conv2d(around, kernel, [1, 1, 1, 1], "VALID")
        if not recipe.clip_share:
            return values
        amplitude = tf.norm(values, axis=-1, keepdims=True)
        flat = tf.sort(tf.reshape(amplitude, (tf.shape(values)[0], -1)), axis=1)
        limit = flat[:, int(recipe.clip_share * np.prod(recipe.shape))][:, None, None, None]
        return tf.where(amplitude < limit, 0.0, values)

    return tf.cond((step + 1) % recipe.blur_every == 0, blurred, lambda: numbers)
