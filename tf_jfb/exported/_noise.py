"""The noise of a photograph."""

import numpy as np

from tf_jfb import noise


def noise_level(pixels: np.ndarray) -> float:
    """Standard deviation of the noise in [H, W, C]; `noise.estimate` says when to doubt it."""
    return noise.estimate(pixels).std
