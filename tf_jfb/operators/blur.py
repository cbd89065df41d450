"""Blur by a known kernel with zero padding."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import shaped
from tf_jfb.operators._fourier import fft, ifft
from tf_jfb.operators.base import Operator
from tf_jfb.operators.kernels import check_fits, check_kernel, separate

# Up to this many taps, sums of shifted images are fastest: some times faster than a depthwise
# convolution, which on the CPU is slow for few channels. Beyond, the Fourier domain.
MOST_SHIFTS = 64


@register
class Blur(Operator):
    r"""$(A x)[i] = \sum_j k[j]\, x[i - j]$ on every channel, x zero outside the image.

    The kernel's origin is index size // 2 of each axis; same size out as in. The adjoint
    correlates with the kernel, about the same origin, for even and asymmetric kernels too. A
    kernel of low rank, such as a Gaussian, is applied one axis at a time, a large one by FFT of
    the zero-padded image.

    Args:
        kernel: array [k1, k2], finite, of positive sum; used as given, not normalised.

    Raises:
        ValueError: the kernel is unusable, or larger than an image whose size is known when the
            operator is traced.
    """

    def __init__(self, kernel):
        self.kernel = check_kernel(kernel)
        self._terms = separate(self.kernel)

    def apply(self, x):
        # Sums run over x[i + t], so that the kernel is flipped to convolve.
        flipped = [(u[::-1], v[::-1]) for u, v in self._terms]
        return self._correlate(x, flipped, [k - 1 - k // 2 for k in self.kernel.shape])

    def apply_adjoint(self, y):
        return self._correlate(y, self._terms, [k // 2 for k in self.kernel.shape])

    def _correlate(self, x, terms, before):
        check_fits(self.kernel.shape, x)
        (top, left), (k1, k2) = before, self.kernel.shape
        x_padded = tf.pad(x, [[0, 0], [top, k1 - 1 - top], [left, k2 - 1 - left], [0, 0]])
        if len(terms) * (k1 + k2) > MOST_SHIFTS:
            y = _correlate_fft(x_padded, sum(np.outer(u, v) for u, v in terms), x)
        else:
            y = tf.add_n([_shifts(_shifts(x_padded, u, 1), v, 2) for u, v in terms])
        return shaped(y, x.shape)

    def norm_bound(self, height: int, width: int, channels: int = 1) -> float:
        r"""$\sum_j |k[j]|$, by Young's inequality; attained by circular non-negative blur."""
        return float(np.abs(self.kernel).sum())

    def get_config(self) -> dict:
        return {"kernel": self.kernel.tolist()}


def _shifts(x, weights, axis):
    """sum_t weights[t] x[..., i + t, ...] along `axis`, where all of x[i + t] exists."""
    known = x.shape[axis]
    length = (tf.shape(x)[axis] if known is None else known) - (len(weights) - 1)
    terms = []
    for t, weight in enumerate(weights):
        part = x[:, t : t + length] if axis == 1 else x[:, :, t : t + length]
        terms.append(tf.constant(weight, x.dtype) * part)
    return tf.add_n(terms)


def _correlate_fft(x_padded, weights, like):
    """Correlation by FFT: circular at the padded size, whose margin holds what wraps around."""
    size, (height, width) = tf.shape(x_padded)[1:3], tf.unstack(tf.shape(like)[1:3])
    transfer = tf.math.conj(tf.signal.rfft2d(tf.constant(weights, like.dtype), size))
    return ifft(fft(x_padded) * transfer, x_padded)[:, :height, :width]
