"""The random numbers of evaluations: streams by name, so that none is drawn from twice."""

import enum

import numpy as np


class Stream(enum.IntEnum):
    """What is drawn. The numbers go on from those that `tf_jfb.data` draws training images by."""

    NOISE = 5  # of test image (kernel, image)
    TUNING = 6  # of the images that tune the baselines
    PHOTONS = 7  # of test image (kernel, image)
    PSF = 8  # of the measurement of a kernel (kernel)


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """The same for the same arguments, whatever else has been drawn."""
    return np.random.default_rng([seed, stream, *index])


def unit_noise(seed: int, stream: Stream, shape: tuple, *index: int) -> np.ndarray:
    """Standard normal, float32, of `shape`."""
    return generator(seed, stream, *index).standard_normal(shape, np.float32)
