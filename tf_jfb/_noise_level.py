"""How noisy a photograph is, told from its flat parts."""

from typing import NamedTuple

import numpy as np

from tf_jfb._blocks import SIDE, cosines
from tf_jfb._validate import check, trusted_pixels

STEP = 4  # between them
MOST = 20_000  # blocks of an image that are looked at
FEWEST = 40  # flat ones, below which little can be told
FLAT = 0.15  # share of the blocks that is taken for flat
CLIPPED = 0.005  # share of the pixels that makes an end of the range one of clipping
MEDIAN = 0.454936  # of the square of a standard normal variable

FREQUENCY = np.arange(SIDE)
RING = FREQUENCY[:, None] + FREQUENCY[None]  # 0 to 14
COARSE = (RING >= 1) & (RING <= 3)  # choose the flat blocks
MIDDLE = (RING >= 4) & (RING <= 7)
FINE = RING >= 10  # nothing but noise in nearly any image that is blurred
COLOURED = 1.35  # of the noise in the middle to the fine: more is no white noise
FALLING = 1.7  # of the power at the ends of the fine part: white noise under an image ends level
UNEVEN = 0.1, 0.25  # by which the blocks may spread more than noise, in the fine and the middle
STRUCTURE = "fine structure of the image may pass for noise"
CORRELATED = "the noise is correlated between neighbouring pixels"
NORMAL = {0.1: -1.28155, 0.3: -0.52440, 0.5: 0.0}  # quantiles of the normal distribution
BRIGHTNESS = 1.6  # of the noise among parts of different brightness: more depends on it


class Estimate(NamedTuple):
    """An estimated noise, and why not to trust it."""

    std: float  # of the noise at a pixel, in the units of the image
    doubt: str | None  # a reason, None where there is none


def estimate(pixels: np.ndarray, mask: np.ndarray | None = None) -> Estimate:
    r"""Standard deviation of the noise of an image [H, W, C], channels together.

    Blocks of 8 x 8 pixels that hold no clipped pixel are transformed by cosines; those with the
    least coarse coefficients, the flat ones, tell the power of the noise at every frequency, the
    median of their squares. White noise has the same at all, and is read where blurred images have
    nothing else, at the highest. Noise that falls up to the very highest is correlated between
    pixels if the flat blocks differ no more than noise does: its power is then summed, and
    continued to the coarse frequencies. If they differ more, fine structure passes for noise.

    Args:
        pixels: [H, W, C], finite.
        mask: [H, W, 1], 1 where a pixel is to be trusted; default everywhere.

    Raises:
        ValueError: `pixels` is not a finite [H, W, C], or `mask` not of its size.
    """
    pixels = np.asarray(pixels)
    check(pixels.ndim == 3, "`pixels` must be [H, W, C].", shape=pixels.shape)
    check(bool(np.isfinite(pixels).all()), "`pixels` must be finite.", shape=pixels.shape)
    trusted = np.broadcast_to(trusted_pixels(mask, pixels.shape), pixels.shape)
    blocks = _blocks(pixels, trusted)
    if len(blocks) < FEWEST:
        std = _differences(pixels, trusted)
        return Estimate(std, "there are too few pixels that are neither clipped nor masked")
    power = cosines(blocks) ** 2
    order = np.argsort(power[:, COARSE].sum(1))
    flat = power[order[: max(FEWEST, int(FLAT * len(power)))]]
    spectrum = np.median(flat, axis=0) / MEDIAN
    # Of the fine part the least, which has the least of the image in it.
    fine = np.sqrt(_quantile(flat, FINE, 0.1) / _chi_square(0.1, FINE.sum()))
    middle = np.sqrt(spectrum[MIDDLE & (RING >= 6)].mean())
    if middle > COLOURED * np.sqrt(spectrum[FINE].mean()):
        falls = spectrum[RING == 10].mean() > FALLING * spectrum[RING >= 13].mean()
        uneven = _unevenness(flat, spectrum, MIDDLE, 0.5) > 1 + UNEVEN[1]
        if falls and uneven:
            return Estimate(float(fine), STRUCTURE)
        if falls:
            return Estimate(float(np.sqrt(_continued(spectrum).mean())), CORRELATED)
        if not uneven:  # the image's or, behind rounding to levels say, the noise's
            return Estimate(float(fine), f"{STRUCTURE}, or {CORRELATED}")
    if _by_brightness(power) > BRIGHTNESS:
        return Estimate(float(fine), "the noise differs between dark and bright parts")
    uneven = _unevenness(flat, spectrum, FINE, 0.3) > 1 + UNEVEN[0]
    return Estimate(float(fine), STRUCTURE if uneven else None)


def _blocks(pixels, trusted) -> np.ndarray:
    """[N, 8, 8] of all channels, spread over the image, trusted and without clipped pixels."""
    if min(pixels.shape[:2]) < SIDE:
        return np.zeros((0, SIDE, SIDE))
    good = trusted.copy()
    for end in (pixels.min(), pixels.max()):
        hit = pixels == end
        if hit.mean() > CLIPPED:
            good &= ~hit
    windows = [
        np.lib.stride_tricks.sliding_window_view(array, (SIDE, SIDE), (0, 1))[::STEP, ::STEP]
        for array in (pixels, good)
    ]
    where = np.argwhere(windows[1].all((-1, -2)))
    some = where[np.linspace(0, len(where) - 1, min(MOST, len(where))).astype(int)]
    blocks = windows[0][tuple(some.T)].astype(np.float64)
    # Where nothing changes there is no noise: surroundings that were never seen.
    return blocks[np.ptp(blocks, axis=(-1, -2)) > 0]


def _unevenness(flat, spectrum, band, share) -> float:
    """How far the blocks' power in `band` spreads from its 10 % to its `share` quantile.

    To what Gaussian noise of that `spectrum` does.
    """
    weights = spectrum[band]
    # As many coefficients of one power as spread like these of several (Satterthwaite).
    count = weights.sum() ** 2 / (weights**2).sum()
    expected = _chi_square(share, count) / _chi_square(0.1, count)
    return _quantile(flat, band, share) / max(_quantile(flat, band, 0.1), 1e-300) / expected


def _quantile(flat, band, share) -> float:
    return float(np.quantile(flat[:, band].sum(1), share))


def _chi_square(share, count) -> float:
    """Quantile of chi-square with `count` degrees of freedom (Wilson and Hilferty, 1931)."""
    normal = NORMAL[share]
    return count * (1 - 2 / (9 * count) + normal * np.sqrt(2 / (9 * count))) ** 3


def _continued(spectrum) -> np.ndarray:
    """`spectrum` [8, 8] with the coarse part, image more than noise, from the middle's decay."""
    squares = FREQUENCY[:, None] ** 2 + FREQUENCY[None] ** 2
    used = (RING >= 5) & (RING <= 8)
    slope, level = np.polyfit(squares[used], np.log(spectrum[used]), 1)
    bell = np.exp(level + min(slope, 0.0) * squares)
    return np.where(RING <= 4, bell, spectrum)


def _by_brightness(power) -> float:
    """Largest noise among quarters of the blocks by brightness, to the least."""
    order = np.argsort(power[:, 0, 0])
    levels = []
    for quarter in np.array_split(order, 4):
        flattest = quarter[np.argsort(power[quarter][:, COARSE].sum(1))]
        flat = power[flattest[: max(FEWEST // 4, len(flattest) // 3)]]
        levels.append(np.sqrt(np.median(flat[:, FINE], axis=0).mean()))
    return max(levels) / max(min(levels), 1e-300)


def _differences(pixels, trusted) -> float:
    """Where blocks are too few: from the mean size of second differences (Immerkær, 1996).

    Those of trusted pixels, if there are such.
    """
    if min(pixels.shape[:2]) < 3:
        return 0.0
    rows = np.diff(pixels.astype(np.float64), 2, axis=0)
    sizes = np.abs(np.diff(rows, 2, axis=1))
    whole = np.lib.stride_tricks.sliding_window_view(trusted, (3, 3), (0, 1)).all((-1, -2))
    return float(np.sqrt(np.pi / 2) * (sizes[whole] if whole.any() else sizes).mean() / 6.0)
