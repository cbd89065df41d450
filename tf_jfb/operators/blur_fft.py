"""Blur by a known kernel with circular boundary, diagonal in the Fourier domain."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import cast
from tf_jfb.operators._fourier import fft, ifft
from tf_jfb.operators.base import Operator, image_batch, weight
from tf_jfb.operators.kernels import check_fits, check_kernel


@register
class BlurFFT(Operator):
    r"""$(A x)[i] = \sum_j k[j]\, x[(i - j) \bmod (H, W)]$ on every channel.

    The kernel's origin is index size // 2 of each axis. With $F$ the Fourier transform,
    $A = F^* \mathrm{diag}(\hat k) F$, so that data steps have a closed form.

    Args:
        kernel: array [k1, k2], finite, of positive sum; used as given, not normalised.

    Raises:
        ValueError: the kernel is unusable, or larger than an image whose size is known when the
            operator is traced.
    """

    def __init__(self, kernel):
        self.kernel = check_kernel(kernel)

    def apply(self, x):
        return ifft(fft(x) * self.transfer(x), x)

    def apply_adjoint(self, y):
        return ifft(fft(y) * tf.math.conj(self.transfer(y)), y)

    def prox(self, z, d, rho) -> tf.Tensor:
        r"""$\arg\min_x |A x - d|^2 + \rho |x - z|^2$ in closed form.

        $$\hat x = \frac{\overline{\hat k}\, \hat d + \rho \hat z}{|\hat k|^2 + \rho}$$

        Args:
            z: [B, H, W, C], where the penalty is centred.
            d: [B, H, W, C], the measurement, of the dtype of `z`.
            rho: > 0, a number, a scalar or one value per image [B].

        Raises:
            ValueError: `z` or `d` is no batch of floating images, or `rho` a number <= 0.
        """
        z, d = image_batch("z", z), image_batch("d", d)
        step, inputs = self.prox_map(d, rho)
        return step(z, *inputs)

    def prox_map(self, d, rho) -> tuple:
        r"""`prox` as a function of z and of tensors that do not depend on z; exact."""
        d = image_batch("d", d)
        rho, transfer = weight(rho, d), self.transfer(d)
        rho = tf.complex(rho, tf.zeros_like(rho))
        power = tf.math.conj(transfer) * transfer + rho
        known, share = tf.math.conj(transfer) * fft(d) / power, rho / power
        share = tf.broadcast_to(share, tf.concat([tf.shape(d)[:1], tf.shape(share)[1:]], 0))

        def step(z, known, share):
            return ifft(known + share * fft(z), z)

        return step, (known, share)

    def inverse(self, g, rho, iterations: int = 1) -> tf.Tensor:
        r"""$(A^T A + \rho I)^{-1} g$, exact; `iterations` does not matter."""
        g = image_batch("g", g)
        rho, transfer = weight(rho, g), self.transfer(g)
        rho = tf.complex(rho, tf.zeros_like(rho))
        return ifft(fft(g) / (tf.math.conj(transfer) * transfer + rho), g)

    def wiener(self, d, penalty) -> tf.Tensor:
        r"""$F^*\, \overline{\hat k}\, \hat d / (|\hat k|^2 + \hat p)$, the Wiener filter.

        It minimises $|A x - d|^2 + \langle x, P x \rangle$ for a circular filter P of transfer
        function $\hat p \ge 0$; noise over signal power spectrum gives Wiener's own.

        Args:
            d: [B, H, W, C], the measurement.
            penalty: $\hat p$, real, a scalar or [H, W // 2 + 1].

        Raises:
            ValueError: `d` is no batch of floating images.
        """
        d = image_batch("d", d)
        transfer = self.transfer(d)
        power = tf.math.conj(transfer) * transfer + tf.cast(cast(penalty, d.dtype), transfer.dtype)
        return ifft(tf.math.conj(transfer) * fft(d) / power, d)

    def norm(self, height: int, width: int, channels: int = 1, iterations: int = 0) -> float:
        r"""$\max_\omega |\hat k(\omega)|$, exact; `channels` and `iterations` do not matter."""
        check_fits(self.kernel.shape, tf.TensorSpec([1, height, width, channels]))
        return float(np.abs(self._static_transfer(height, width)).max())

    def transfer(self, x) -> tf.Tensor:
        r"""$\hat k$ at the size of `x` [B, H, W, C]: complex [1, 1, H, W // 2 + 1]."""
        check_fits(self.kernel.shape, x)
        height, width = x.shape[1:3]
        if height is not None and width is not None:
            dtype = tf.complex128 if x.dtype == tf.float64 else tf.complex64
            return tf.constant(self._static_transfer(height, width)[None, None], dtype)
        (k1, k2), (height, width) = self.kernel.shape, tf.unstack(tf.shape(x)[1:3])
        kernel = tf.pad(tf.constant(self.kernel, x.dtype), [[0, height - k1], [0, width - k2]])
        return tf.signal.rfft2d(tf.roll(kernel, [-(k1 // 2), -(k2 // 2)], [0, 1]))[None, None]

    def _static_transfer(self, height, width) -> np.ndarray:
        """Computed once per trace, in float64."""
        k1, k2 = self.kernel.shape
        kernel = np.pad(self.kernel, [(0, height - k1), (0, width - k2)])
        return np.fft.rfft2(np.roll(kernel, (-(k1 // 2), -(k2 // 2)), (0, 1)))

    def norm_bound(self, height: int, width: int, channels: int = 1) -> float:
        r"""$\sum_j |k[j]|$, by Young's inequality; attained by circular non-negative blur."""
        return float(np.abs(self.kernel).sum())

    def get_config(self) -> dict:
        return {"kernel": self.kernel.tolist()}
