"""Photographs in and out, with bit depth, alpha, colour profile and EXIF kept."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from tf_jfb import _raster
from tf_jfb._files import replacing
from tf_jfb._validate import check
from tf_jfb.data._encode import EXTENSIONS, check_holds, encode

READABLE = EXTENSIONS | _raster.raw.SUFFIXES
ROUNDING = 1e-5  # by which floating-point numbers may exceed 1, their white


class Photo(NamedTuple):
    """A decoded photograph, upright."""

    pixels: np.ndarray  # float32 [H, W, C], 1 where it is white; colour is RGB
    alpha: np.ndarray | None = None  # float32 [H, W, 1] in [0, 1]
    bits: int = 8  # per channel: 8, 16 or 32
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # with the orientation reset
    linear: bool = False  # whether pixels are proportional to light: raw files and FITS
    white: float | None = None  # the file's value that became 1
    mask: np.ndarray | None = None  # float32 [H, W, 1], 1 where a pixel is to be trusted; None: all
    dtype: str | None = None  # of the file's numbers, as "uint16" or "float32"
    header: str | None = None  # cards of a FITS header
    taken: float = 0.0  # std of what compression (JPEG) took from a pixel


def read_image(source, size: tuple | None = None, *, name=None, pages=None, white=None) -> Photo:
    """Reads one image, applying its EXIF orientation.

    TIFF (8 to 32 bits, unsigned or float; any layout, number of channels and compression), FITS
    (needs astropy) and cameras' raw files (needs rawpy) keep their precision; everything else is
    read by Pillow, 16 bits kept in PNG. Pixels that are NaN or infinite are masked and filled with
    the median.

    Args:
        source: a file, or the content of one as bytes.
        size: (height, width) to resize to, bilinear and antialiased, in the file's precision.
        name: of the content, for errors and to tell raw files by their ending.
        pages: of a stack or an animation, "first" or a number from 1. By default there must be one
            image.
        white: the file's value that is 1 in `pixels`. By default full scale of the unsigned type,
            of as many bits as the file says are significant, and 1.0 of floating-point numbers.

    Raises:
        ValueError: there is no such file, it is damaged or not of these formats, it holds a stack
            and `pages` is None, its numbers are signed (but in FITS), or they are floating-point
            numbers above 1 and `white` is None.
    """
    check(pages != "all", "Of several images `read_pages` makes a list.", pages=pages)
    return read_pages(source, pages, size, name=name, white=white)[0]


def read_pages(source, pages="all", size=None, *, name=None, white=None) -> list[Photo]:
    """The images of a stack: all, or as `read_image`, whose other arguments and errors these are.

    Stacks are TIFFs of several pages or of planes along z or time, FITS cubes, and animations.
    Channels belong to one image; previews, thumbnails and masks are not counted.
    """
    _raster.check_pages(pages)
    check(
        white is None or 0 < white < float("inf"),
        "`white` must be a positive number.",
        white=white,
    )
    if not isinstance(source, (bytes, bytearray, memoryview)):
        source, name = pathlib.Path(source), name or str(source)
        check(source.is_file(), "The image file must exist.", path=str(source))
    try:
        rasters = _raster.read(source, name or "", pages)
        return [_photo(raster, size, white) for raster in rasters]
    except Exception as error:  # decoders raise nearly anything on a damaged file
        raise ValueError(
            f"The file is not a readable image ({_reason(error)}). "
            f"Received: path='{name or 'content'}'"
        ) from None


def write_image(path, photo) -> None:
    """Writes a `Photo`, or a list of them as a stack, whole or not at all.

    - TIFF: 8, 16 or 32 bits, or float32 where floating-point numbers were read, in the units of
      the file that was read; any number of channels, alpha, profile, EXIF, stacks
    - FITS: float32 in the units of the file that was read, and its header; one channel, stacks
    - PNG: 8 or 16 bits, alpha, profile, EXIF
    - WebP and JPEG: 8 bits, profile, EXIF; WebP alpha too
    - BMP, GIF, PPM, PGM: 8 bits, or 16 of grey in the last two

    Floating-point files keep values beyond [0, 1], integer TIFFs those above white where it was
    told; elsewhere they are clipped, and rounded to nearest. What is linear stays so in TIFF, which
    says so by a profile, and FITS; for the other formats, which are for display, it is encoded as
    sRGB. Into a temporary neighbour first, which is renamed.

    Raises:
        ValueError: as `check_output` does, or the pixels are not finite [H, W, C].
    """
    path, photos = pathlib.Path(path), photo if isinstance(photo, list) else [photo]
    check_output(path, photo)
    for one in photos:
        check(bool(np.isfinite(one.pixels).all()), "The image must be finite.", path=str(path))
    _write_whole(path, encode_image(photo, str(path)))


def encode_image(photo, name: str) -> bytes:
    """The content of `write_image(name, photo)`. Raises ValueError as it does."""
    photos = photo if isinstance(photo, list) else [photo]
    suffix = pathlib.PurePath(name).suffix.lower()
    check_holds(suffix, photos, name)
    try:
        return encode(photos, suffix)
    except Exception as error:  # the format's limits, and whatever encoders raise on odd metadata
        raise ValueError(
            f"The format cannot hold the image ({_reason(error)}). "
            f"Received: path='{name}', shape={np.shape(photos[0].pixels)}"
        ) from None


def check_output(path, photo=None) -> None:
    """Raises ValueError if `write_image` could not write to `path`.

    For its ending or folder; with a `photo`, or a list, also for what the format cannot hold.
    """
    path = pathlib.Path(path)
    check(
        path.suffix.lower() in EXTENSIONS,
        f"The output must end in one of {', '.join(sorted(EXTENSIONS))}.",
        path=str(path),
    )
    check(path.parent.is_dir(), "The output's folder must exist.", path=str(path))
    check(os.access(path.parent, os.W_OK), "The output's folder must be writable.", path=str(path))
    if photo is not None:
        photos = photo if isinstance(photo, list) else [photo]
        check_holds(path.suffix.lower(), photos, str(path))


def _photo(raster, size, white) -> Photo:
    """`raster` on the scale where white is 1."""
    values, mask, dtype = raster.values, None, raster.dtype or raster.values.dtype.name
    if dtype.startswith("float"):
        values, mask = _trusted(values)
        most = float(values.max(initial=0.0))
        _raster.refuse(
            white is None and raster.full is None and most > 1.0 + ROUNDING,
            f"its values reach {most:.6g}: `white` must say which of them is white",
        )
    own = float(raster.full or 1.0)
    white, alpha = float(white or own), raster.alpha
    if alpha is None:
        values = _resized(values, size)
    else:  # together: Pillow weighs colours by their alpha
        both = _resized(np.concatenate([values, alpha], -1), size)
        values, alpha = both[..., :-1], _scaled(both[..., -1:], own)
    # A resized pixel is trusted where all that it is made of is.
    mask = None if mask is None else np.floor(_resized(mask, size) + 1e-6)
    return Photo(
        pixels=_scaled(values, white),
        alpha=alpha,
        bits=raster.bits,
        icc=raster.icc,
        exif=raster.exif,
        linear=raster.linear,
        white=white,
        mask=mask,
        dtype=dtype,
        header=raster.header,
        taken=raster.taken / white if size is None else 0.0,
    )


def _trusted(values) -> tuple:
    """`values` [H, W, C] with a number at every pixel, and the mask of those that had one."""
    finite = np.isfinite(values)
    if finite.all():
        return values, None
    _raster.refuse(not finite.any(), "none of its pixels is a number")
    filled = np.where(finite, values, np.median(values[finite]))
    return filled, finite.all(-1, keepdims=True).astype(np.float32)


def _scaled(values, white) -> np.ndarray:
    kind = np.float64 if values.dtype.itemsize > 2 else np.float32  # which holds it exactly
    return np.ascontiguousarray(values.astype(kind) / kind(white), np.float32)


def _resized(values: np.ndarray, size) -> np.ndarray:
    """Bilinear and antialiased; bytes as bytes, else plane by plane in floating point."""
    from PIL import Image

    if size is None:
        return values
    bilinear, size = Image.Resampling.BILINEAR, (size[1], size[0])
    if values.dtype == np.uint8 and values.shape[-1] <= 4:
        image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
        small = np.asarray(image.resize(size, bilinear))
        return small if small.ndim == 3 else small[..., None]
    planes = np.ascontiguousarray(np.moveaxis(values, -1, 0), np.float32)
    planes = [np.asarray(Image.fromarray(plane).resize(size, bilinear)) for plane in planes]
    return np.stack(planes, axis=-1)


def _reason(error) -> str:
    """One line that says why a file cannot be read."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "unknown format"
    if isinstance(error, Image.DecompressionBombError):
        return f"{error} A TIFF may be as large."
    return str(error).partition("\n")[0] or type(error).__name__


def _write_whole(path, content: bytes) -> None:
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise ValueError(
            f"The output must be writable ({error.strerror}). Received: path='{path}'"
        ) from None
