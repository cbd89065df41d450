"""Everything that Pillow opens: JPEG, PNG of 8 and 16 bits, WebP, GIF, BMP, PPM."""

import numpy as np

from tf_jfb._raster import exif, icc, jpeg
from tf_jfb._raster.record import Header, Raster, chosen, refuse, upright

ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}  # what the last bytes hold
ANIMATED = {"GIF", "PNG", "WEBP"}
GAMMA = 2.2, 0.02  # of an encoding that is about sRGB's, and how far another may be from it


def read(file, pages=None) -> list[Raster]:
    """The images of an open `file` that `pages` names; an animation is a stack."""
    from PIL import Image

    with Image.open(file) as image:
        rasters = []
        for index in chosen(_frames(image), pages):
            if index:
                image.seek(index)
            rasters.append(_raster(image, file))
        return rasters


def inspect(file) -> Header:
    """What the header says, and whether the file's end is the format's."""
    from PIL import Image

    with Image.open(file) as image:
        _check(image, file)
        chosen(_frames(image), None)
        width, height = image.size
        if image.getexif().get(exif.ORIENTATION, 1) in (5, 6, 7, 8):
            height, width = width, height
        channels = 1 if image.mode in ("1", "L", "LA") or image.mode.startswith("I") else 3
        return Header(height, width, channels, _is_whole(file, image.format))


def _frames(image) -> int:
    return getattr(image, "n_frames", 1) if image.format in ANIMATED else 1


def _is_whole(file, format) -> bool:
    """Whether the open `file` ends as its format does; False also where that is not known."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 32))
    tail = file.read()
    if format in ENDS:
        return ENDS[format] in tail
    file.seek(0)
    head = file.read(8)
    return format == "WEBP" and int.from_bytes(head[4:], "little") + 8 <= end


def exif_of(file) -> bytes | None:
    """The EXIF block of an open `file`; None where Pillow cannot open it."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            return exif.keep(image)
    except Exception:  # what it says of a file that another library reads is of no use
        return None


def _check(image, file) -> None:
    deep = _is_deep(image, file)
    refuse(image.mode == "F" or image.mode == "I" and not deep, "it has 32 bits per channel")


def _raster(image, file) -> Raster:
    from PIL import ImageOps

    _check(image, file)
    # A profile for inks or Lab would misread the RGB that such an image becomes.
    profile = image.info.get("icc_profile") if image.mode not in ("CMYK", "LAB") else None
    exponent, block = _exponent(image), exif.keep(image)
    if _is_deep(image, file):
        values, full, bits, taken = _deep_values(image, file), 65535.0, 16, 0.0
    else:
        full, bits, taken = 255.0, 8, jpeg.taken(image)
        values = np.atleast_3d(np.asarray(_plain_mode(ImageOps.exif_transpose(image))))
    alpha = None
    if values.shape[-1] in (2, 4):
        values, alpha = values[..., :-1], values[..., -1:]
    if exponent is not None:
        profile = icc.power(exponent, values.shape[-1])
    return Raster(values, full, bits, alpha, profile, block, taken=taken)


def _exponent(image) -> float | None:
    """Of light = stored^exponent, where a PNG file tells one, by gAMA alone, that is not sRGB's."""
    gamma, usual = image.info.get("gamma"), GAMMA[0]
    if image.format != "PNG" or not gamma or not {"srgb", "icc_profile"}.isdisjoint(image.info):
        return None
    return 1 / gamma if abs(gamma * usual - 1) > GAMMA[1] and 0.1 <= gamma <= 10 else None


def _is_deep(image, file) -> bool:
    """Whether the open Pillow `image` of `file` has 16 bits per channel."""
    if image.mode.startswith("I;16"):
        return True
    if image.format == "PNG":
        place = file.tell()
        file.seek(0)
        header = file.read(25)  # which always comes first
        file.seek(place)
        return header[24:] == b"\x10"
    return image.format == "PPM" and image.mode == "I"


def _deep_values(image, file) -> np.ndarray:
    """uint16 [H, W, 1 to 4], upright. Pillow knows colours of 8 bits only."""
    orientation = image.getexif().get(exif.ORIENTATION, 1)
    image.load()  # raises on a truncated file
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.uint16)
        clear = image.info.get("transparency")
        if clear is not None:  # one level is
            values = np.stack([values, np.where(values == clear, 0, 65535).astype(np.uint16)], -1)
    else:
        import imagecodecs

        refuse(image.tell() > 0, "of an animation of 16 bits only the first image can be read")
        file.seek(0)
        values = imagecodecs.png_decode(file.read())
    return upright(values if values.ndim == 3 else values[..., None], orientation)


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
