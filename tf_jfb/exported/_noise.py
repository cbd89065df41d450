"""The noise of a photograph."""

import numpy as np

from tf_jfb.data import light as lights

LEAST = 1e-3  # a model is told no less where the level is estimated
MOST = np.float32(0.99)


def noise_level(pixels: np.ndarray) -> float:
    r"""Standard deviation of white noise in [H, W, C], H and W >= 3, channels together.

    $\hat\sigma = \sqrt{\pi / 2}\,\overline{|d|} / 6$ with d the second differences of second
    differences, which leave smooth images at 0; sharp edges are taken for noise in part.

    Source: Immerkær (1996).
    """
    planes = np.moveaxis(np.asarray(pixels), -1, 0)  # one at a time: images may be large
    means = [np.abs(_bend(_bend(plane, 0), 1)).mean(dtype=np.float64) for plane in planes]
    return float(np.sqrt(np.pi / 2) * np.mean(means) / 6.0)


def _bend(x, axis):
    """Second differences along `axis`."""
    x = np.moveaxis(x, axis, 0)
    return np.moveaxis(x[2:] - 2 * x[1:-1] + x[:-2], 0, axis)


def told_noise(values: np.ndarray, noise=None, decoded: bool = False, icc=None) -> float:
    """The level that a model is told of `values` [H, W, C]: `noise`, or estimated where None.

    With `decoded`, values are sRGB, or of the profile `icc`, and the level is that of the light
    they stand for; `noise` is in the units of the values all the same.
    """
    if noise is None:
        estimated = noise_level(lights.decode(values, icc) if decoded else values)
        return float(np.clip(estimated, LEAST, MOST))
    level = lights.noise_in_light(noise, values, icc) if decoded else noise
    return float(np.clip(level, 1e-6, MOST))
