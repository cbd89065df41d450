"""Point-spread functions as arrays: checking, making and reading them."""

import pathlib

import numpy as np

from tf_jfb._validate import check


def check_kernel(kernel) -> np.ndarray:
    """`kernel` as float64 [k1, k2]. Raises ValueError unless 2-D, finite and of positive sum."""
    try:
        array = np.asarray(kernel, np.float64)
    except (TypeError, ValueError):
        check(False, "`kernel` must be a 2-D array of numbers.", kernel=type(kernel).__name__)
    check(array.ndim == 2 and array.size > 0, "`kernel` must be a non-empty 2-D array.",
          shape=array.shape)
    check(bool(np.isfinite(array).all()), "`kernel` must be finite.",
          non_finite=int((~np.isfinite(array)).sum()))
    check(float(array.sum()) > 0, "`kernel` must have a positive sum.", sum=float(array.sum()))
    return array


def check_fits(kernel: np.ndarray, x) -> None:
    """Raises ValueError if an axis of `kernel` exceeds that of `x` [B, H, W, C], where static."""
    known = zip(kernel.shape, x.shape[1:3] if x.shape.rank else (), strict=False)
    check(all(limit is None or size <= limit for size, limit in known),
          "The kernel must not be larger than the image.", kernel=kernel.shape,
          image=tuple(x.shape[1:3]) if x.shape.rank else None)


def gaussian(size: int, std: float) -> np.ndarray:
    """Gaussian kernel [size, size] of standard deviation `std` pixels, sum 1."""
    check(isinstance(size, int) and size >= 1, "`size` must be an integer >= 1.", size=size)
    check(isinstance(std, (int, float)) and 0 < std < float("inf"),
          "`std` must be a positive number of pixels.", std=std)
    offsets = np.arange(size) - (size - 1) / 2
    profile = np.exp(-0.5 * (offsets / std) ** 2)
    profile /= profile.sum()
    return np.outer(profile, profile)


def load(path) -> np.ndarray:
    """Kernel from .npy, .npz (its only array) or .txt, normalised to sum 1.

    Raises ValueError for another extension, an unreadable file or an unusable kernel.
    """
    path = pathlib.Path(path)
    readers = {".npy": np.load, ".npz": _only_array, ".txt": np.loadtxt}
    check(path.suffix in readers, "A kernel file must end in .npy, .npz or .txt.", path=str(path))
    check(path.is_file(), "The kernel file must exist.", path=str(path))
    try:
        array = readers[path.suffix](path)
    except (OSError, ValueError, EOFError) as error:
        check(False, f"The kernel file must be readable ({error}).", path=str(path))
    kernel = check_kernel(array)
    return kernel / kernel.sum()


def _only_array(path):
    with np.load(path) as arrays:
        check(len(arrays.files) == 1, "An .npz kernel file must hold one array.",
              arrays=arrays.files)
        return arrays[arrays.files[0]]
