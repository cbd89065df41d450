"""Image files as arrays of their own numbers: the readers under photographs and kernels."""

import contextlib
import io
import pathlib

from tf_jfb._raster import fits, plain, raw, tiff
from tf_jfb._raster.record import Header, Raster, RefusedError, check_pages, refuse

__all__ = [
    "Header",
    "Raster",
    "RefusedError",
    "check_pages",
    "fits",
    "inspect",
    "raw",
    "read",
    "refuse",
]


def read(source, name: str = "", pages=None) -> list[Raster]:
    """The images of a file, in order.

    Args:
        source: a path, or the content as bytes.
        name: of the content, whose ending tells raw files from TIFFs.
        pages: "all", "first" or a number from 1; None where there must be one image only.

    Raises:
        ValueError: `pages` is something else, or (`RefusedError`) the file does not hold it.
        Exception: whatever a decoder raises on a damaged file.
    """
    with _opened(source) as file:
        return _reader(file, name or str(source)).read(file, pages)


def inspect(source, name: str = "") -> Header:
    """Of the only image, from the headers alone. Raises as `read` as far as they tell."""
    with _opened(source) as file:
        return _reader(file, name or str(source)).inspect(file)


def _opened(source):
    if isinstance(source, (bytes, bytearray, memoryview)):
        return contextlib.closing(io.BytesIO(source))
    return open(source, "rb")


def _reader(file, name):
    """The module that reads `file`, by its first bytes; cameras' formats by the name too."""
    head = file.read(16)
    file.seek(0)
    if head.startswith(fits.MAGIC):
        return fits
    if pathlib.PurePath(name).suffix.lower() in raw.SUFFIXES:
        return raw
    if head[:4] in tiff.MAGIC:
        found = tiff.is_raw(file)
        file.seek(0)
        return raw if found else tiff
    return plain
