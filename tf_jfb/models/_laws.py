"""Scalars of a model that follow the noise level."""

import numpy as np
import tensorflow as tf

from tf_jfb._compat import value

REFERENCE = 0.01  # noise at which a law takes its initial value, and that of models not told any


def power_law(model, name: str, initial: float, exponent: float, learned: bool = True):
    r"""Adds $w$ to `model` and returns $\sigma \mapsto e^{w_0} (\sigma / 0.01)^{w_1}$.

    The function maps standard deviations [B] to positive values [B]; `set_at(noise, level)` gives
    it a value.
    """
    start = np.array([np.log(initial), exponent], np.float32)
    weight = model.add_weight(
        shape=(2,),
        name=name,
        trainable=learned,
        initializer=lambda shape, dtype=None: tf.cast(start, dtype or "float32"),
    )

    def set_at(noise, level):
        scale = np.log(level) - exponent * np.log(noise / REFERENCE)
        value(weight).assign([scale, exponent])

    def law(noise):
        w = value(weight)
        return tf.exp(w[0] + w[1] * tf.math.log(tf.maximum(noise, 1e-4) / REFERENCE))

    law.set_at = set_at
    return law
