"""Circular blur by a kernel that every image brings with it."""

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.operators.blur_fft import BlurFFT
from tf_jfb.operators.kernels import check_fits, check_kernel


class BlurEach(BlurFFT):
    r"""$(A x)_b[i] = \sum_j k_b[j]\, x_b[(i - j) \bmod (H, W)]$: image b has kernel $k_b$.

    The kernels' origin is index size // 2 of each axis, as in `BlurFFT`, whose closed forms
    `prox`, `inverse` and `wiener` apply. An operator is cheap to make, and lives as long as its
    batch: inside a graph it is made where the kernels are known. A solve computes the transfer
    function once and passes it on, as a tensor with one entry per image:
    `BlurEach.from_transfer(BlurEach(kernel).transfer(x))`.

    It holds tensors and cannot be saved: `get_config` raises NotImplementedError.

    Args:
        kernel: floating tensor [B, k1, k2]; used as given, not normalised. Eager kernels must be
            finite and of positive sum; those of a graph are not checked.

    Raises:
        ValueError: the kernels are unusable, larger than the images, or not as many as those, as
            far as shapes are known when the operator is traced.
    """

    def __init__(self, kernel):
        kernel = tf.convert_to_tensor(kernel)
        check(kernel.dtype.is_floating, "`kernel` must be floating.", dtype=kernel.dtype.name)
        check(
            kernel.shape.rank in (3, None),
            "`kernel` must hold one kernel per image, [B, k1, k2].",
            shape=tuple(kernel.shape),
        )
        self.kernel, self._transfer = tf.ensure_shape(kernel, [None] * 3), None
        if hasattr(kernel, "numpy"):
            for array in kernel.numpy():
                check_kernel(array)

    @classmethod
    def from_transfer(cls, transfer) -> "BlurEach":
        r"""The operator of transfer functions $\hat k_b$, for images of one size alone.

        Args:
            transfer: complex tensor [B, 1, H, W // 2 + 1], as `transfer(x)` returns it.

        Raises:
            ValueError: `transfer` is not complex, or not of rank 4.
        """
        transfer = tf.convert_to_tensor(transfer)
        check(
            transfer.dtype.is_complex and transfer.shape.rank in (4, None),
            "`transfer` must be complex, [B, 1, H, W // 2 + 1].",
            dtype=transfer.dtype.name,
            shape=transfer.shape,
        )
        blur = cls.__new__(cls)
        blur.kernel, blur._transfer = None, transfer
        return blur

    def transfer(self, x) -> tf.Tensor:
        r"""$\hat k_b$ at the size of `x` [B, H, W, C]: complex [B, 1, H, W // 2 + 1]."""
        dtype = tf.complex128 if x.dtype == tf.float64 else tf.complex64
        if self._transfer is not None:
            _check_transfer(self._transfer.shape, x.shape)
            return tf.cast(self._transfer, dtype)
        _check_batch(self.kernel.shape[0], x.shape[0])
        return self._transfer_at(x.shape[1:3], tf.shape(x)[1:3], x.dtype)

    def _transfer_at(self, known, size, dtype):
        check_fits(self.kernel.shape[1:], tf.TensorSpec([None, *known, None]))
        kernel = tf.cast(self.kernel, dtype)
        taps = tf.shape(kernel)[1:]
        margin = tf.stack([tf.zeros_like(taps), size - taps], axis=1)
        kernel = tf.pad(kernel, tf.concat([[[0, 0]], margin], axis=0))
        kernel = tf.roll(kernel, -(taps // 2), [1, 2])
        height, width = known
        columns = None if width is None else width // 2 + 1
        transfer = tf.signal.rfft2d(kernel)[:, None]
        return tf.ensure_shape(transfer, [self.kernel.shape[0], 1, height, columns])

    def norm(self, height: int, width: int, channels: int = 1, iterations: int = 0):
        r"""$\max_{b, \omega} |\hat k_b(\omega)|$, exact; the last two arguments do not matter.

        A number, or a scalar tensor while a graph is traced that brings the kernels.

        Raises:
            ValueError: the kernels exceed the size, or the transfer is of another.
        """
        largest = tf.reduce_max(self.norm_bound(height, width, channels))
        return float(largest) if hasattr(largest, "numpy") else largest

    def norm_bound(self, height: int, width: int, channels: int = 1) -> tf.Tensor:
        r"""$\max_\omega |\hat k_b(\omega)|$ of every image, [B], exact.

        One for all would let the images of a batch change each other's steps.

        Raises:
            ValueError: the kernels exceed the size, or the transfer is of another.
        """
        if self._transfer is None:
            transfer = self._transfer_at((height, width), tf.constant([height, width]), tf.float64)
        else:
            transfer = self._transfer
            _check_transfer(transfer.shape, tf.TensorShape([None, height, width, channels]))
        return tf.reduce_max(tf.abs(transfer), axis=[1, 2, 3])

    def get_config(self) -> dict:
        raise NotImplementedError(
            "BlurEach holds the kernels of one batch and cannot be saved: make it from them where "
            "they are known, or use BlurFFT for one kernel."
        )


def _check_batch(kernels, images):
    check(
        None in (kernels, images) or kernels == images,
        "There must be one kernel per image.",
        kernels=kernels,
        images=images,
    )


def _check_transfer(transfer, images):
    if transfer.rank is None:
        return
    _check_batch(transfer[0], images[0])
    height, width = images[1:3]
    wanted = (height, None if width is None else width // 2 + 1)
    given = tuple(transfer[2:])
    check(
        all(None in pair or pair[0] == pair[1] for pair in zip(given, wanted, strict=True)),
        "The transfer function must be that of the images' size.",
        transfer=given,
        image=(height, width),
    )
