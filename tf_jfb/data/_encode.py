"""Photographs as the content of files, and what each format can hold."""

import io

import numpy as np

from tf_jfb._raster import fits, icc, out
from tf_jfb._validate import check
from tf_jfb.data import light
from tf_jfb.data._rows import blocks

TIFF = {".tif", ".tiff"}
JPEG = {".jfif", ".jpe", ".jpeg", ".jpg"}
NETPBM = {".pgm", ".pnm", ".ppm"}
EXTENSIONS = {".bmp", ".gif", ".png", ".webp"} | JPEG | NETPBM | TIFF | fits.SUFFIXES
STACKS = TIFF | fits.SUFFIXES
_OPAQUE = {".bmp"} | JPEG | NETPBM | fits.SUFFIXES  # formats without alpha
_BARE = {".bmp", ".gif"} | NETPBM  # formats without metadata
_SIDES = {".webp": 16_383, ".gif": 65_535} | dict.fromkeys(JPEG, 65_500)  # longest, in pixels
_OPTIONS: dict[str, dict] = {
    **dict.fromkeys(JPEG, {"quality": 95, "subsampling": 0}),
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
    grey = fits.SUFFIXES | {".pgm"}
    channels = None if suffix in TIFF else (1,) if suffix in grey else (1, 3)
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
    if photo.linear:
        photo = photo._replace(pixels=light.encode(photo.pixels), icc=None)
    if photo.bits > 8 and suffix == ".png":
        return out.encode_png(_levels(_planes(photo, suffix), 16), photo.icc, photo.exif)
    return _by_pillow(photo, suffix)


def _tiff(photos) -> bytes:
    """Pages of one type: float32 if one of them is, else of the most bits among them.

    In the units of the file that was read; what is linear says so by a profile.
    """
    photo, bits = photos[0], max(one.bits for one in photos)
    profile, most, channels = photo.icc, 2**bits - 1, photo.pixels.shape[-1]
    if photo.linear and profile is None and channels in (1, 3):
        grey = channels == 1 and photo.alpha is None  # with alpha it is written as colour
        profile = icc.power(1.0, 1 if grey else 3)
    kept = {(one.dtype, one.white) for one in photos} == {(f"uint{bits}", photo.white)}
    white = float(photo.white if kept and photo.white else most)
    # Readers know as white, if they are told, what another number of bits would have.
    told = int(white) if white in {2**n - 1 for n in range(8, bits)} else None
    has_alpha = all(one.alpha is not None for one in photos)
    floating = any((one.dtype or "").startswith(("float", "int")) for one in photos)
    pages = []
    for one in photos:
        planes = _planes(one if has_alpha else one._replace(alpha=None), ".tif")
        # Alpha is a share of full scale whatever white is.
        scale = np.full(planes.shape[-1], 1.0 if floating else told or most)
        scale[: one.pixels.shape[-1]] = (one.white or 1.0) if floating else white
        if floating:
            pages.append(np.asarray(planes * scale.astype(np.float32), np.float32))
        else:
            pages.append(_levels(planes, bits, scale))
    return out.encode_tiff(pages, has_alpha, profile, photo.exif, None if floating else told)


def _by_pillow(photo, suffix) -> bytes:
    from PIL import Image

    planes = _planes(photo, suffix)
    deep = photo.bits > 8 and suffix in NETPBM and planes.shape[-1] == 1
    levels = _levels(planes, 16 if deep else 8)
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


def _levels(planes, bits, scale=None) -> np.ndarray:
    """Unsigned integers, 1 being `scale`, one or by channel; default full. Others are clipped."""
    most = 2**bits - 1
    levels = np.empty(planes.shape, f"uint{bits}")
    for rows in blocks(len(planes)):
        some = np.asarray(planes[rows], np.float64) * (most if scale is None else scale)
        levels[rows] = np.round(np.clip(some, 0.0, most))
    return levels


def _check_equal(photos, path):
    shapes = {np.shape(photo.pixels) for photo in photos}
    check(len(shapes) == 1, "A FITS cube holds images of one size.", path=path, shapes=shapes)
