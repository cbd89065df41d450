"""Losses with one value per image."""

import keras
import tensorflow as tf

from tf_jfb._compat import register

__all__ = ["SquaredError"]


@register
class SquaredError(keras.losses.Loss):
    r"""$\mathrm{mean}_i (x_i - y_i)^2$ over all entries of an image, [B, ...] -> [B].

    Keras' own "mse" averages the channels alone, so that a `sample_weight` of one number per image
    is refused, or taken for one per column.
    """

    def __init__(self, name="squared_error", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        error = tf.square(tf.cast(y_true, y_pred.dtype) - y_pred)
        return tf.reduce_mean(error, list(range(1, len(y_pred.shape))))
