"""The gradient of a shared weight as TensorFlow computes it: a witness for the one by hand."""

import numpy as np
import tensorflow as tf

from cnnviz.errors import InvalidParameterError


def taped_kernel_gradient(
    image: np.ndarray, kernel: np.ndarray, target: np.ndarray, loss: str
) -> tuple[float, np.ndarray]:
    """Compute a loss of a convolution and its gradient by automatic differentiation.

    Arguments are those of `cnnviz.convolution.kernel_gradient`; nothing is shared with it.

    Returns
    -------
    loss : float
    gradient : float64 ndarray of shape (kh, kw)

    Raises
    ------
    InvalidParameterError
        If there is no such loss.
    """
    weights = tf.Variable(kernel[:, :, np.newaxis, np.newaxis], dtype=tf.float64)
    batch = tf.constant(image[np.newaxis, :, :, np.newaxis], tf.float64)
    with tf.GradientTape() as tape:
        output = tf.nn.conv2d(batch, weights, strides=1, padding="VALID")[0, :, :, 0]
        value = _loss(output, tf.constant(target, tf.float64), loss)
    return float(value), tape.gradient(value, weights).numpy()[:, :, 0, 0]


def _loss(output: tf.Tensor, target: tf.Tensor, loss: str) -> tf.Tensor:
    if loss == "squares":
        return tf.nn.l2_loss(output - target)
    if loss == "sum":
        return tf.reduce_sum(output)
    if loss == "middle":
        return output[output.shape[0] // 2, output.shape[1] // 2]
    raise InvalidParameterError(f"There is no loss {loss!r}. Choose squares, sum or middle.")
