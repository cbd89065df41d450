"""Blur by a known kernel with circular boundary, diagonal in the Fourier domain."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check
from tf_jfb.operators.base import Operator
from tf_jfb.operators.kernels import check_kernel


@register
class BlurFFT(Operator):
    r"""$(A x)[i] = \sum_j k[j]\, x[(i - j) \bmod (H, W)]$ on every channel.

    The kernel's origin is index size // 2 of each axis.

    Args:
        kernel: array [k1, k2], finite, of positive sum; used as given, not normalised.

    Raises:
        ValueError: the kernel is unusable, or larger than the image (at the call).
    """

    def __init__(self, kernel):
        self.kernel = check_kernel(kernel)

    def apply(self, x):
        return self._filter(x, self.transfer(x))

    def apply_adjoint(self, y):
        return self._filter(y, tf.math.conj(self.transfer(y)))

    def prox(self, z, d, rho) -> tf.Tensor:
        r"""$\arg\min_x |A x - d|^2 + \rho |x - z|^2$ in closed form; `rho` > 0, scalar."""
        transfer = self.transfer(z)
        rho = tf.cast(rho, transfer.dtype)
        top = tf.math.conj(transfer) * _fft(d) + rho * _fft(z)
        return _ifft(top / (tf.math.conj(transfer) * transfer + rho), z)

    def norm(self, height: int, width: int, channels: int = 1, iterations: int = 0) -> float:
        r"""$\max_\omega |\hat k(\omega)|$, exact."""
        like = tf.zeros([1, height, width, channels], tf.float64)
        return float(tf.reduce_max(tf.abs(self.transfer(like))))

    def transfer(self, x) -> tf.Tensor:
        r"""$\hat k$ at the size of `x` [B, H, W, C]: complex [1, 1, H, W // 2 + 1]."""
        (k1, k2), (height, width) = self.kernel.shape, (tf.shape(x)[1], tf.shape(x)[2])
        for size, limit in zip(self.kernel.shape, x.shape[1:3], strict=True):
            check(limit is None or size <= limit, "The kernel must not be larger than the image.",
                  kernel=self.kernel.shape, image=tuple(x.shape[1:3]))
        kernel = tf.constant(self.kernel, x.dtype)
        kernel = tf.pad(kernel, [[0, height - k1], [0, width - k2]])
        kernel = tf.roll(kernel, [-(k1 // 2), -(k2 // 2)], [0, 1])
        return tf.signal.rfft2d(kernel)[None, None]

    def _filter(self, x, transfer):
        return _ifft(_fft(x) * transfer, x)

    def get_config(self) -> dict:
        return {"kernel": np.asarray(self.kernel).tolist()}


def _fft(x):
    return tf.signal.rfft2d(tf.transpose(x, [0, 3, 1, 2]))


def _ifft(spectrum, like):
    size = tf.shape(like)[1:3]
    image = tf.transpose(tf.signal.irfft2d(spectrum, size), [0, 2, 3, 1])
    return tf.ensure_shape(image, like.shape)
