"""Kernels given by a formula, float64, of sum 1, about the middle of the array; stretching."""

import numbers

import numpy as np

from tf_jfb._validate import check
from tf_jfb.operators.kernels._checks import LARGEST, check_kernel, check_positive, check_size

STRIPS = 64  # a pixel of a disk is cut into, to measure how much of it is covered


def gaussian(size: int, std: float) -> np.ndarray:
    """Gaussian kernel [size, size] of standard deviation `std` pixels, sum 1.

    Its peak is the middle of the array, for an even size between two pixels.

    Raises ValueError unless `size` is an integer from 1 to 2001 and `std` positive and finite.
    """
    check_size("size", size)
    check_positive("std", std)
    offsets = _offsets(size)
    profile = _bell(0.5 * offsets**2, float(std))
    return np.outer(profile, profile)


def anisotropic(size: int, std1: float, std2: float, angle: float) -> np.ndarray:
    r"""Gaussian kernel [size, size] with elliptic contours, sum 1.

    $k(x) \propto \exp(-\tfrac12 (u^2 / \sigma_1^2 + v^2 / \sigma_2^2))$ with u the coordinate along
    the direction at `angle` and v across it, about the middle of the array.

    Args:
        size: side in pixels, an integer from 1 to 2001.
        std1: standard deviation along the direction, in pixels, > 0.
        std2: standard deviation across it, in pixels, > 0.
        angle: in degrees, from the direction of increasing columns counter-clockwise as displayed:
            90 points up.

    Raises:
        ValueError: an argument is outside its range.
    """
    check_size("size", size)
    check_positive("std1", std1)
    check_positive("std2", std2)
    check(
        isinstance(angle, numbers.Real) and bool(np.isfinite(angle)),
        "`angle` must be a finite number of degrees.",
        angle=angle,
    )
    right, up = _offsets(size)[None, :], -_offsets(size)[:, None]
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    u, v = cos * right + sin * up, cos * up - sin * right
    std = float(min(std1, std2))
    return _bell(0.5 * ((u * (std / std1)) ** 2 + (v * (std / std2)) ** 2), std)


def disk(radius: float) -> np.ndarray:
    """Kernel of a lens out of focus: a disk of `radius` pixels, sum 1.

    A pixel weighs in by the area that the disk covers of it. The side is odd and the smallest that
    holds the disk, 2 ceil(radius - 1/2) + 1.

    Raises ValueError unless `radius` is positive and at most 1000.5.

    >>> disk(2.0).shape
    (5, 5)
    """
    check_positive("radius", radius, most=LARGEST / 2)
    reach = int(np.ceil(radius - 0.5))
    if reach == 0:
        return np.ones((1, 1))
    side = 2 * reach + 1
    edges = np.arange(side + 1) - reach - 0.5
    # Thin strips along a row: their lengths within the disk are exact.
    heights = np.linspace(edges[0], edges[-1], side * STRIPS, endpoint=False) + 0.5 / STRIPS
    half = np.sqrt(np.maximum(float(radius) ** 2 - heights**2, 0.0))[:, None]
    area = np.empty((side, side))
    for row, strips in zip(area, half.reshape(side, STRIPS, 1), strict=True):
        row[:] = np.diff(np.clip(edges, -strips, strips), axis=1).mean(axis=0)
    area = area + area.T  # rows and columns alike
    return area / area.sum()


def line(length: float, angle: float) -> np.ndarray:
    """Kernel of a straight, even motion over `length` pixels, sum 1.

    A pixel weighs in by the length of the line within it, about the middle of an array with odd
    sides: `line(5, 0)` is a row of five equal weights.

    Args:
        length: in pixels, > 0, at most 2001.
        angle: in degrees, from the direction of increasing columns counter-clockwise as displayed.

    Raises:
        ValueError: an argument is outside its range.

    >>> line(3.0, 90.0).shape
    (3, 1)
    """
    check_positive("length", length, most=LARGEST)
    check(
        isinstance(angle, numbers.Real) and bool(np.isfinite(angle)),
        "`angle` must be a finite number of degrees.",
        angle=angle,
    )
    # Directions along the axes exactly, without the last bit of a cosine.
    right, up = np.round([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))], 12)
    extents = [abs(length * step) for step in (up, right)]
    reach = [max(0, int(np.ceil((extent - 1) / 2 - 1e-9))) for extent in extents]
    # Where the line crosses the borders of pixels: between two crossings it stays within one.
    crossings = [np.array([-length / 2, length / 2])]
    for step, far in zip((up, right), reach, strict=True):
        borders = np.arange(-far - 0.5, far + 1)
        crossings.append(borders / step if step else [])
    at = np.unique(np.clip(np.concatenate(crossings), -length / 2, length / 2))
    middles, kernel = (at[1:] + at[:-1]) / 2, np.zeros([2 * far + 1 for far in reach])
    rows = np.clip(np.round(-middles * up).astype(int) + reach[0], 0, 2 * reach[0])
    columns = np.clip(np.round(middles * right).astype(int) + reach[1], 0, 2 * reach[1])
    np.add.at(kernel, (rows, columns), np.diff(at))
    return kernel / kernel.sum()


def box(size: int) -> np.ndarray:
    """Kernel [size, size] of equal weights, sum 1.

    Raises ValueError unless `size` is an integer from 1 to 2001.
    """
    check_size("size", size)
    return np.full((size, size), 1.0 / size**2)


def stretched(kernel, factor: float) -> np.ndarray:
    """`kernel` [k1, k2] made `factor` times as wide about the middle of the array, sum 1.

    Linear interpolation, zeros outside; the array grows, by an even number, to hold the result.

    Raises ValueError unless `factor` is positive, no side becomes longer than 2001, and `kernel`
    has a positive sum, before and after.
    """
    array = check_kernel(kernel)
    check_positive("factor", factor, "number", most=max(1.0, LARGEST / max(array.shape)))
    rows, columns = (_hats(size, factor) for size in array.shape)
    wide = rows @ array @ columns.T
    check(
        bool(wide.sum() > 0),
        "`factor` must leave something of the kernel between its samples.",
        factor=factor,
        sum=float(wide.sum()),
    )
    return wide / wide.sum()


def padded(kernel: np.ndarray, shape) -> np.ndarray:
    """`kernel` [k1, k2] in zeros of `shape`, its origin, index size // 2 of each axis, at theirs.

    >>> padded(np.ones((1, 2)), (3, 3))
    array([[0., 0., 0.],
           [1., 1., 0.],
           [0., 0., 0.]])
    """
    sizes = list(zip(kernel.shape, shape, strict=True))
    before = [new // 2 - old // 2 for old, new in sizes]
    widths = [(b, new - old - b) for b, (old, new) in zip(before, sizes, strict=True)]
    return np.pad(kernel, widths)


def shifted(kernel, rows: float, columns: float) -> np.ndarray:
    """`kernel` [k1, k2] moved down and to the right by parts of a pixel, of sum 1.

    Linear interpolation; what leaves the array is lost.

    Raises ValueError unless the shifts lie in [-1, 1] and what stays has a positive sum.
    """
    for name, shift in (("rows", rows), ("columns", columns)):
        check(
            isinstance(shift, numbers.Real) and -1 <= shift <= 1,
            f"`{name}` must lie in [-1, 1], in pixels.",
            **{name: shift},
        )
    array = check_kernel(kernel)
    down, right = (
        _hats(*axis) for axis in zip(array.shape, (1.0, 1.0), (rows, columns), strict=True)
    )
    moved = check_kernel(down @ array @ right.T)
    return moved / moved.sum()


def _hats(size, factor, shift=0.0):
    """Linear interpolation [stretched size, size] of samples at the offsets times `factor`.

    The samples are moved by `shift` too.
    """
    grown = size + 2 * max(0, int(np.ceil((factor - 1) * (size - 1) / 2)))
    distances = (_offsets(grown)[:, None] - shift) / factor - _offsets(size)[None]
    return np.maximum(0.0, 1 - np.abs(distances))


def _offsets(size):
    """Distances of the pixels from the middle of the array."""
    return np.arange(size) - (size - 1) / 2


def _bell(exponent, std):
    """exp(-exponent / std^2), of sum 1."""
    # Relative to the sample nearest the peak, so that a tiny std cannot underflow to 0 / 0.
    with np.errstate(over="ignore"):  # an infinite exponent is a weight of 0
        bell = np.exp(-(exponent - exponent.min()) / std / std)
    return bell / bell.sum()
