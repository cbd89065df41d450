"""Photographs in and out, with bit depth, alpha, colour profile and EXIF kept."""

import io
import os
import pathlib
import uuid
from typing import NamedTuple

import numpy as np

from tf_jfb._validate import check
from tf_jfb.data import _deep, _exif

EXTENSIONS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_OPAQUE = {".jpg", ".jpeg", ".bmp", ".ppm"}  # formats without alpha
_BARE = {".bmp", ".gif", ".ppm"}  # formats without metadata
_OPTIONS = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"lossless": True, "exact": True},  # exact: colours below transparent pixels too
}


class Photo(NamedTuple):
    """A decoded photograph, upright."""

    pixels: np.ndarray  # float32 [H, W, 1 or 3] in [0, 1]
    alpha: np.ndarray | None = None  # float32 [H, W, 1] in [0, 1]
    bits: int = 8  # per channel, 8 or 16
    icc: bytes | None = None  # colour profile
    exif: bytes | None = None  # with the orientation reset


def read_image(path, size: tuple | None = None) -> Photo:
    """Reads one image, applying its EXIF orientation.

    Args:
        path: a file in any of `EXTENSIONS`; of an animation, the first frame.
        size: (height, width) to resize to, bilinear and antialiased, in the file's precision.

    Raises:
        ValueError: there is no such file, or it is not an image of 8 or 16 bits per channel, or
            it is truncated.
    """
    from PIL import Image, UnidentifiedImageError

    path = pathlib.Path(path)
    check(path.is_file(), "The image file must exist.", path=str(path))
    try:
        # By name, Pillow would map uncompressed TIFFs to memory and turn their rows wrongly.
        with open(path, "rb") as file, Image.open(file) as image:
            return _decode(image, path, size)
    except Exception as error:  # decoders raise nearly anything on a damaged file
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "unknown format" if unknown else str(error).partition("\n")[0]
        raise ValueError(
            f"The file is not a readable image ({reason}). Received: path='{path}'"
        ) from None


def write_image(path, photo: Photo) -> None:
    """Writes `photo` whole or not at all: into a temporary neighbour, then renamed.

    16 bits are kept in PNG and TIFF; alpha, profile and EXIF where the format has them. Values
    are clipped to [0, 1] and rounded to nearest.

    Raises:
        ValueError: the extension is unknown, the folder does not exist or is not writable, the
            format cannot hold the image, or `photo.pixels` are not finite [H, W, 1 or 3].
    """
    check_output(path)
    path, shape = pathlib.Path(path), np.shape(photo.pixels)
    check(len(shape) == 3 and shape[-1] in (1, 3), "The image must be [H, W, 1 or 3].", shape=shape)
    check(bool(np.isfinite(photo.pixels).all()), "The image must be finite.", path=str(path))
    try:
        content = _encode(photo, path.suffix.lower())
    except (OSError, ValueError) as error:  # the format's limits, on the side for instance
        raise ValueError(
            f"The format cannot hold the image ({error}). Received: path='{path}', shape={shape}"
        ) from None
    _write_whole(path, content)


def check_output(path) -> None:
    """Raises ValueError if `write_image` could not write to `path`, whatever the photograph."""
    path = pathlib.Path(path)
    check(
        path.suffix.lower() in EXTENSIONS,
        f"The output must end in one of {', '.join(sorted(EXTENSIONS))}.",
        path=str(path),
    )
    check(path.parent.is_dir(), "The output's folder must exist.", path=str(path))


def _decode(image, path, size) -> Photo:
    from PIL import Image, ImageOps

    if reason := _deep.refusal(image, path):
        raise ValueError(reason)
    exif = _exif.keep(image)
    # A profile for inks or Lab would misread the RGB that such an image becomes.
    icc = image.info.get("icc_profile") if image.mode not in ("CMYK", "LAB") else None
    if _deep.is_deep(image, path):
        array = _deep.resize(_deep.decode(image, path), size)
        return _photo(array / 65535.0, 16, icc, exif)
    image = _plain_mode(ImageOps.exif_transpose(image))
    if size is not None:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(image, np.float32) / 255.0
    return _photo(array if array.ndim == 3 else array[..., None], 8, icc, exif)


def _plain_mode(image):
    """As L, LA, RGB or RGBA."""
    if image.mode in ("L", "RGB") and "transparency" in image.info:  # one colour is
        return image.convert(f"{image.mode}A")
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode == "1":
        return image.convert("L")
    has_alpha = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
    return image.convert("RGBA" if has_alpha else "RGB")


def _photo(array, bits, icc, exif) -> Photo:
    array = np.ascontiguousarray(array, np.float32)
    if array.shape[-1] in (2, 4):
        return Photo(array[..., :-1], array[..., -1:], bits, icc, exif)
    return Photo(array, None, bits, icc, exif)


def _encode(photo: Photo, suffix: str) -> bytes:
    """The content of a file in the format of `suffix`."""
    from PIL import Image

    has_alpha = photo.alpha is not None and suffix not in _OPAQUE
    planes = np.concatenate([photo.pixels, photo.alpha], -1) if has_alpha else photo.pixels
    deep = _deep.ENCODERS.get(suffix) if photo.bits == 16 else None
    top = 65535 if deep else 255
    levels = np.round(np.clip(np.asarray(planes, np.float64), 0.0, 1.0) * top)
    if deep:
        return deep(levels.astype(np.uint16), photo.icc, photo.exif)
    levels = levels.astype(np.uint8)
    extra = {"icc_profile": photo.icc, "exif": photo.exif} if suffix not in _BARE else {}
    extra = {name: value for name, value in extra.items() if value} | _OPTIONS.get(suffix, {})
    image = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
    content = io.BytesIO()
    image.save(content, Image.registered_extensions()[suffix], **extra)
    return content.getvalue()


def _write_whole(path, content: bytes) -> None:
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        # Unlike `tempfile`, with the permissions that the user's umask asks for.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(
            f"The output must be writable ({error.strerror}). Received: path='{path}'"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
