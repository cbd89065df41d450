r"""Stride-1 convolution with zero padding whose derivatives run as fast as itself on a CPU.

TensorFlow's kernels for the two gradients of a convolution reach a half to two thirds of the rate
of its forward kernel there (see docs/speed.md). Both gradients are themselves convolutions:
that by the input with the reversed, transposed kernel, that by the kernel of the images with the
output's gradient, batch and channels having changed places. The three maps are bilinear and each
other's derivatives, so derivatives of every order take this form.
"""

import contextlib
import contextvars

import tensorflow as tf

_differentiable = contextvars.ContextVar("differentiable", default=True)


@contextlib.contextmanager
def undifferentiated():
    """Within it `conv2d` is TensorFlow's own: for programs that are exported.

    A SavedModel cannot hold a gradient in Python, and would warn of it whenever it is loaded.
    """
    token = _differentiable.set(False)
    try:
        yield
    finally:
        _differentiable.reset(token)


def conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`kernel` [k, k, C_in, C_out] over `x` [B, H, W, C_in], zero padding: [B, H, W, C_out]."""
    plain = kernel.shape[0] % 2 == 0 or not _differentiable.get()
    if plain or tf.config.list_logical_devices("GPU"):
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    return _conv2d(x, tf.convert_to_tensor(kernel))


@tf.custom_gradient
def _conv2d(x, kernel):
    def grad(dy):
        return _conv2d(dy, _adjoint(kernel)), _by_kernel(x, dy, kernel.shape)

    return tf.nn.conv2d(x, kernel, 1, "SAME"), grad


def _adjoint(kernel):
    return tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])


def _by_kernel(x, dy, shape):
    """Gradient by a kernel of `shape`, [k, k, C_in, C_out]."""
    reach = shape[0] // 2

    @tf.custom_gradient
    def correlate(x, dy):
        def grad(g):
            return _conv2d(dy, _adjoint(g)), _conv2d(x, g)

        padded = tf.pad(x, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
        images, window = tf.transpose(padded, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3])
        result = tf.transpose(tf.nn.conv2d(images, window, 1, "VALID"), [1, 2, 0, 3])
        return tf.ensure_shape(result, shape), grad

    return correlate(x, dy)
