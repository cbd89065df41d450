"""EXIF blocks that still hold once the image is upright and re-encoded."""

import struct

ORIENTATION = 0x0112
SUB_BLOCKS = (0x8769, 0x8825)  # exposure data, position
# A TIFF's tags mix the photograph's description with its storage (strips, compression, ...):
# description, make, model, resolution (3), software, date, artist, host, copyright, sub-blocks.
_DESCRIPTIVE = {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432, *SUB_BLOCKS}


def keep(image) -> bytes | None:
    """The EXIF block of an open Pillow image, orientation reset; None if nothing is left.

    A block that holds a value which its type does not is left out.

    >>> from PIL import Image
    >>> keep(Image.new("L", (2, 2))) is None
    True
    """
    exif = image.getexif()
    kept = type(exif)()
    for tag in list(exif):
        if tag != ORIENTATION and (image.format != "TIFF" or tag in _DESCRIPTIVE):
            kept[tag] = exif.get_ifd(tag) if tag in SUB_BLOCKS else exif[tag]
    try:
        return kept.tobytes() if len(kept) else None
    except (struct.error, ValueError, TypeError, OverflowError):
        return None


def items(block: bytes) -> dict:
    """The tags of an EXIF block, sub-blocks as dictionaries."""
    from PIL import Image

    exif = Image.Exif()
    exif.load(block)
    return {tag: exif.get_ifd(tag) if tag in SUB_BLOCKS else exif[tag] for tag in exif}


def without(block: bytes | None, tag: int) -> bytes | None:
    """`block` less one tag; None if nothing is left."""
    from PIL import Image

    if block is None:
        return None
    exif = Image.Exif()
    exif.load(block)
    if tag in exif:
        del exif[tag]
    return exif.tobytes() if len(exif) else None
