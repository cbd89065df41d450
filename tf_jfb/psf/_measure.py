"""Kernels from images of points: beads under a microscope, stars, a pinhole."""

from typing import NamedTuple

import numpy as np

from tf_jfb._validate import check, check_real, is_integer

ABOVE = 8.0  # standard deviations of the background that a point must rise above it
RIVAL = 0.1  # of a point's brightness: another as bright within its window spoils it
FAINT = 0.01  # of the peak: darker than that is not looked at for the centre
DIP = 0.8  # of a point's height: between it and a brighter one it must be darker
MOST = 200  # points of an image that are looked at
MARGIN = 3  # pixels around the kernel that tell the background
LARGEST = 129  # side of the default kernel, at most
ROUNDS = 4  # of aligning the points with their mean
ODD = 3.0  # times the usual misfit: such points are left out
CLIPPING = 0.5  # of the brightest channel's height: dimmer ones are not looked at for clipping
LONE = 0.01  # of the brightest pixel: with less around it, it is broken, or a cosmic ray's


class Measured(NamedTuple):
    """A measured kernel, and what it was measured from."""

    kernel: np.ndarray  # [size, size], >= 0, of sum 1, its centre of mass in the middle
    points: int  # that were averaged
    left_out: int  # clipped, crowded, at the border, single pixels or unlike the others
    noise: float  # standard deviation of the average at a pixel, to its peak
    negative: float  # share of the light that noise below zero would have taken away, made zero


def measure(images, size: int | None = None) -> Measured:
    """The kernel as the mean of points of light, each much smaller than it.

    Of every point its own background, the median around it, is subtracted; points are aligned by
    their centres of mass, then with their mean by least squares, moved by parts of a pixel in the
    Fourier domain and averaged by brightness. What does not rise above the noise is made zero.

    Args:
        images: [H, W] or [H, W, C] in linear light, or a list of them; each with one point or
            several apart from each other. Channels are averaged.
        size: side of the kernel, odd; default as far as the brightest point rises above noise.

    Raises:
        ValueError: an image is something else, `size` is not odd, or no point can be used.
    """
    images = [images] if hasattr(images, "shape") else list(images)
    images = [_image(image) for image in images]
    check(len(images) > 0, "There must be an image.", images=0)
    check(
        size is None or is_integer(size) and size >= 3 and size % 2 == 1,
        "`size` must be an odd integer >= 3.",
        size=size,
    )
    planes = [image.mean(-1) for image in images]
    size = size or _reach(planes)
    windows, left_out = [], 0
    for plane, image in zip(planes, images, strict=True):
        found, spoilt = _points(plane, _full(image), size)
        windows += found
        left_out += spoilt
    check(
        len(windows) > 0,
        f"There must be a point that rises {ABOVE:g} standard deviations above its background, "
        f"more than a single pixel, unclipped, alone and whole in a window of {size + 2 * MARGIN} "
        "pixels.",
        found=left_out,
        size=size,
    )
    mean, used = _aligned(np.stack(windows))
    kernel, noise, negative = _cleaned(mean)
    return Measured(kernel, used, left_out + len(windows) - used, noise, negative)


def _image(image) -> np.ndarray:
    """`image` as float64 [H, W, C]."""
    check_real("images", image)
    array = np.asarray(image, np.float64)
    check(array.ndim in (2, 3), "An image must be [H, W] or [H, W, C].", shape=array.shape)
    check(bool(np.isfinite(array).all()), "An image must be finite.", shape=array.shape)
    check(min(array.shape[:2]) >= 9, "An image must have 9 pixels a side.", shape=array.shape)
    array = array if array.ndim == 3 else array[..., None]
    check(
        array.shape[2] < min(array.shape[:2]),
        "An image must have fewer channels than pixels a side: give a stack as a list of images.",
        shape=array.shape,
    )
    return array


def _full(image) -> np.ndarray:
    """[H, W, C]: where a channel is as bright as it gets; nowhere of dim channels."""
    most = image.max((0, 1))
    height = most - np.median(image, (0, 1))
    return (image == most) & (height >= CLIPPING * height.max())


def _background(image) -> tuple:
    """(level, standard deviation) of what holds most of the image, by medians."""
    level = np.median(image)
    return level, max(1.4826 * np.median(np.abs(image - level)), 1e-9 * np.ptp(image), 1e-300)


def _smooth(image, side: int = 3) -> np.ndarray:
    """Means over squares of an odd `side`, the border repeated."""
    import cv2

    return cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)


def _candidates(image, size) -> list:
    """(height, place) of what may be points, the brightest first, each the only one within size.

    Heights above the background, of means over half of `size`: a kernel has one of these, however
    many maxima of its own.
    """
    side = max(3, size // 2 | 1)
    smooth, (level, std) = _smooth(image, side), _background(image)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(smooth, 1, mode="edge"), (3, 3))
    peaks = (smooth >= around.max((-1, -2))) & (smooth > level + ABOVE / side * std)
    places, heights = np.argwhere(peaks), smooth[peaks] - level
    found = []
    for i in np.argsort(-heights, kind="stable")[: 20 * MOST]:
        if not any(_is_of(smooth - level, places[i], other, size) for _, other in found):
            found.append((heights[i], places[i]))
    return found


def _is_of(heights, place, other, size) -> bool:
    """Whether a maximum belongs to a brighter one: within its kernel or without a dip between."""
    distance = np.abs(place - other).max()
    if distance <= size // 2:
        return True
    if distance > 2 * size:
        return False
    way = np.round(np.linspace(place, other, distance + 1)).astype(int)
    return heights[tuple(way.T)].min() > DIP * heights[tuple(place)]


def _reach(images) -> int:
    """Side of a kernel that holds the brightest point as far as it rises above noise."""
    best = max(images, key=lambda image: image.max() - np.median(image))
    level, std = _background(best)
    smooth = _smooth(best)
    place = np.unravel_index(smooth.argmax(), smooth.shape)
    height = smooth[place] - level
    check(
        height > ABOVE / 3 * std, "A point of light must rise above the background.", height=height
    )
    rows, columns = (np.arange(n) - c for n, c in zip(best.shape, place, strict=True))
    distance = np.round(np.hypot(rows[:, None], columns[None])).astype(int)
    most = min(LARGEST // 2, min(best.shape) // 2 - MARGIN)
    inside = distance <= most
    counts = np.bincount(distance[inside])
    means = np.bincount(distance[inside], best[inside] - level) / counts
    faint = means < np.maximum(2 * std / np.sqrt(counts), 1e-3 * height)
    reach = int(np.argmax(faint)) if faint.any() else most
    return 2 * max(2, min(reach + 1, most)) + 1


def _points(image, full, size) -> tuple:
    """Windows [size + 2 MARGIN] ** 2 about usable points, less background; how many were not."""
    found, half = _candidates(image, size), size // 2 + MARGIN
    windows, spoilt = [], 0
    for height, place in found[:MOST]:
        near = [h for h, other in found if 0 < np.abs(place - other).max() <= 2 * half]
        brightest = max(near, default=0.0)
        if height < RIVAL * brightest:  # debris of a kernel rather than a point
            continue
        crowded = brightest > RIVAL * height
        place = _heart(image, place, size)
        low, high = place - half, place + half + 1
        if crowded or (low < 0).any() or (high > image.shape).any():
            spoilt += 1
            continue
        inside = tuple(map(slice, low, high))
        window = image[inside]
        level, std = _background(window[_edge(window)])
        if window.max() - level < ABOVE * std:
            continue
        clipped = (full[inside].sum((0, 1)) > 3).any()
        bad = clipped or _is_lone(window - level, std)
        spoilt += bad
        windows += [] if bad else [window - level]
    return windows, int(spoilt)


def _heart(image, place, size) -> np.ndarray:
    """The pixel nearest to the centre of mass around `place`, where the image has room for it."""
    low = np.maximum(place - size // 2, 0)
    part = image[low[0] : place[0] + size // 2 + 1, low[1] : place[1] + size // 2 + 1]
    light = np.maximum(part - np.median(image), 0.0)
    light = np.where(light > RIVAL * light.max(), light, 0.0)
    rows, columns = (np.arange(n) for n in part.shape)
    centre = np.array([rows @ light.sum(1), columns @ light.sum(0)]) / light.sum()
    return low + np.round(centre).astype(int)


def _is_lone(light, std) -> bool:
    """Whether the brightest pixel has no more than noise around it."""
    row, column = np.unravel_index(light.argmax(), light.shape)
    peak, block = light.max(), np.pad(light, 1)[row : row + 3, column : column + 3]
    return (block.sum() - peak) / 8 < LONE * peak + std / 2


def _edge(window) -> np.ndarray:
    """Which pixels of a window are of its margin."""
    edge = np.ones(window.shape, bool)
    edge[MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    return edge


def _aligned(windows) -> tuple:
    """The mean of windows [N, n, n] of sum 1, its centre in the middle, and how many it is of."""
    light = windows.sum((1, 2))
    points = np.stack([_moved(w, *-_centre(w)) for w in windows]) / light[:, None, None]
    keep = np.ones(len(points), bool)
    for _ in range(ROUNDS if len(points) > 1 else 0):
        mean = np.average(points[keep], axis=0, weights=light[keep])
        # Smoothed, so that differences are slopes and noise weighs less.
        soft = _smooth(_smooth(mean))
        slopes = np.stack([soft, *np.gradient(soft)]).reshape(3, -1).T
        softs = [_smooth(_smooth(point)).ravel() for point in points]
        fits = [np.linalg.lstsq(slopes, one, rcond=None)[0] for one in softs]
        # A mean moved by d is the mean less d times its slope.
        points = np.stack(
            [_moved(p, f[1] / f[0], f[2] / f[0]) / f[0] for p, f in zip(points, fits, strict=True)]
        )
        misfits = ((points - mean) ** 2).mean((1, 2)) * light**2
        keep = misfits <= ODD**2 * np.median(misfits)
    mean = np.average(points[keep], axis=0, weights=light[keep])
    return _moved(mean, *-_centre(mean)), int(keep.sum())


def _centre(window) -> np.ndarray:
    """Centre of mass less the middle, rows and columns, of what is above the margin's noise."""
    smooth, (level, std) = _smooth(window), _background(window[_edge(window)])
    lit = smooth - level > max(std, FAINT * (smooth.max() - level))
    weights = np.where(lit, np.maximum(window - level, 0.0), 0.0)
    offsets = np.arange(len(window)) - len(window) // 2
    return np.array([offsets @ weights.sum(1), offsets @ weights.sum(0)]) / weights.sum()


def _moved(window, rows, columns) -> np.ndarray:
    """`window` moved down and to the right by parts of a pixel, in the Fourier domain."""
    phases = [
        np.exp(-2j * np.pi * np.fft.fftfreq(n) * d)
        for n, d in zip(window.shape, (rows, columns), strict=True)
    ]
    return np.fft.ifft2(np.fft.fft2(window) * np.outer(*phases)).real


def _cleaned(mean) -> tuple:
    """(kernel of sum 1, noise to its peak, share made zero) of a mean point with its margin."""
    level, std = _background(mean[_edge(mean)])
    inside = (mean - level)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    smooth = _smooth(mean - level)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    clean = np.where(smooth > 2 * std / 3, np.maximum(inside, 0.0), 0.0)
    check(clean.sum() > 0, "The mean of the points must rise above its noise.", noise=float(std))
    negative = float(-np.minimum(inside, 0.0).sum() / clean.sum())
    return clean / clean.sum(), float(std / inside.max()), negative
