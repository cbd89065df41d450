"""Kernels by name and from files."""

import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.operators.kernels._checks import check_kernel
from tf_jfb.operators.kernels._families import anisotropic, box, disk, gaussian
from tf_jfb.operators.kernels._motion import motion

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png"}
INTEGERS = {"SIZE", "SEED"}
FORMS = {  # {name: {form of what follows it: maker}}
    "box": {"SIZE": box},
    "disk": {"RADIUS": disk},
    "gaussian": {"SIZE:STD": gaussian, "SIZE:STD1:STD2:ANGLE": anisotropic},
    "motion": {"SIZE:SEED": motion},
}


def parse(text: str) -> np.ndarray:
    """Kernel named on a command line.

    | name | kernel |
    |---|---|
    | "gaussian:SIZE:STD" | `gaussian` |
    | "gaussian:SIZE:STD1:STD2:ANGLE" | `anisotropic`, the angle in degrees |
    | "motion:SIZE:SEED" | `motion` |
    | "disk:RADIUS" | `disk` |
    | "box:SIZE" | `box` |
    | a file | `load` |
    | "FILE.npz:NAME" | one array of several in a file |

    Raises ValueError for anything else.

    >>> parse("gaussian:5:5.0").shape
    (5, 5)
    """
    name, *values = str(text).split(":")
    if name not in FORMS:
        file, _, array = str(text).rpartition(":")
        return load(file, array) if file.lower().endswith(".npz") else load(text)
    forms = {len(form.split(":")): form for form in FORMS[name]}
    form = forms.get(len(values), "")
    kinds = [int if word in INTEGERS else float for word in form.split(":")]
    try:
        values = [kind(value) for kind, value in zip(kinds, values, strict=True)]
    except ValueError:
        form = ""
    check(
        form in FORMS[name],
        f"A {name} kernel is written {' or '.join(f'{name}:{form}' for form in FORMS[name])}.",
        kernel=text,
    )
    return FORMS[name][form](*values)


def load(path, array: str | None = None) -> np.ndarray:
    """Kernel from .npy, .npz, .txt or an image file, normalised to sum 1.

    An image is read as grey levels on black, 16 bits kept in PNG.

    Args:
        path: the file.
        array: name of one of the arrays of an .npz file; default its only one.

    Raises:
        ValueError: the extension is another, the file is unreadable or lacks the array, or the
            kernel is unusable.
    """
    path = pathlib.Path(path)
    readers = {".npy": np.load, ".npz": _arrays, ".txt": np.loadtxt}
    readers |= dict.fromkeys(IMAGES, _grey_image)
    suffix = path.suffix.lower()
    check(
        suffix in readers,
        f"A kernel file must end in one of {', '.join(sorted(readers))}.",
        path=str(path),
    )
    check(path.is_file(), "The kernel file must exist.", path=str(path))
    try:
        content = readers[suffix](path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, tf.errors.InvalidArgumentError):
        check(False, f"The kernel file must be a readable {suffix} file.", path=str(path))
    kernel = check_kernel(_one(content, array) if suffix == ".npz" else content)
    return kernel / kernel.sum()


def _arrays(path) -> dict:
    with np.load(path) as arrays:
        return dict(arrays)


def _one(arrays, name):
    names = list(arrays) if name is None else [name] * (name in arrays)
    check(
        len(names) == 1,
        "Of an .npz file with several arrays, one must be named: FILE.npz:NAME.",
        arrays=list(arrays),
        named=name,
    )
    return arrays[names[0]]


def _grey_image(path):
    content = tf.io.read_file(str(path))
    image = tf.io.decode_image(content, dtype=tf.float32, expand_animations=False)
    # An alpha channel says nothing about the grey level.
    colours = image.shape[-1] - (image.shape[-1] in (2, 4))
    return image[..., :colours].numpy().mean(axis=-1)
