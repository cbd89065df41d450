"""Blur by a known kernel with zero padding."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check
from tf_jfb.operators.base import Operator
from tf_jfb.operators.kernels import check_kernel


@register
class Blur(Operator):
    r"""$(A x)[i] = \sum_j k[j]\, x[i - j]$ on every channel, x zero outside the image.

    The kernel's origin is index size // 2 of each axis; same size out as in. The adjoint
    correlates with the kernel, about the same origin, for even and asymmetric kernels too.

    Args:
        kernel: array [k1, k2], finite, of positive sum; used as given, not normalised.

    Raises:
        ValueError: the kernel is unusable, or larger than the image (at the call).
    """

    def __init__(self, kernel):
        self.kernel = check_kernel(kernel)

    def apply(self, x):
        # conv2d correlates, so the flipped kernel convolves.
        return self._correlate(x, self.kernel[::-1, ::-1], before=[k - 1 - k // 2 for k in self.kernel.shape])

    def apply_adjoint(self, y):
        return self._correlate(y, self.kernel, before=[k // 2 for k in self.kernel.shape])

    def _correlate(self, x, kernel, before):
        for size, limit in zip(kernel.shape, x.shape[1:3], strict=True):
            check(limit is None or size <= limit, "The kernel must not be larger than the image.",
                  kernel=kernel.shape, image=tuple(x.shape[1:3]))
        (top, left), (k1, k2) = before, kernel.shape
        pads = [[0, 0], [top, k1 - 1 - top], [left, k2 - 1 - left], [0, 0]]
        # Channels join the batch: one single-channel convolution serves any channel count.
        shape = tf.shape(x)
        planes = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, shape[1], shape[2], 1])
        weights = tf.constant(np.ascontiguousarray(kernel)[:, :, None, None], x.dtype)
        planes = tf.nn.conv2d(tf.pad(planes, pads), weights, 1, "VALID")
        planes = tf.reshape(planes, [shape[0], shape[3], shape[1], shape[2]])
        return tf.ensure_shape(tf.transpose(planes, [0, 2, 3, 1]), x.shape)

    def get_config(self) -> dict:
        return {"kernel": self.kernel.tolist()}
