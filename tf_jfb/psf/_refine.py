"""A kernel that is told somewhat wrongly, put right from the blurred image itself."""

from typing import NamedTuple

import numpy as np

from tf_jfb._validate import check, check_positive, check_real, trusted_pixels
from tf_jfb.operators.kernels import check_kernel
from tf_jfb.psf._spectrum import Spectrum

WIDEST = 0.2  # logarithm of the factor on the width that is looked for, either way
STEPS = 8  # either way
SURE = 32.0  # in log-likelihood: less says nothing about a kernel that was told right
CLEANER = 10.0  # the same, of one whose negative weights tell of noise
NEGATIVE = 0.01  # share of negative weights from which a kernel is taken for noisy
LARGEST = 384  # side of the middle of the image that is looked at, if the kernel leaves it so
AROUND = (16.0, 4.0, 1.5)  # std in pixels of the means that fill what is not trusted
ENOUGH = 0.02  # share of such a mean that must be trusted
LEAST = 4  # sides of the kernel that the image must have


class Refined(NamedTuple):
    """A kernel, and what was done to it."""

    kernel: np.ndarray  # [k1, k2], of sum 1
    scale: float  # its width to that of the one told
    cleaned: bool  # whether noise was taken out of it


def refine(image, kernel, noise: float, mask=None) -> Refined:
    r"""`kernel`, less its noise and as wide as the power spectrum of `image` says.

    The spectrum of a blurred image has the kernel's, $|\hat k(f)|^2 g(f) + \sigma^2$, with a smooth
    g for any scene. Its likelihood (Whittle, 1953), g and $\sigma$ fitted, tells the width of a
    shake, a line, a disk or a box to one or two in a hundred without solving for the scene. What a
    spectrum does not tell stays: where the kernel lies, and the width of one that is smooth
    itself, as a Gaussian. A kernel with negative weights, which light has not, is taken for noisy:
    what does not rise above the noise that they tell is made zero. Either is done where it makes
    the image more likely beyond doubt; else the kernel is the one told.

    Args:
        image: [H, W, C], blurred, in the values that the kernel blurs.
        kernel: [k1, k2], as told.
        noise: standard deviation at a pixel, about.
        mask: [H, W, 1], 1 where a pixel is to be trusted; default everywhere.

    Raises:
        ValueError: the image is no [H, W, C], not finite where it is to be trusted or `mask` not of
            its size, the kernel is none, or `noise` is not positive.
    """
    image, told = _checked(image, mask), check_kernel(kernel)
    check_positive("noise", noise)
    told = told / told.sum()
    least = LEAST * max(told.shape)
    if min(image.shape[:2]) < least:
        return Refined(told, 1.0, False)
    spectrum = Spectrum(_middle(image, mask, max(LARGEST, least)), noise / np.sqrt(image.shape[-1]))
    clean = _cleaned(told)
    better = clean is not told and spectrum.misfit(told) - spectrum.misfit(clean) > CLEANER
    start = clean if better else told
    scale = _scale(spectrum, start)
    return Refined(start if scale == 1.0 else _stretched(start, scale), scale, better)


def _checked(image, mask) -> np.ndarray:
    """`image` as float64 [H, W, C]."""
    check_real("image", image)
    image = np.asarray(image, np.float64)
    check(image.ndim == 3, "`image` must be [H, W, C].", shape=image.shape)
    bad = int((~np.isfinite(image) & trusted_pixels(mask, image.shape)).sum())
    check(bad == 0, "`image` must be finite wherever `mask` does not leave it out.", non_finite=bad)
    return image


def _middle(image, mask, side) -> np.ndarray:
    """The mean of the channels in the middle, pixels that are not trusted filled smoothly."""
    starts = [max(0, (n - side) // 2) for n in image.shape[:2]]
    inner = tuple(slice(start, start + side) for start in starts)
    grey = image[inner].mean(-1)
    return grey if mask is None else _filled(grey, np.asarray(mask)[inner][..., 0] > 0)


def _filled(grey, trusted) -> np.ndarray:
    """`grey` [H, W] with means of what is trusted around, the nearer the heavier."""
    import cv2

    grey, weights = np.where(trusted, grey, 0.0), trusted.astype(np.float64)
    mean = grey.sum() / max(weights.sum(), 1.0)
    filled = np.full(grey.shape, mean)
    for std in AROUND:  # the widest first: what is nearer replaces it
        near, share = (cv2.GaussianBlur(part, (0, 0), std) for part in (grey, weights))
        filled = np.where(share > ENOUGH, near / np.maximum(share, ENOUGH), filled)
    return np.where(trusted, grey, filled)


def _cleaned(kernel) -> np.ndarray:
    """Without what does not rise above the noise that negative weights tell, if there are such."""
    below = kernel[kernel < 0]
    if -below.sum() < NEGATIVE * np.abs(kernel).sum():
        return kernel
    std = np.sqrt(np.mean(below**2))
    wide = np.pad(kernel, 1)
    soft = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).mean((-1, -2))
    clean = np.where(soft > std, np.maximum(kernel, 0.0), 0.0)
    return clean / clean.sum() if clean.any() else kernel


def _scale(spectrum, kernel) -> float:
    """The most likely factor on the width; 1 where it is not sure, or an end of what is tried."""
    logs = np.linspace(-WIDEST, WIDEST, 2 * STEPS + 1)
    misfits = np.array([spectrum.misfit(_stretched(kernel, np.exp(log))) for log in logs])
    best = int(misfits.argmin())
    if misfits[STEPS] - misfits[best] < SURE or best in (0, len(logs) - 1):
        return 1.0
    before, least, after = misfits[best - 1 : best + 2]
    part = 0.5 * (before - after) / (before - 2 * least + after)  # vertex of a parabola
    return float(np.exp(logs[best] + part * (logs[1] - logs[0])))


def _stretched(kernel, factor) -> np.ndarray:
    """`kernels.stretched`, but cubic (Keys, 1981), which keeps a resampled kernel sharp."""
    rows, columns = (_cubic(size, factor) for size in kernel.shape)
    wide = np.maximum(rows @ kernel @ columns.T, 0.0)
    return wide / wide.sum()


def _cubic(size, factor) -> np.ndarray:
    """Interpolation [stretched size, size] about the middle."""
    grown = size + 2 * max(0, int(np.ceil((factor - 1) * (size - 1) / 2)))
    places, samples = ((np.arange(n) - (n - 1) / 2) for n in (grown, size))
    t = np.abs(places[:, None] / factor - samples)
    near, far = (1.5 * t - 2.5) * t**2 + 1, ((2.5 - 0.5 * t) * t - 4) * t + 2
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))
