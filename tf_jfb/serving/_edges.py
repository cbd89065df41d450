"""What a photograph needs that a model of circular blur does not provide for."""

import numpy as np

SECOND_DIFFERENCE = np.array([1.0, -2.0, 1.0])


def extend(pixels: np.ndarray, margin: tuple) -> np.ndarray:
    """`pixels` [H, W, C] with `margin` more rows and columns at the end, so that it wraps around.

    The margin fades from the mirror image of one edge to that of the opposite one: no step is
    left that a deblurring would turn into ripples. Cut the result back to [H, W].
    """
    for axis, length in enumerate(margin):
        pixels = np.moveaxis(_extend_rows(np.moveaxis(pixels, axis, 0), length), 0, axis)
    return pixels


def _extend_rows(rows, length):
    if length == 0:
        return rows
    mirrored = np.pad(rows, [(length, length)] + [(0, 0)] * (rows.ndim - 1), mode="symmetric")
    share = (np.arange(length, dtype=rows.dtype) + 0.5) / length
    share = share.reshape(-1, *[1] * (rows.ndim - 1))
    return np.concatenate([rows, (1 - share) * mirrored[-length:] + share * mirrored[:length]])


def noise_level(pixels: np.ndarray) -> float:
    r"""Standard deviation of white noise in [H, W, C], H and W >= 3, channels together.

    $\hat\sigma = \sqrt{\pi / 2}\,\overline{|d|} / 6$ with d the second differences of second
    differences, which leave smooth images at 0; sharp edges are taken for noise in part.

    Source: Immerkær (1996).
    """
    d = np.apply_along_axis(np.convolve, 0, pixels, SECOND_DIFFERENCE, "valid")
    d = np.apply_along_axis(np.convolve, 1, d, SECOND_DIFFERENCE, "valid")
    return float(np.sqrt(np.pi / 2) * np.abs(d).mean() / 6.0)
