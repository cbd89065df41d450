"""Point-spread functions as arrays: checking, making and reading them."""

import numbers
import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png"}


def check_kernel(kernel) -> np.ndarray:
    """`kernel` as float64 [k1, k2]. Raises ValueError unless 2-D, finite and of positive sum."""
    try:
        array = np.array(kernel, np.float64)
    except (TypeError, ValueError):
        check(False, "`kernel` must be a 2-D array of numbers.", kernel=type(kernel).__name__)
    check(
        array.ndim == 2 and array.size > 0,
        "`kernel` must be a non-empty 2-D array.",
        shape=array.shape,
    )
    check(
        bool(np.isfinite(array).all()),
        "`kernel` must be finite.",
        non_finite=int((~np.isfinite(array)).sum()),
    )
    check(float(array.sum()) > 0, "`kernel` must have a positive sum.", sum=float(array.sum()))
    return array


def check_fits(kernel: np.ndarray, x) -> None:
    """Raises ValueError if an axis of `kernel` exceeds that of `x` [B, H, W, C], where static."""
    image = tuple(x.shape[1:3])
    known = zip(kernel.shape, image, strict=True)
    check(
        all(limit is None or size <= limit for size, limit in known),
        "The kernel must not be larger than the image.",
        kernel=kernel.shape,
        image=image,
    )


def separate(kernel: np.ndarray) -> list:
    """Pairs (u [k1], v [k2]) whose outer products sum to `kernel`, as few as float64 allows.

    >>> len(separate(gaussian(5, 1.0)))
    1
    """
    u, sigma, v = np.linalg.svd(kernel, full_matrices=False)
    rank = int((sigma > 1e-14 * max(kernel.shape) * sigma[0]).sum())
    return [(root * u[:, i], root * v[i]) for i, root in enumerate(np.sqrt(sigma[:rank]))]


def gaussian(size: int, std: float) -> np.ndarray:
    """Gaussian kernel [size, size] of standard deviation `std` pixels, sum 1.

    Its peak is the middle of the array, for an even size between two pixels.

    Raises ValueError unless `size` is an integer >= 1 and `std` positive and finite.
    """
    check(
        isinstance(size, numbers.Integral) and not isinstance(size, bool) and size >= 1,
        "`size` must be an integer >= 1.",
        size=size,
    )
    check(
        isinstance(std, numbers.Real) and 0 < std < float("inf"),
        "`std` must be a positive number of pixels.",
        std=std,
    )
    offsets = np.arange(size) - (size - 1) / 2
    # Relative to the sample nearest the peak, so that a tiny std cannot underflow to 0 / 0.
    exponent = 0.5 * offsets**2 - 0.5 * np.min(np.abs(offsets)) ** 2
    with np.errstate(over="ignore"):  # an infinite exponent is a weight of 0
        profile = np.exp(-exponent / float(std) / float(std))
    profile /= profile.sum()
    return np.outer(profile, profile)


def parse(text: str) -> np.ndarray:
    """Kernel named on a command line: "gaussian:SIZE:STD" or a file for `load`.

    Raises ValueError for anything else.

    >>> parse("gaussian:5:5.0").shape
    (5, 5)
    """
    name, *arguments = str(text).split(":")
    if name != "gaussian":
        return load(text)
    try:
        size, std = int(arguments[0]), float(arguments[1])
    except (IndexError, ValueError):
        arguments = ()
    check(
        len(arguments) == 2,
        "A Gaussian kernel is written gaussian:SIZE:STD, for example gaussian:5:5.0.",
        kernel=text,
    )
    return gaussian(size, std)


def load(path) -> np.ndarray:
    """Kernel from .npy, .npz (its only array), .txt or an image file, normalised to sum 1.

    An image is read as grey levels on black, 16 bits kept in PNG.

    Raises ValueError for another extension, an unreadable file or an unusable kernel.
    """
    path = pathlib.Path(path)
    readers = {".npy": np.load, ".npz": _only_array, ".txt": np.loadtxt}
    readers |= dict.fromkeys(IMAGES, _grey_image)
    suffix = path.suffix.lower()
    check(
        suffix in readers,
        f"A kernel file must end in one of {', '.join(sorted(readers))}.",
        path=str(path),
    )
    check(path.is_file(), "The kernel file must exist.", path=str(path))
    try:
        array = readers[suffix](path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, tf.errors.InvalidArgumentError):
        check(False, f"The kernel file must be a readable {suffix} file.", path=str(path))
    kernel = check_kernel(array)
    return kernel / kernel.sum()


def _only_array(path):
    with np.load(path) as arrays:
        check(
            len(arrays.files) == 1, "An .npz kernel file must hold one array.", arrays=arrays.files
        )
        return arrays[arrays.files[0]]


def _grey_image(path):
    content = tf.io.read_file(str(path))
    image = tf.io.decode_image(content, dtype=tf.float32, expand_animations=False)
    # An alpha channel says nothing about the grey level.
    colours = image.shape[-1] - (image.shape[-1] in (2, 4))
    return image[..., :colours].numpy().mean(axis=-1)
