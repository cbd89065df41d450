"""The kernel of a perfect lens."""

import numpy as np

from tf_jfb._validate import check, is_integer
from tf_jfb.operators.kernels._checks import LARGEST, check_positive

WITHIN = 2**-5  # of a pixel: the distance of the samples that are averaged over it
PHASES = 512  # of the integral that the Bessel function is
RING = 3.8317  # v of the first dark ring
COARSEST = 20  # radii of that ring in a pixel, at most: the blur is none, and samples are too few
REACH = 5  # default half side, in radii of the first dark ring: 96 % of the light


def airy(
    wavelength: float,
    pixel: float,
    numerical_aperture: float | None = None,
    f_number: float | None = None,
    size: int | None = None,
) -> np.ndarray:
    r"""Airy pattern of a circular aperture, averaged over square pixels, sum 1.

    $k(r) \propto (2 J_1(v) / v)^2$ with $v = 2 \pi r\,\mathrm{NA} / \lambda$ in the object's plane,
    or $v = \pi r / (\lambda N)$ in the sensor's. Its first dark ring has radius
    $0.61\,\lambda / \mathrm{NA}$ or $1.22\,\lambda N$.

    Args:
        wavelength: of the light, > 0.
        pixel: side of a pixel in the same unit: in the object's plane (the sensor's by the
            magnification) with `numerical_aperture`, on the sensor with `f_number`.
        numerical_aperture: NA = n sin(half the angle of the cone of light), > 0; or
        f_number: N, focal length by diameter, > 0.
        size: side of the kernel in pixels, odd; default five times as far as the first dark ring.

    Raises:
        ValueError: an argument is outside its range, or not one of the apertures is given.
    """
    check_positive("wavelength", wavelength, "length")
    check_positive("pixel", pixel, "length in the unit of `wavelength`")
    check(
        (numerical_aperture is None) != (f_number is None),
        "Either `numerical_aperture` or `f_number` must be given.",
        numerical_aperture=numerical_aperture,
        f_number=f_number,
    )
    if f_number is None:
        check_positive("numerical_aperture", numerical_aperture, "number")
    else:
        check_positive("f_number", f_number, "number")
        numerical_aperture = 0.5 / f_number
    per_pixel = 2 * np.pi * numerical_aperture * pixel / wavelength  # v of one pixel
    check(
        per_pixel <= COARSEST * RING,
        f"`pixel` must be at most {COARSEST} times the radius of the first dark ring, "
        f"{RING / per_pixel * pixel:g}: are both lengths in one unit?",
        pixel=pixel,
    )
    if size is None:
        size = 2 * int(np.ceil(REACH * RING / per_pixel)) + 1
    check(
        is_integer(size) and 1 <= size <= LARGEST and size % 2 == 1,
        f"`size` must be an odd integer from 1 to {LARGEST}; by default it follows from the "
        "optics: are both lengths in one unit?",
        size=size,
    )
    return _pattern(size, per_pixel)


def _pattern(size, per_pixel) -> np.ndarray:
    reach = size // 2
    farthest = np.sqrt(2) * (reach + 0.5) * per_pixel
    v = np.linspace(0.0, farthest, int(min(4e5, max(2000, 40 * farthest))))
    profile = np.ones_like(v)
    profile[1:] = (2 * _bessel(v[1:]) / v[1:]) ** 2
    # Enough samples of a pixel for the rings that lie within it, but not for all of a large kernel.
    count = int(np.clip(4 * np.ceil(per_pixel), 4, 1 / WITHIN))
    inside = (np.arange(count) + 0.5) / count - 0.5
    kernel = np.zeros((reach + 1, reach + 1))  # a quarter: the others are alike
    pixels = np.arange(reach + 1)
    for down in inside:
        for right in inside:
            radius = np.hypot((pixels + down)[:, None], (pixels + right)[None])
            kernel += np.interp(radius * per_pixel, v, profile)
    half = np.concatenate([kernel[:0:-1], kernel])
    whole = np.concatenate([half[:, :0:-1], half], axis=1)
    return whole / whole.sum()


def _bessel(x) -> np.ndarray:
    r"""$J_1(x) = \frac{1}{\pi} \int_0^\pi \cos(t - x \sin t)\,dt$, exact while x < PHASES."""
    phases = (np.arange(PHASES) + 0.5) * (np.pi / PHASES)
    return sum(np.cos(phase - x * np.sin(phase)) for phase in phases) / PHASES
