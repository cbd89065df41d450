"""Kernels of a camera that shakes."""

import functools

import numpy as np

from tf_jfb._validate import check, is_integer
from tf_jfb.operators.kernels._checks import check_positive, check_size

KNOTS = 128  # instants at which a path is drawn; straight lines between them
SAMPLES = 32  # points of a path per pixel of the kernel's side, at least


def motion(
    size: int, seed: int, extent: float | None = None, smoothness: float = 0.3
) -> np.ndarray:
    r"""Camera-shake kernel [size, size], sum 1: where a point of light was during the exposure.

    Both coordinates of the path are Gaussian processes over the exposure $t \in [0, 1]$ with the
    Matérn covariance of order 3/2 and length scale l,
    $$k(t, t') = (1 + \sqrt3\,|t - t'| / l)\,e^{-\sqrt3\,|t - t'| / l}.$$
    The path is moved so that its mean over time, the kernel's centroid, is the middle of the array,
    and scaled to `extent`. Every instant spreads over the four nearest pixels with bilinear
    weights, so that a pixel weighs as the time that the light spent there.

    Args:
        size: side in pixels, an integer from 1 to 2001.
        seed: an integer >= 0 that determines the path.
        extent: farthest distance from the centroid along a row or column, in pixels, in
            [0, (size - 1) / 2]; None for the greatest.
        smoothness: l > 0, as a share of the exposure; small values give jagged paths, large ones
            nearly straight ones.

    Raises:
        ValueError: an argument is outside its range.

    Source: paths as in Schuler et al. (2016), arXiv 1406.7444; kernels from paths as in Boracchi
    and Foi (2012).
    """
    check_size("size", size)
    check(is_integer(seed) and seed >= 0, "`seed` must be an integer >= 0.", seed=seed)
    check_positive("smoothness", smoothness, "number")
    middle = (size - 1) / 2
    check(
        extent is None or 0 <= extent <= middle,
        f"`extent` must lie in [0, {middle}] for a kernel of side {size}.",
        extent=extent,
    )
    path = _path(np.random.default_rng(seed), float(smoothness), max(SAMPLES * size, 4 * KNOTS))
    path *= (middle if extent is None else extent) / np.abs(path).max()
    return _rasterised(middle + path, size)


def _path(rng, smoothness, count):
    """`count` points [2, count] of a random path, of mean 0."""
    knots = _root_covariance(smoothness) @ rng.standard_normal((KNOTS, 2))
    times, fine = np.linspace(0, 1, KNOTS), np.linspace(0, 1, count)
    path = np.stack([np.interp(fine, times, coordinate) for coordinate in knots.T])
    return path - path.mean(axis=1, keepdims=True)


@functools.lru_cache(maxsize=16)
def _root_covariance(smoothness):
    times = np.linspace(0, 1, KNOTS)
    lag = np.sqrt(3) * np.abs(times[:, None] - times) / smoothness
    covariance = (1 + lag) * np.exp(-lag)
    return np.linalg.cholesky(covariance + 1e-9 * np.eye(KNOTS))


def _rasterised(points, size):
    """The share of `points` [2, N] at every pixel, each spread bilinearly over four."""
    low = np.clip(np.floor(points), 0, max(size - 2, 0)).astype(int)
    part = points - low
    kernel = np.zeros(size * size)
    for down, right in np.ndindex(2, 2):
        weights = np.abs(1 - down - part[0]) * np.abs(1 - right - part[1])
        rows, columns = np.minimum(low + [[down], [right]], size - 1)
        kernel += np.bincount(rows * size + columns, weights, size * size)
    return (kernel / kernel.sum()).reshape(size, size)
