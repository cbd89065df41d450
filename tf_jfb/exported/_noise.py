"""The noise of a photograph."""

import numpy as np

from tf_jfb.data import light

SECOND_DIFFERENCE = np.array([1.0, -2.0, 1.0])


def noise_level(pixels: np.ndarray) -> float:
    r"""Standard deviation of white noise in [H, W, C], H and W >= 3, channels together.

    $\hat\sigma = \sqrt{\pi / 2}\,\overline{|d|} / 6$ with d the second differences of second
    differences, which leave smooth images at 0; sharp edges are taken for noise in part.

    Source: Immerkær (1996).
    """
    d = np.apply_along_axis(np.convolve, 0, pixels, SECOND_DIFFERENCE, "valid")
    d = np.apply_along_axis(np.convolve, 1, d, SECOND_DIFFERENCE, "valid")
    return float(np.sqrt(np.pi / 2) * np.abs(d).mean() / 6.0)


def noise_of_light(level: float, values: np.ndarray) -> float:
    """Noise of the light that sRGB `values` with noise `level` stand for, root mean square.

    Bright pixels have more of it, dark ones less: a value's noise times the slope of the curve.
    """
    step = np.float32(1e-3)
    slope = (light.decode(values + step) - light.decode(values - step)) / (2 * step)
    return float(level * np.sqrt(np.mean(np.square(slope))))
