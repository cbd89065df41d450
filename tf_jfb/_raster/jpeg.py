"""What the compression of a JPEG file has taken."""

import numpy as np

from tf_jfb._blocks import SIDE, cosines

MOST = 20_000  # blocks that are looked at, spread over the image
# Mean square over R, G and B of an error in Y, Cb and Cr (ITU-T T.871), or in those themselves.
OF_COLOUR = (1.0, (0.344136**2 + 1.772**2) / 3, (1.402**2 + 0.714136**2) / 3)
OF_RGB = (1 / 3, 1 / 3, 1 / 3)


def taken(image) -> float:
    r"""Standard deviation of what the zeros among the coefficients took from a pixel, in levels.

    A coefficient of blocks of 8 x 8 is zero below half its step, q / 2. Over the blocks it is
    Laplacian (Lam and Goodman, 2000), of a scale l that the share of zeros tells,
    $1 - e^{-q / 2 l}$, and so is the mean square of what they were. That colours may be stored at
    half the resolution is not counted.

    Args:
        image: Pillow's, as it was opened, not turned. 0 where it is no JPEG file of grey or colour.
    """
    tables = getattr(image, "quantization", None)
    if not tables or image.mode not in ("L", "RGB"):
        return 0.0
    planes, weights = _planes(image)
    most = [max(layer[place] for layer in image.layer) for place in (1, 2)]
    square = 0.0
    for plane, weight, (_, across, down, table) in zip(planes, weights, image.layer, strict=True):
        small = plane.reduce((most[0] // across, most[1] // down))
        square += weight * _square(np.asarray(small), tables[table])
    return float(np.sqrt(square))


def _planes(image) -> tuple:
    """(those that were compressed, what the mean square of each is for that of a pixel)."""
    if image.mode == "L":
        return (image,), (1.0,)
    if image.info.get("adobe_transform") == 0:
        return image.split(), OF_RGB
    return image.convert("YCbCr").split(), OF_COLOUR


def _square(plane, table) -> float:
    """Mean square of what the zeros took of levels [H, W], with the steps `table`, row by row."""
    rows, columns = (n // SIDE for n in plane.shape)
    blocks = plane[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    blocks = blocks[:: 1 + rows * columns // MOST].swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    blocks = blocks[np.ptp(blocks, axis=(-1, -2)) > 0].astype(np.float64)  # not what is clipped
    if not len(blocks):
        return 0.0
    coefficients = cosines(blocks - 128.0)
    steps = np.maximum(np.reshape(table, [SIDE, SIDE]).astype(np.float64), 1.0)
    zeros = (np.abs(coefficients) < steps / 2).sum(0)
    # One more of either kind: all, or none, say that a scale is small, or large.
    scales = -steps / 2 / np.log((len(blocks) - zeros + 1) / (len(blocks) + 2))
    scales[zeros == len(blocks)] /= 2  # of what is always zero a bound is known: half of it
    h = np.minimum(steps / 2 / scales, 50.0)  # for the sake of floating point
    return float(np.mean(scales**2 * (2 - np.exp(-h) * (h**2 + 2 * h + 2))))
