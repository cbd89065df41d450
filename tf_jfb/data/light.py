"""sRGB: from the values of a photograph to its light, and back."""

import numpy as np

_KNEE, _SLOPE = 0.04045, 12.92  # below the knee, values are proportional to light


def decode(values) -> np.ndarray:
    """Light, float32 and 1 at white, of sRGB values in [0, 1]; beyond, the curve goes on.

    Source: IEC 61966-2-1.
    """
    values = np.asarray(values, np.float32)
    curve = ((np.maximum(values, _KNEE) + 0.055) / 1.055) ** np.float32(2.4)
    return np.where(values <= _KNEE, values / np.float32(_SLOPE), curve).astype(np.float32)


def encode(light) -> np.ndarray:
    """The inverse of `decode`."""
    light = np.asarray(light, np.float32)
    knee = np.float32(_KNEE / _SLOPE)
    curve = 1.055 * np.maximum(light, knee) ** np.float32(1 / 2.4) - 0.055
    return np.where(light <= knee, light * np.float32(_SLOPE), curve).astype(np.float32)
