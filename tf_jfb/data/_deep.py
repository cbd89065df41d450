"""Images of 16 bits per channel, which Pillow reads and writes in grey only."""

import io
import struct
import zlib

import numpy as np

from tf_jfb._validate import check
from tf_jfb.data import _exif


def is_deep(image, path) -> bool:
    """Whether the open Pillow `image` of the file `path` has 16 bits per channel."""
    if image.mode.startswith("I;16"):
        return True
    if image.format == "PNG":
        with open(path, "rb") as file:
            return file.read(25)[24:] == b"\x10"  # of the header, which always comes first
    if image.format == "PPM":
        return image.mode == "I"
    return image.format == "TIFF" and 16 in np.atleast_1d(image.tag_v2.get(258, 8))


def refusal(image, path) -> str | None:
    """Why the pixels of the open Pillow `image` of the file `path` cannot be used, if so."""
    deep = is_deep(image, path)
    if image.mode == "F" or image.mode == "I" and not deep:
        return "it has 32 bits per channel"
    if image.mode == "CMYK" and deep:
        return "it has 16 bits per ink"
    signed = image.format == "TIFF" and 2 in np.atleast_1d(image.tag_v2.get(339, 1))
    return "its pixels are signed numbers" if signed else None


def decode(image, path) -> np.ndarray:
    """float32 [H, W, 1 to 4] in [0, 65535], upright; colour as RGB."""
    from PIL import ImageOps

    orientation = image.getexif().get(_exif.ORIENTATION, 1)
    image.load()  # raises on a truncated file, which OpenCV fills up with black
    if image.mode.startswith("I"):
        return _grey(image, np.asarray(ImageOps.exif_transpose(image), np.float32))[..., None]
    array = _decode_colour(path)
    if image.mode == "LA":
        array = array[..., [0, -1]]
    return array if image.format == "TIFF" else _upright(array, orientation)


def resize(array: np.ndarray, size) -> np.ndarray:
    """Bilinear and antialiased, plane by plane in floating point; None keeps the size."""
    from PIL import Image

    if size is None:
        return array
    planes = [Image.fromarray(np.ascontiguousarray(p)) for p in np.moveaxis(array, -1, 0)]
    planes = [p.resize((size[1], size[0]), Image.Resampling.BILINEAR) for p in planes]
    return np.stack([np.asarray(p) for p in planes], axis=-1)


def encode_png(levels: np.ndarray, icc: bytes | None, exif: bytes | None) -> bytes:
    """uint16 [H, W, 1 to 4] as PNG (ISO/IEC 15948)."""
    height, width, channels = levels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))]
    if icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    rows = levels.astype(">u2").reshape(height, -1).view(np.uint8)
    above = np.pad(rows[:-1], ((1, 0), (0, 0)))
    lines = np.pad(rows - above, ((0, 0), (1, 0)), constant_values=2)  # filter 2: less the above
    chunks += [(b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def encode_tiff(levels: np.ndarray, icc: bytes | None, exif: bytes | None) -> bytes:
    """uint16 [H, W, 1 to 4] as a TIFF of one deflated strip."""
    from PIL import TiffImagePlugin

    if levels.shape[-1] == 2:  # grey with alpha, which few readers know: as colour
        levels = levels[..., [0, 0, 0, 1]]
    height, width, channels = levels.shape
    strip = zlib.compress(levels.astype("<u2").tobytes())
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    for tag, value in (_exif.items(exif) if exif else {}).items():
        tags[tag] = value
    tags[256], tags[257], tags[258] = width, height, (16,) * channels
    tags[259], tags[262] = 8, (1 if channels == 1 else 2)  # deflate; black is zero, or RGB
    tags[273], tags[278], tags[279] = 0, height, len(strip)  # 273 counts from the tags' end
    tags[277], tags[284] = channels, 1
    if channels == 4:
        tags[338] = 2  # the fourth is alpha, not premultiplied
    if icc:
        tags.tagtype[34675] = 7
        tags[34675] = icc
    content = io.BytesIO()
    tags.save(content)
    return content.getvalue() + strip


ENCODERS = {".png": encode_png, ".tif": encode_tiff, ".tiff": encode_tiff}


def _grey(image, array):
    """`array` so that black is 0 and white 65535, as a TIFF's tags have it."""
    if image.format != "TIFF":
        return array
    tags = image.tag_v2
    bits = int(np.max(tags.get(258, 16)))
    array = array * (65535.0 / (2**bits - 1)) if bits < 16 else array
    return 65535.0 - array if tags.get(262) == 0 else array


def _decode_colour(path) -> np.ndarray:
    import cv2

    array = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    ok = array is not None and array.dtype == np.uint16 and array.ndim == 3
    check(ok, "its 16-bit colours cannot be decoded.", path=str(path))
    # OpenCV's order is blue, green, red. It turns TIFFs upright itself, and PNGs not.
    return array[..., [2, 1, 0, 3][: array.shape[-1]]].astype(np.float32)


def _upright(array, orientation):
    turns = {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}.get(orientation, 0)
    array = np.rot90(array, turns)
    return array[:, ::-1] if orientation in (2, 4, 5, 7) else array


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
