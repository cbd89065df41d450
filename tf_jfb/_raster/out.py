"""PNGs of 16 bits and TIFFs of any type as bytes: what Pillow does not write."""

import io
import math
import struct
import zlib

import numpy as np

from tf_jfb._raster import exif as exif_blocks

LONG = 4  # code of a TIFF's type
MAX_SAMPLE_VALUE = 281  # a TIFF's tag
CLASSIC = 2**32 - 2**25  # bytes up to which a TIFF counts in 32 bits, as tifffile decides


def encode_png(levels: np.ndarray, icc: bytes | None, exif: bytes | None) -> bytes:
    """uint16 [H, W, 1 to 4] as PNG."""
    import imagecodecs

    levels = np.ascontiguousarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
    content = imagecodecs.png_encode(levels)
    blocks = [(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))] if icc else []
    blocks += [(b"eXIf", exif.removeprefix(b"Exif\0\0"))] if exif else []
    header = 33  # bytes of the signature and the first chunk, IHDR
    return content[:header] + b"".join(_chunk(*block) for block in blocks) + content[header:]


def encode_tiff(
    pages, has_alpha: bool, icc: bytes | None, exif: bytes | None, white: int | None = None
) -> bytes:
    """Arrays [H, W, C] of one type, each a page of a deflated TIFF; with `has_alpha` C counts it.

    Three channels are colour; other numbers are channels without a meaning. Grey with alpha, which
    few readers know, is written as colour. `white` is a largest value that is told, an integer.
    """
    import tifffile

    tags = exif_blocks.items(exif) if exif else {}
    blocks = {tag: tags.pop(tag) for tag in exif_blocks.SUB_BLOCKS if tag in tags}
    options = _options(tags, icc)
    if white is not None:
        options["extratags"] += [(MAX_SAMPLE_VALUE, "H" if white < 2**16 else "I", 1, white, True)]
    big = sum(page.nbytes for page in pages) > CLASSIC
    blocks = {} if big else blocks  # their offsets count in 32 bits
    content = io.BytesIO()
    with tifffile.TiffWriter(content, bigtiff=big, byteorder="<") as file:
        for page in pages:
            page = page[..., [0, 0, 0, 1]] if has_alpha and page.shape[-1] == 2 else page
            colours = page.shape[-1] - has_alpha
            # One or three have a meaning; what follows is told apart.
            extra = ["unspecified"] * (0 if colours == 3 else colours - 1)
            kind = {
                "photometric": "rgb" if colours == 3 else "minisblack",
                "extrasamples": extra + ["unassalpha"] * has_alpha or None,
            }
            values = np.ascontiguousarray(page[..., 0] if page.shape[-1] == 1 else page)
            file.write(values, planarconfig="contig", **kind, **options)
    if blocks:
        _append(content, blocks)
    return content.getvalue()


def _options(tags, icc) -> dict:
    """Arguments of tifffile's `write` for the tags of an EXIF block."""
    words = {t: v for t, v in tags.items() if isinstance(v, str) and v.isascii()}
    turn = [(exif_blocks.ORIENTATION, "H", 1, tags.get(exif_blocks.ORIENTATION), True)]
    options = {
        "compression": "zlib",
        "metadata": None,
        "software": False,
        "iccprofile": icc,
        "extratags": [(tag, "s", 0, value, True) for tag, value in words.items()]
        + turn * (exif_blocks.ORIENTATION in tags),
    }
    resolution = tuple(float(tags.get(tag, 0)) for tag in exif_blocks.RESOLUTION)
    if all(0 < value < math.inf for value in resolution):  # n/0 is stored by some for unknown
        options["resolution"] = resolution
        options["resolutionunit"] = int(tags.get(exif_blocks.RESOLUTION_UNIT, 2))
    return options


def _append(content, blocks) -> None:
    """Puts EXIF sub-blocks, which tifffile does not write, behind the images of a classic TIFF.

    The first page's directory, which must name their places in the order of the tags, follows.
    """
    from PIL import TiffImagePlugin

    entries = []
    for tag, values in blocks.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0", group=tag)
        for name, value in values.items():
            directory[name] = value
        place = _end(content)
        content.write(directory.tobytes(place))
        entries.append(struct.pack("<HHII", tag, LONG, 1, place))
    content.seek(4)
    (first,) = struct.unpack("<I", content.read(4))
    content.seek(first)
    (count,) = struct.unpack("<H", content.read(2))
    entries += [content.read(12) for _ in range(count)]
    following = content.read(4)
    place = _end(content)
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    content.write(struct.pack("<H", len(entries)) + b"".join(entries) + following)
    content.seek(4)
    content.write(struct.pack("<I", place))


def _end(content) -> int:
    """Its end, made even: directories start at even bytes."""
    place = content.seek(0, io.SEEK_END)
    content.write(b"\0" * (place % 2))
    return content.tell()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
