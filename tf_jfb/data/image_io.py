"""Photographs in and out, with bit depth, alpha, colour profile and EXIF kept."""

import os
import pathlib
import tempfile
from typing import NamedTuple

import numpy as np

from tf_jfb._validate import check

EXTENSIONS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_DEEP = {".png", ".tif", ".tiff"}  # formats that hold 16 bits per channel
_ORIENTATION = 0x0112


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
        size: (height, width) to resize to, bilinear and antialiased; 8-bit precision.

    Raises:
        ValueError: there is no such file, or it is not an image, or it is truncated.
    """
    from PIL import Image, ImageOps

    path = pathlib.Path(path)
    check(path.is_file(), "The image file must exist.", path=str(path))
    try:
        with Image.open(path) as image:
            if size is None and _is_deep(image, path):
                return _read_deep(path, image)
            icc = image.info.get("icc_profile")
            image = ImageOps.exif_transpose(image)
            exif = image.getexif().tobytes() or None
            image = _plain_mode(image)
            if size is not None:
                image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(image, np.float32) / 255.0
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(
            f"The file is not a readable image ({error}). Received: path='{path}'"
        ) from None
    return _photo(array if array.ndim == 3 else array[..., None], 8, icc, exif)


def write_image(path, photo: Photo) -> None:
    """Writes `photo` whole or not at all: into a temporary neighbour, then renamed.

    16 bits are kept in PNG and TIFF, alpha where the format has it, profile and EXIF in 8-bit
    files. Values are clipped to [0, 1] and rounded to nearest.

    Raises:
        ValueError: the extension is unknown or the folder does not exist or is not writable.
    """
    path = pathlib.Path(path)
    suffix = path.suffix.lower()
    check(
        suffix in EXTENSIONS,
        f"The output must end in one of {', '.join(sorted(EXTENSIONS))}.",
        path=str(path),
    )
    check(path.parent.is_dir(), "The output's folder must exist.", path=str(path))
    deep = photo.bits == 16 and suffix in _DEEP
    write = _write_deep if deep else _write_plain
    try:
        handle, temporary = tempfile.mkstemp(suffix=suffix, dir=path.parent)
    except OSError as error:
        raise ValueError(
            f"The output's folder must be writable ({error.strerror}). Received: path='{path}'"
        ) from None
    os.close(handle)
    try:
        write(temporary, photo)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(
            f"The output could not be written ({error}). Received: path='{path}'"
        ) from None
    finally:
        pathlib.Path(temporary).unlink(missing_ok=True)


def _plain_mode(image):
    """As L, LA, RGB or RGBA."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode in ("1", "I", "F") or image.mode.startswith("I;16"):
        if image.mode != "1" and np.asarray(image).max() > 255:
            image = image.point(lambda v: v / 257.0) if image.mode != "F" else image
        return image.convert("L")
    has_alpha = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
    return image.convert("RGBA" if has_alpha else "RGB")


def _is_deep(image, path) -> bool:
    """Whether the file has 16 bits per channel; Pillow itself shows this only for grey."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return True
    if image.format == "PNG":
        return path.read_bytes()[24:25] == b"\x10"
    return image.format == "TIFF" and 16 in np.atleast_1d(image.tag_v2.get(258, 8))


def _read_deep(path, image) -> Photo:
    import cv2

    array = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    check(
        array is not None and array.dtype == np.uint16,
        "The file is not a readable image.",
        path=str(path),
    )
    array = array[..., None] if array.ndim == 2 else array
    if array.shape[-1] >= 3:  # OpenCV's order is blue, green, red
        array = array[..., [2, 1, 0, 3][: array.shape[-1]]]
    array = _upright(array, image.getexif().get(_ORIENTATION, 1))
    exif = image.getexif()
    exif.pop(_ORIENTATION, None)
    return _photo(
        array.astype(np.float32) / 65535.0,
        16,
        image.info.get("icc_profile"),
        exif.tobytes() or None,
    )


def _upright(array, orientation):
    turns = {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0)
    array = np.rot90(array, turns)
    return array[:, ::-1] if orientation in (2, 4, 5, 7) else array


def _photo(array, bits, icc, exif) -> Photo:
    array = np.ascontiguousarray(array, np.float32)
    if array.shape[-1] in (2, 4):
        return Photo(array[..., :-1], array[..., -1:], bits, icc, exif)
    return Photo(array, None, bits, icc, exif)


def _levels(photo: Photo, top: int, dtype) -> np.ndarray:
    planes = (
        photo.pixels
        if photo.alpha is None
        else np.concatenate([photo.pixels, photo.alpha], axis=-1)
    )
    return np.round(np.clip(planes, 0.0, 1.0).astype(np.float64) * top).astype(dtype)


def _write_plain(path, photo: Photo) -> None:
    from PIL import Image

    suffix = pathlib.Path(path).suffix.lower()
    if suffix in (".jpg", ".jpeg", ".bmp", ".ppm"):
        photo = photo._replace(alpha=None)
    array = _levels(photo, 255, np.uint8)
    extra = {"icc_profile": photo.icc, "exif": photo.exif}
    extra = {k: v for k, v in extra.items() if v and suffix not in (".bmp", ".gif", ".ppm")}
    if suffix in (".jpg", ".jpeg"):
        extra |= {"quality": 95, "subsampling": 0}
    if suffix == ".webp":
        extra |= {"lossless": True}
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(path, **extra)


def _write_deep(path, photo: Photo) -> None:
    import cv2

    array = _levels(photo, 65535, np.uint16)
    if array.shape[-1] == 2:  # no 16-bit grey with alpha in OpenCV: write it as colour
        array = array[..., [0, 0, 0, 1]]
    elif array.shape[-1] >= 3:
        array = array[..., [2, 1, 0, 3][: array.shape[-1]]]
    if not cv2.imwrite(str(path), array):
        raise OSError("the encoder refused the image")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
