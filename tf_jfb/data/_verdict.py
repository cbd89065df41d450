"""Whether an image file can be used, from its headers where they tell."""

import functools
import os
from typing import NamedTuple

from tf_jfb import _raster
from tf_jfb.data.image_io import read_image


class Verdict(NamedTuple):
    """What is known of a file: its size, or why it cannot be used."""

    size: tuple | None  # (height, width), upright
    reason: str | None = None


def verdict(path) -> Verdict:
    """Of the file `path`, asked once as long as the file stays as it is.

    Headers tell of sound files of most kinds; what ends too early, or holds floating-point numbers,
    is decoded.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        return Verdict(None, error.strerror)
    return _verdict(str(path), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 20)
def _verdict(path, size, changed) -> Verdict:
    try:
        header = _raster.inspect(path)
        if header.channels not in (1, 3):
            return Verdict(None, f"it has {header.channels} channels")
        if not header.sound and read_image(path).mask is not None:
            return Verdict(None, "some of its pixels are no numbers")
    except Exception as error:  # decoders raise nearly anything on a damaged file
        return Verdict(None, str(error))
    return Verdict((header.height, header.width))
