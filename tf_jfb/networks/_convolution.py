r"""Stride-1 convolution with zero padding whose derivatives run as fast as itself on a CPU.

TensorFlow's kernels for the two gradients of a convolution reach a half to two thirds of the rate
of its forward kernel there (see docs/speed.md). Both gradients are themselves convolutions:
that by the input with the reversed, transposed kernel, that by the kernel of the images with the
output's gradient, batch and channels having changed places.
"""

import tensorflow as tf

from tf_jfb._gradients import custom_gradient, is_plain
from tf_jfb._numerics import shaped


def conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`kernel` [k, k, C_in, C_out] over `x` [B, H, W, C_in], zero padding: [B, H, W, C_out]."""
    plain = kernel.shape[0] % 2 == 0 or is_plain("convolution")
    if plain or tf.config.list_logical_devices("GPU"):
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    return _conv2d(x, tf.convert_to_tensor(kernel))


@custom_gradient
def _conv2d(x, kernel):
    return tf.nn.conv2d(x, kernel, 1, "SAME"), lambda dy: _gradients(x, kernel, dy)


def _gradients(x, kernel, dy) -> tuple:
    """Those by `x` and by `kernel`."""
    adjoint = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
    return conv2d(dy, adjoint), _by_kernel(x, dy, kernel.shape)


def _by_kernel(x, dy, shape):
    """Gradient by a kernel of `shape`, [k, k, C_in, C_out]."""
    if x.dtype.size < 4:  # oneDNN's bfloat16 with windows as large as images is wrong, on AMX
        return tf.compat.v1.nn.conv2d_backprop_filter(x, shape, dy, [1, 1, 1, 1], "SAME")
    reach = shape[0] // 2
    padded = tf.pad(x, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    images, window = tf.transpose(padded, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3])
    result = tf.transpose(tf.nn.conv2d(images, window, 1, "VALID"), [1, 2, 0, 3])
    return shaped(result, shape)
