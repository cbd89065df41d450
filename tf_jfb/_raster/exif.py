"""EXIF blocks that still hold once the image is upright and re-encoded."""

import struct

ORIENTATION = 0x0112
DESCRIPTION = 270
RESOLUTION = 282, 283  # pixels per unit of length, across and down
RESOLUTION_UNIT, CENTIMETRE = 296, 3
SUB_BLOCKS = (0x8769, 0x8825)  # exposure data, position
# A TIFF's tags mix the photograph's description with its storage (strips, compression, ...):
# description, make, model, resolution (3), software, date, artist, host, copyright, sub-blocks.
_DESCRIPTIVE = {DESCRIPTION, 271, 272, *RESOLUTION, RESOLUTION_UNIT}
_DESCRIPTIVE |= {305, 306, 315, 316, 33432, *SUB_BLOCKS}


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


def replaced(block: bytes | None, tags: dict) -> bytes | None:
    """`block` with other values of some `tags`, without those whose value is None.

    None if nothing is left.

    >>> items(replaced(None, {RESOLUTION_UNIT: CENTIMETRE}))
    {296: 3}
    """
    from PIL import Image

    exif = Image.Exif()
    if block is not None:
        exif.load(block)
    for tag, value in tags.items():
        if value is not None:
            exif[tag] = value
        elif tag in exif:
            del exif[tag]
    return exif.tobytes() if len(exif) else None
