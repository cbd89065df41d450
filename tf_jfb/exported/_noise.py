"""The noise of a photograph."""

import numpy as np

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
