"""The package's random numbers: streams by name, so that none is drawn from twice."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What is drawn, by the indices in parentheses."""

    ORDER = 0  # of training images (epoch)
    EXAMPLE = 1  # shrinking, crop, flip, turn and noise (example)
    LEAVES = 2  # shapes of dead leaves (image)
    KERNEL = 3  # of a bank (kernel)
    MISJUDGED = 4  # what it is taken for (kernel)
    NOISE = 5  # of a test image (kernel, image)
    TUNING = 6  # of the images that tune the baselines
    PHOTONS = 7  # of a test image (kernel, image)
    PSF = 8  # of the measurement of a kernel (kernel)
    VALIDATION = 9  # noise of the images that a training is judged on


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """The same for the same arguments, whatever else has been drawn."""
    return np.random.default_rng([seed, stream, *index])


def unit_noise(seed: int, stream: Stream, shape: tuple, *index: int) -> np.ndarray:
    """Standard normal, float32, of `shape`."""
    return generator(seed, stream, *index).standard_normal(shape, np.float32)
