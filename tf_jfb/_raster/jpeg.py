"""What the compression of a JPEG file has rounded away."""

import numpy as np

SIDE = 8  # of the blocks
RING = np.arange(SIDE)[:, None] + np.arange(SIDE)
MOST = 20_000  # that are looked at, spread over the image

_PLACES = np.arange(SIDE)
_COSINES = np.cos(np.pi * (_PLACES + 0.5) * _PLACES[:, None] / SIDE) * np.sqrt(2 / SIDE)
_COSINES[0] /= np.sqrt(2)


def rounding(image) -> float:
    r"""Standard deviation of what was lost of the brightness of a Pillow `image`, in levels.

    A coefficient of blocks of 8 x 8 was rounded to multiples of its step q. Over the blocks it is
    Laplacian (Lam and Goodman, 2000), of a scale l that the share of zeros tells,
    $1 - e^{-q / 2 l}$, and so is the mean square of what rounding took. 0 where `image`, not turned
    yet, is no JPEG file of grey or colour.
    """
    table = getattr(image, "quantization", None)
    if not table or 0 not in table or image.mode not in ("L", "RGB"):
        return 0.0
    return _rounding(np.asarray(image.convert("L")), table[0])


def _rounding(grey, table) -> float:
    """Of levels [H, W], with the steps `table`, row by row."""
    rows, columns = (n // SIDE for n in grey.shape)
    if not rows * columns:
        return 0.0
    blocks = grey[: rows * SIDE, : columns * SIDE].reshape(rows, SIDE, columns, SIDE)
    blocks = blocks.swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    blocks = blocks[:: -(-len(blocks) // MOST)].astype(np.float64) - 128.0
    coefficients = _COSINES @ blocks @ _COSINES.T
    steps = np.maximum(np.reshape(table, [SIDE, SIDE]).astype(np.float64), 1.0)
    zeros = (np.abs(coefficients) < steps / 2).sum(0)
    # One more of either kind: all, or none, say that a scale is small, or large.
    scales = -steps / 2 / np.log((len(blocks) - zeros + 1) / (len(blocks) + 2))
    for ring in range(1, RING.max() + 1):  # where all are zero, none is larger than the coarser
        here = ring == RING
        scales[here] = np.minimum(scales[here], np.median(scales[ring - 1 == RING]))
    h = np.clip(steps / 2 / scales, 0.01, 50.0)  # for the sake of floating point
    return float(np.sqrt(np.mean((steps / 2 / h) ** 2 * _lost(h))))


def _lost(h) -> np.ndarray:
    """Mean square of the error, over l squared, where half a step is h l."""
    in_zero = 2 - np.exp(-h) * (h**2 + 2 * h + 2)
    in_others = np.exp(h) * (h**2 - 2 * h + 2) - np.exp(-h) * (h**2 + 2 * h + 2)
    return in_zero + in_others / np.expm1(2 * h)
