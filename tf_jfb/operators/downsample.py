"""Blur and subsampling: the forward model of super-resolution."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check
from tf_jfb.operators.base import Operator
from tf_jfb.operators.blur import Blur
from tf_jfb.operators.kernels import box
from tf_jfb.operators.kernels._checks import check_size


@register
class Downsample(Operator):
    r"""$A x = (k * x)[::s, ::s]$ on every channel, with k applied by `Blur` (zero padding).

    Images [B, s h, s w, C] become [B, h, w, C]. The adjoint puts s - 1 zeros after every pixel of
    both axes, then correlates with k.

    Args:
        factor: s, an integer >= 1.
        kernel: array [k1, k2] of origin size // 2, finite, of positive sum; used as given, not
            normalised. None takes the box of s x s, placed to average each block of s x s pixels.

    Raises:
        ValueError: `factor` or the kernel is unusable; a side that is known when the operator is
            traced is not a multiple of `factor`, or less than the kernel's.

    >>> Downsample(2)(tf.reshape(tf.range(16.0), [1, 4, 4, 1])).numpy()[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    def __init__(self, factor: int, kernel=None):
        check_size("factor", factor)
        self.factor, self._averages = int(factor), kernel is None
        self.blur = Blur(_block(self.factor) if kernel is None else kernel)

    @property
    def kernel(self) -> np.ndarray:
        """The array k; that of blocks has side 2 s - 1, for a corner of the block is its origin."""
        return self.blur.kernel

    def apply(self, x):
        s, sides = self.factor, tuple(x.shape[1:3])
        check(
            all(side is None or side % s == 0 for side in sides),
            f"The sides of the image must be multiples of the factor {s}.",
            image=sides,
        )
        return self.blur.apply(x)[:, ::s, ::s]

    def apply_adjoint(self, y):
        s = self.factor
        after = [0, s - 1]
        spread = tf.pad(y[:, :, None, :, None], [[0, 0], [0, 0], after, [0, 0], after, [0, 0]])
        spread = tf.reshape(spread, tf.shape(y) * [1, s, s, 1])
        batch, height, width, channels = y.shape
        sides = [None if side is None else s * side for side in (height, width)]
        return self.blur.apply_adjoint(tf.ensure_shape(spread, [batch, *sides, channels]))

    def norm_bound(self, height: int, width: int, channels: int = 1) -> float:
        r"""$\sqrt{\sum_m |r[s m]|}$ with r the autocorrelation of k.

        Young's inequality for $A A^T$, which correlates with $r[s m]$; exactly 1 / s for blocks.
        """
        lags = [2 * k - 1 for k in self.kernel.shape]
        power = np.abs(np.fft.rfft2(self.kernel, lags)) ** 2
        r = np.fft.fftshift(np.fft.irfft2(power, lags))  # lag 0 at k - 1
        first = [(k - 1) % self.factor for k in self.kernel.shape]
        return float(np.sqrt(np.abs(r[first[0] :: self.factor, first[1] :: self.factor]).sum()))

    def get_config(self) -> dict:
        kernel = None if self._averages else self.kernel.tolist()
        return {"factor": self.factor, "kernel": kernel}


def _block(factor):
    """Box whose pixel at [0, 0] of the block is the origin, index factor - 1 of 2 factor - 1."""
    return np.pad(box(factor), [(0, factor - 1)] * 2)
