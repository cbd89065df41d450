"""Real Fourier transforms over H and W whose derivatives are Fourier transforms.

TensorFlow's gradient of `rfft2d` multiplies by matrices as large as the image. But the transpose of
the half spectrum's transform is, with weights for the columns that stand for two, its inverse.
"""

import tensorflow as tf

from tf_jfb._gradients import custom_gradient, is_plain
from tf_jfb._numerics import shaped


def fft(x):
    """[B, H, W, C] -> [B, C, H, W // 2 + 1]."""
    return fft_planes(tf.transpose(x, [0, 3, 1, 2]))


def ifft(spectrum, like):
    """Back to the shape of `like` [B, H, W, C]."""
    image = tf.transpose(ifft_planes(spectrum, tf.shape(like)[1:3]), [0, 2, 3, 1])
    return shaped(image, like.shape)


def fft_planes(x):
    """[B, C, H, W] -> [B, C, H, W // 2 + 1]."""
    if is_plain("fourier"):
        return tf.signal.rfft2d(x)
    return _differentiable_forward(x)


def ifft_planes(spectrum, size):
    """[B, C, H, W // 2 + 1] -> [B, C, H, W] of `size` (H, W)."""
    if is_plain("fourier"):
        return tf.signal.irfft2d(spectrum, size)
    return _differentiable_inverse(spectrum, size)


@custom_gradient
def _differentiable_forward(x):
    def gradient(g):
        size = tf.shape(x)[-2:]
        pixels = tf.cast(tf.reduce_prod(size), x.dtype)
        return pixels * ifft_planes(g / _weights(size, g.dtype), size)

    return tf.signal.rfft2d(x), gradient


@custom_gradient
def _differentiable_inverse(spectrum, size):
    def gradient(g):
        pixels = tf.cast(tf.reduce_prod(size), spectrum.dtype)
        return _weights(size, spectrum.dtype) / pixels * fft_planes(g), None

    return tf.signal.irfft2d(spectrum, size), gradient


def _weights(size, dtype):
    """How many columns of the whole spectrum one of the half stands for, [W // 2 + 1]."""
    width = size[1]
    column = tf.range(width // 2 + 1)
    alone = (column == 0) | (2 * column == width)
    return tf.cast(tf.where(alone, 1.0, 2.0), dtype)
