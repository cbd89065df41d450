"""Blocks of 8 x 8 pixels, and their cosines."""

import numpy as np

SIDE = 8  # pixels

_PLACES = np.arange(SIDE)
_COSINES = np.sqrt(2 / SIDE) * np.cos(np.pi * (_PLACES + 0.5) * _PLACES[:, None] / SIDE)
_COSINES[0] /= np.sqrt(2)


def cosines(blocks: np.ndarray) -> np.ndarray:
    """Coefficients of the orthonormal cosine transform of `blocks` [..., 8, 8]."""
    return _COSINES @ blocks @ _COSINES.T
