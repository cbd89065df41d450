"""The noise that a model is told."""

from typing import NamedTuple

import numpy as np

from tf_jfb import noise as noises
from tf_jfb.data import light as lights

LEAST = 1e-3  # a model is told no less where the level is estimated
MOST = np.float32(0.99)


class Told(NamedTuple):
    """A level of noise, and where it comes from."""

    std: float | None  # of the values or light that are solved for; None: the model takes none
    estimated: bool = False  # from the image
    doubt: str | None = None  # why not to trust the estimate


def told_noise(
    values, noise=None, decoded: bool = False, icc=None, mask=None, taken: float = 0.0
) -> Told:
    """The level that a model is told of `values` [H, W, C]: `noise`, or estimated where None.

    With `decoded`, values are sRGB, or of the profile `icc`, and the level is that of the light
    they stand for; a number `noise` is in the units of the values all the same, and a
    `noises.PoissonGaussian` counts the light. `mask` [H, W, 1] is 0 where a pixel is not to be
    trusted. What compression took, the standard deviation `taken` of the values, is added to an
    estimate: it took noise too, which the pixels show no more.
    """
    if noise is None or isinstance(noise, noises.PoissonGaussian):
        pixels = lights.decode(values, icc) if decoded else values
        if noise is not None:
            return Told(float(np.clip(noise.std(pixels, mask), 1e-6, MOST)))
        std, doubt = noises.estimate(pixels, mask)
        if decoded and taken:
            taken = lights.noise_in_light(taken, values, icc)
        return Told(float(np.clip(np.hypot(std, taken), LEAST, MOST)), True, doubt)
    level = lights.noise_in_light(noise, values, icc) if decoded else noise
    return Told(float(np.clip(level, 1e-6, MOST)))
