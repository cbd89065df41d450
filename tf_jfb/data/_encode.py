"""Photographs as the content of files, and what each format can hold."""

import io

import numpy as np

from tf_jfb._raster import fits, out
from tf_jfb._validate import check
from tf_jfb.data._rows import blocks

TIFF = {".tif", ".tiff"}
EXTENSIONS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".webp"} | TIFF | fits.SUFFIXES
STACKS = TIFF | fits.SUFFIXES
_OPAQUE = {".jpg", ".jpeg", ".bmp", ".ppm"} | fits.SUFFIXES  # formats without alpha
_BARE = {".bmp", ".gif", ".ppm"}  # formats without metadata
_SIDES = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500, ".gif": 65_535}  # longest, in pixels
_OPTIONS: dict[str, dict] = {
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"lossless": True, "exact": True},  # exact: colours below transparent pixels too
}


def check_holds(suffix: str, photos: list, path: str) -> None:
    """Raises ValueError unless a file that ends in `suffix` can hold `photos`."""
    check(len(photos) > 0, "There must be an image to write.", path=path)
    check(
        len(photos) == 1 or suffix in STACKS,
        f"A stack can be written as {', '.join(sorted(STACKS))}.",
        path=path,
        images=len(photos),
    )
    channels = None if suffix in TIFF else (1,) if suffix in fits.SUFFIXES else (1, 3)
    for photo in photos:
        shape = np.shape(photo.pixels)
        check(len(shape) == 3 and min(shape) >= 1, "The image must be [H, W, C].", shape=shape)
        check(
            channels is None or shape[-1] in channels,
            f"{suffix} holds {' or '.join(map(str, channels or ()))} channel(s).",
            path=path,
            shape=shape,
        )
        longest = _SIDES.get(suffix)
        check(
            longest is None or max(shape[:2]) <= longest,
            f"The format cannot hold the image: sides of {suffix} have at most {longest} pixels.",
            path=path,
            shape=shape,
        )
    if suffix in fits.SUFFIXES:
        _check_equal(photos, path)
        fits.check_installed()


def encode(photos: list, suffix: str) -> bytes:
    """The content of a file in the format of `suffix`."""
    photo = photos[0]
    if suffix in fits.SUFFIXES:
        planes = [one.pixels[..., 0] * np.float32(one.white or 1.0) for one in photos]
        return fits.encode(np.stack(planes), photo.header)
    if suffix in TIFF:
        return _tiff(photos)
    if photo.bits > 8 and suffix == ".png":
        return out.encode_png(_levels(_planes(photo, suffix), 16), photo.icc, photo.exif)
    return _by_pillow(photo, suffix)


def _tiff(photos) -> bytes:
    """Pages of one type: float32 if one of them is, else of the most bits among them."""
    photo, bits = photos[0], max(one.bits for one in photos)
    has_alpha = all(one.alpha is not None for one in photos)
    floating = any((one.dtype or "").startswith(("float", "int")) for one in photos)
    pages = []
    for one in photos:
        planes = _planes(one if has_alpha else one._replace(alpha=None), ".tif")
        if floating:
            # Alpha is a share of 1 whatever white is.
            scale = np.ones(planes.shape[-1], np.float32)
            scale[: one.pixels.shape[-1]] = one.white or 1.0
            pages.append(np.asarray(planes * scale, np.float32))
        else:
            pages.append(_levels(planes, bits))
    return out.encode_tiff(pages, has_alpha, photo.icc, photo.exif)


def _by_pillow(photo, suffix) -> bytes:
    from PIL import Image

    levels = _levels(_planes(photo, suffix), 8)
    extra = {"icc_profile": photo.icc, "exif": photo.exif} if suffix not in _BARE else {}
    extra = {name: value for name, value in extra.items() if value} | _OPTIONS.get(suffix, {})
    image = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
    content = io.BytesIO()
    image.save(content, Image.registered_extensions()[suffix], **extra)
    return content.getvalue()


def _planes(photo, suffix) -> np.ndarray:
    """Pixels, with alpha where the format has it."""
    if photo.alpha is None or suffix in _OPAQUE:
        return np.asarray(photo.pixels)
    return np.concatenate([photo.pixels, photo.alpha], -1)


def _levels(planes, bits) -> np.ndarray:
    """[0, 1] as unsigned integers of full scale, values beyond clipped."""
    levels = np.empty(planes.shape, f"uint{bits}")
    for rows in blocks(len(planes)):
        some = np.asarray(planes[rows], np.float64)
        levels[rows] = np.round(np.clip(some, 0.0, 1.0) * (2**bits - 1))
    return levels


def _check_equal(photos, path):
    shapes = {np.shape(photo.pixels) for photo in photos}
    check(len(shapes) == 1, "A FITS cube holds images of one size.", path=path, shapes=shapes)
