"""Kernels from files."""

import pathlib
import re

import numpy as np

from tf_jfb import _raster
from tf_jfb._validate import check
from tf_jfb.operators.kernels._checks import check_kernel

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
IMAGES |= _raster.fits.SUFFIXES
TABLES = {".csv", ".dat", ".tsv", ".txt"}
NAMED = (".npz", ".mat")  # hold arrays by name


def load(path, array: str | None = None, normalise: bool = True) -> np.ndarray:
    """Kernel of a file, of sum 1, its values else as they are: no gamma, no clipping.

    - .npy, .npz, .mat (needs scipy; those of version 7.3 h5py): a 2-D array
    - .txt, .csv, .dat, .tsv: a row per line, between commas, semicolons or blanks; # begins a
      comment. One row or one column is a kernel of that shape. No field may be empty, but one
      separator may end a line.
    - TIFF, of floating-point numbers too, FITS (needs astropy), PNG and other images: colours are
      averaged, alpha is left out. In FITS the first row is the first of the array, as in images.

    Args:
        path: the file.
        array: name of one of the arrays of an .npz or .mat file; default its only one.
        normalise: whether the sum becomes 1, or stays the file's.

    Raises:
        ValueError: the extension is another, the file is unreadable or lacks the array, it holds
            more than one image, or the kernel is unusable.
    """
    path = pathlib.Path(path)
    suffix = path.suffix.lower()
    readers = {".npy": _array, ".npz": _arrays, ".mat": _matlab}
    readers |= dict.fromkeys(TABLES, _table) | dict.fromkeys(IMAGES, _image)
    check(
        suffix in readers,
        f"A kernel file must end in one of {', '.join(sorted(readers))}.",
        path=str(path),
    )
    check(path.is_file(), "The kernel file must exist.", path=str(path))
    check(
        array is None or suffix in NAMED,
        f"Only {' and '.join(NAMED)} files hold arrays by name.",
        path=str(path),
        array=array,
    )
    try:
        content = readers[suffix](path)
    except _raster.RefusedError as error:
        reason = str(error).partition(": `pages`")[0]  # there is no such option for a kernel
        raise ValueError(
            f"The kernel file cannot be used ({reason}). Received: path='{path}'"
        ) from None
    except Exception as error:  # decoders raise nearly anything on a damaged file
        reason = str(error).partition("\n")[0].replace(str(path), "the file")
        raise ValueError(
            f"The kernel file must be a readable {suffix} file ({reason}). Received: path='{path}'"
        ) from None
    kernel = check_kernel(_one(content, array, path) if suffix in NAMED else content)
    return kernel / kernel.sum() if normalise else kernel


def _array(path):
    return np.load(path)


def _arrays(path) -> dict:
    with np.load(path) as arrays:
        return dict(arrays)


def _matlab(path) -> dict:
    """The arrays of two dimensions of a MATLAB file; scalars and text are none."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise _raster.RefusedError(".mat needs scipy: pip install scipy") from None
    try:
        content = loadmat(path)
    except NotImplementedError:  # version 7.3, which is HDF5 with the axes turned round
        import h5py

        with h5py.File(path) as file:
            content = {n: v[()].T for n, v in file.items() if isinstance(v, h5py.Dataset)}
    arrays = {name: value for name, value in content.items() if not name.startswith("__")}
    return {
        name: value
        for name, value in arrays.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc" and value.size > 1
    }


def _one(arrays, name, path):
    names = list(arrays) if name is None else [name] * (name in arrays)
    form = f"FILE{path.suffix.lower()}:NAME"
    check(
        len(names) == 1,
        f"Of a file that does not hold exactly one array, one must be named: {form}.",
        arrays=list(arrays),
        named=name,
    )
    return arrays[names[0]]


def _table(path) -> np.ndarray:
    """[rows, columns], whatever stands between the numbers."""
    text = path.read_text(encoding="utf-8-sig")
    told = [line.partition("#")[0].strip(" ") for line in text.splitlines()]
    lines = [re.sub("[,;\t]$", "", line) for line in told]
    fields = [field.strip() for line in lines for field in line.split(",")]
    others = {"semicolons": ";", "blanks": r"\s"}  # beside commas, which may then be decimal
    for name, mark in others.items():
        mixed = any("," in line for line in lines) and any(re.search(mark, f) for f in fields)
        _raster.refuse(mixed, f"both commas and {name}: which is decimal?")
    for number, line in enumerate(lines, start=1):
        full = all(map(str.strip, re.split("[,;\t]", line))) or not told[number - 1].strip()
        _raster.refuse(not full, f"line {number} has an empty field")
    return np.loadtxt([re.sub("[,;]", " ", line) for line in lines], ndmin=2)


def _image(path) -> np.ndarray:
    """[H, W] of an image file's numbers, the mean of its colours."""
    (raster,) = _raster.read(path)
    return np.asarray(raster.values, np.float64).mean(axis=-1)


def is_named(file: str) -> bool:
    """Whether `file` ends as one that holds arrays by name."""
    return file.lower().endswith(NAMED)
