"""The noise that a model is told."""

import numpy as np

from tf_jfb import noise as noises
from tf_jfb.data import light as lights

LEAST = 1e-3  # a model is told no less where the level is estimated
MOST = np.float32(0.99)


def told_noise(values, noise=None, decoded: bool = False, icc=None, mask=None) -> float:
    """The level that a model is told of `values` [H, W, C]: `noise`, or estimated where None.

    With `decoded`, values are sRGB, or of the profile `icc`, and the level is that of the light
    they stand for; `noise` is in the units of the values all the same. `noises.estimate` says when
    to doubt an estimate. `mask` [H, W, 1] is 0 where a pixel is not to be trusted.
    """
    if noise is None:
        pixels = lights.decode(values, icc) if decoded else values
        return float(np.clip(noises.estimate(pixels, mask).std, LEAST, MOST))
    level = lights.noise_in_light(noise, values, icc) if decoded else noise
    return float(np.clip(level, 1e-6, MOST))
