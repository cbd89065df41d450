"""PSNR and SSIM per image, on a stated value range."""

import numbers
from collections.abc import Callable

import keras
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import cast
from tf_jfb._validate import check

__all__ = ["PSNR", "SSIM", "psnr", "ssim"]

WINDOW = 11  # side of that of SSIM


def psnr(x, y, max_value: float = 1.0) -> tf.Tensor:
    r"""Peak signal-to-noise ratio $10 \log_{10}(\mathrm{max}^2 / \mathrm{mse})$ per image, in dB.

    Args:
        x: images [B, H, W, C] with values in [0, `max_value`].
        y: as `x`; symmetric.
        max_value: width of the value range; images in [-1, 1] need 2.

    Returns:
        [B]; infinite where the images agree. Float32 of images of 16 bits, whose squared errors
        would vanish.
    """
    x, y = _pair(x, y)
    error = tf.reduce_mean(tf.math.squared_difference(x, y), axis=[1, 2, 3])
    decibel = tf.constant(10.0 / 2.302585092994046, x.dtype)
    return decibel * tf.math.log(cast(max_value, x.dtype) ** 2 / error)


def ssim(x, y, max_value: float = 1.0) -> tf.Tensor:
    """Mean structural similarity per image and its mean over channels (Wang et al., 2004).

    Window 11x11, Gaussian of std 1.5; constants (0.01, 0.03); only windows inside the image;
    computed in float32.

    Args:
        x: images [B, H, W, C] with values in [0, `max_value`], at least 11 x 11.
        y: as `x`; symmetric.
        max_value: width of the value range; images in [-1, 1] need 2.

    Returns:
        [B], at most 1.

    Raises:
        ValueError: the images are smaller than the window, where their size is static.
    """
    x, y = _pair(x, y)
    check(
        all(size is None or size >= WINDOW for size in x.shape[1:3]),
        f"SSIM needs images of at least {WINDOW} x {WINDOW}.",
        shape=tuple(x.shape),
    )
    return tf.image.ssim(x, y, max_value, filter_size=WINDOW, filter_sigma=1.5)


def fidelity(sharp, image) -> dict:
    """{"psnr": dB, "ssim": of 1} of `image` [H, W, C] to `sharp`; images too small have no SSIM."""
    metrics = {"psnr": psnr} | ({"ssim": ssim} if min(sharp.shape[:2]) >= WINDOW else {})
    return {name: float(metric(sharp[None], image[None])[0]) for name, metric in metrics.items()}


def _pair(x, y) -> tuple:
    """`x` and `y`, checked, in the dtype of `x` but of 32 bits at least."""
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    for name, image in {"x": x, "y": y}.items():
        check(
            image.dtype.is_floating, f"`{name}` must have a floating dtype.", dtype=image.dtype.name
        )
        check(
            image.shape.rank in (4, None),
            f"`{name}` must be a batch of images [B, H, W, C].",
            rank=image.shape.rank,
        )
    check(
        x.shape.is_compatible_with(y.shape),
        "`x` and `y` must have the same shape.",
        x=tuple(x.shape) if x.shape.rank else None,
        y=tuple(y.shape) if y.shape.rank else None,
    )
    dtype = x.dtype if x.dtype.size >= 4 else tf.float32
    return tf.cast(x, dtype), tf.cast(y, dtype)


class _ImageMetric(keras.metrics.Mean):
    """Mean over images of a function of (sharp, restored, max_value)."""

    function: Callable

    def __init__(self, max_value: float = 1.0, name=None, dtype=None):
        super().__init__(name=name or type(self).__name__.lower(), dtype=dtype)
        check(
            isinstance(max_value, numbers.Real) and 0 < max_value < float("inf"),
            "`max_value` must be positive.",
            max_value=max_value,
        )
        self.max_value = float(max_value)
        self._direction = "up"  # how Keras' callbacks of mode "auto" learn what is better

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch [B, H, W, C]; `sample_weight` [B]."""
        y_true = tf.cast(y_true, self.dtype)
        if tf.executing_eagerly():
            _check_range(y_true, self.max_value)
        values = type(self).function(y_true, tf.cast(y_pred, self.dtype), self.max_value)
        return super().update_state(values, sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "max_value": self.max_value}


@register
class PSNR(_ImageMetric):
    """Mean over images of `psnr`.

    Args:
        max_value: width of the value range of the images.
        name: default "psnr".
        dtype: of the computation, default Keras' float type.

    Raises:
        ValueError: `max_value` is not positive; in eager mode also if the sharp images leave
            [0, `max_value`] (graph mode does not look).
    """

    function = staticmethod(psnr)


@register
class SSIM(_ImageMetric):
    """Mean over images of `ssim`; arguments and errors as of `PSNR`, default name "ssim"."""

    function = staticmethod(ssim)


@tf.autograph.experimental.do_not_convert  # Keras 2 would convert it, outside graphs too
def _check_range(y, max_value):
    if tf.size(y) == 0:
        return
    low, high = float(tf.reduce_min(y)), float(tf.reduce_max(y))
    check(
        low >= -1e-3 * max_value and high <= (1 + 1e-3) * max_value,
        f"`y_true` must lie in [0, {max_value}]: pass the `max_value` of your images.",
        min=low,
        max=high,
    )
