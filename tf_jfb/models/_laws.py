"""Scalars of a model that follow the noise level."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import value

REFERENCE = 0.01  # noise at which a law takes its initial value, and that of models not told any


class PowerLaw:
    r"""$\sigma \mapsto e^{w_0} (\sigma / 0.01)^{w_1}$, w a weight `name` of `model`.

    Maps standard deviations [B] to positive values [B].
    """

    def __init__(self, model, name: str, initial: float, exponent: float, learned: bool = True):
        start = np.array([np.log(initial), exponent], np.float32)
        self._weight = model.add_weight(
            shape=(2,),
            name=name,
            trainable=learned,
            initializer=lambda shape, dtype=None: tf.cast(start, dtype or "float32"),
        )
        self._exponent = exponent

    def __call__(self, noise) -> tf.Tensor:
        w = value(self._weight)
        return tf.exp(w[0] + w[1] * tf.math.log(tf.maximum(noise, 1e-4) / REFERENCE))

    def set_at(self, noise: float, level: float) -> None:
        """Gives it the value `level` at `noise`; the exponent as at first."""
        scale = np.log(level) - self._exponent * np.log(noise / REFERENCE)
        value(self._weight).assign([scale, self._exponent])
