"""Blur by a known kernel with zero padding."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb.operators.base import Operator
from tf_jfb.operators.kernels import check_fits, check_kernel


@register
class Blur(Operator):
    r"""$(A x)[i] = \sum_j k[j]\, x[i - j]$ on every channel, x zero outside the image.

    The kernel's origin is index size // 2 of each axis; same size out as in. The adjoint
    correlates with the kernel, about the same origin, for even and asymmetric kernels too.

    Args:
        kernel: array [k1, k2], finite, of positive sum; used as given, not normalised.

    Raises:
        ValueError: the kernel is unusable, or larger than an image whose size is known when the
            operator is traced.
    """

    def __init__(self, kernel):
        self.kernel = check_kernel(kernel)

    def apply(self, x):
        # The convolution of a network correlates, so the flipped kernel convolves.
        before = [k - 1 - k // 2 for k in self.kernel.shape]
        return self._correlate(x, self.kernel[::-1, ::-1], before)

    def apply_adjoint(self, y):
        return self._correlate(y, self.kernel, [k // 2 for k in self.kernel.shape])

    def _correlate(self, x, kernel, before):
        check_fits(kernel, x)
        (top, left), (k1, k2) = before, kernel.shape
        pads = [[0, 0], [top, k1 - 1 - top], [left, k2 - 1 - left], [0, 0]]
        weights = tf.constant(np.ascontiguousarray(kernel)[:, :, None, None], x.dtype)
        # Depthwise: folding the channels into the batch of a plain convolution is slower, and
        # XLA's float64 convolution of many one-channel planes crashes on the CPU.
        weights = tf.tile(weights, [1, 1, tf.shape(x)[3], 1])
        y = tf.nn.depthwise_conv2d(tf.pad(x, pads), weights, [1, 1, 1, 1], "VALID")
        return tf.ensure_shape(y, x.shape)

    def norm_bound(self, height: int, width: int, channels: int = 1) -> float:
        r"""$\sum_j |k[j]|$, by Young's inequality; attained by circular non-negative blur."""
        return float(np.abs(self.kernel).sum())

    def get_config(self) -> dict:
        return {"kernel": self.kernel.tolist()}
