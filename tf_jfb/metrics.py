"""PSNR and SSIM per image, on a stated value range."""

import keras
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check



def psnr(x: tf.Tensor, y: tf.Tensor, max_value: float = 1.0) -> tf.Tensor:
    r"""$10 \log_{10}(\mathrm{max}^2 / \mathrm{mse})$ per image: [B, H, W, C] twice -> [B], dB."""
    error = tf.reduce_mean(tf.math.squared_difference(x, y), axis=[1, 2, 3])
    return 10.0 / tf.math.log(tf.constant(10.0, x.dtype)) * tf.math.log(max_value**2 / error)


def ssim(x: tf.Tensor, y: tf.Tensor, max_value: float = 1.0) -> tf.Tensor:
    """Structural similarity per image (Wang et al., 2004): 11x11 Gaussian window, std 1.5."""
    return tf.image.ssim(x, y, max_value, filter_size=11, filter_sigma=1.5)


class _ImageMetric(keras.metrics.Mean):
    """Mean over images of a function of (sharp, restored, max_value)."""

    function = None

    def __init__(self, max_value: float = 1.0, name=None, dtype=None):
        super().__init__(name=name or type(self).__name__.lower(), dtype=dtype)
        check(isinstance(max_value, (int, float)) and max_value > 0,
              "`max_value` must be positive.", max_value=max_value)
        self.max_value = float(max_value)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = tf.cast(y_true, self.dtype)
        if tf.executing_eagerly():
            _check_range(y_true, self.max_value)
        values = type(self).function(y_true, tf.cast(y_pred, self.dtype), self.max_value)
        return super().update_state(values, sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "max_value": self.max_value}


@register
class PSNR(_ImageMetric):
    """Mean over images of `psnr`; in eager mode refuses sharp images outside [0, max_value]."""

    function = staticmethod(psnr)


@register
class SSIM(_ImageMetric):
    """Mean over images of `ssim`; in eager mode refuses sharp images outside [0, max_value]."""

    function = staticmethod(ssim)


def _check_range(y, max_value):
    low, high = float(tf.reduce_min(y)), float(tf.reduce_max(y))
    check(low >= -1e-3 * max_value and high <= (1 + 1e-3) * max_value,
          f"`y_true` must lie in [0, {max_value}]: pass the `max_value` of your images.",
          min=low, max=high)
