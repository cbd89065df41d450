"""Kernels into files that `operators.kernels.load` reads."""

import pathlib

import numpy as np

from tf_jfb._files import replacing
from tf_jfb._validate import check
from tf_jfb.operators.kernels import check_kernel


def save(path, kernel) -> pathlib.Path:
    """Writes a kernel [k1, k2] as it is, its sum too, whole or not at all.

    The ending chooses the format: .npy (float64), .txt or .csv (a row per line, all digits), .tif
    or .tiff (float32).

    Raises ValueError if the ending is another or the kernel is not 2-D, finite and of positive sum.
    """
    path, array = pathlib.Path(path), check_kernel(kernel)
    suffix = path.suffix.lower()
    check(suffix in FORMATS, f"`path` must end in one of {', '.join(FORMATS)}.", path=str(path))
    with replacing(path) as temporary:
        FORMATS[suffix](temporary, array)
    return path


def _text(path, array):
    np.savetxt(path, array, "%.17g")


def _commas(path, array):
    np.savetxt(path, array, "%.17g", delimiter=",")


def _tiff(path, array):
    import tifffile

    tifffile.imwrite(path, array.astype(np.float32))


# {ending: writer}
FORMATS = {".npy": np.save, ".txt": _text, ".csv": _commas, ".tif": _tiff, ".tiff": _tiff}
