"""Colour profiles of a tone curve that is a power, for files that tell it otherwise or not."""

import struct

D50 = (0.9642, 1.0, 0.8249)
PRIMARIES = {  # of sRGB, adapted to D50
    b"r": (0.43607, 0.22249, 0.01392),
    b"g": (0.38515, 0.71687, 0.09708),
    b"b": (0.14307, 0.06061, 0.71410),
}


def power(exponent: float, channels: int) -> bytes:
    """ICC profile of light = stored^exponent, in the primaries of sRGB; grey for one channel."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(exponent * 256)) + bytes(2)
    name = f"Gamma {exponent:g}".encode() + b"\0"
    text = b"desc" + struct.pack(">II", 0, len(name)) + name + bytes(78)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"None\0", b"wtpt": _xyz(D50)}
    if channels == 1:
        tags[b"kTRC"] = curve
    else:
        tags |= {colour + b"XYZ": _xyz(xyz) for colour, xyz in PRIMARIES.items()}
        tags |= {colour + b"TRC": curve for colour in PRIMARIES}
    table, content, start = b"", b"", 132 + 12 * len(tags)
    for tag, block in tags.items():
        table += struct.pack(">4sII", tag, start + len(content), len(block))
        content += block + bytes(-len(block) % 4)
    space = b"GRAY" if channels == 1 else b"RGB "
    head = struct.pack(">II", start + len(content), 0) + b"\2\x10\0\0mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def _xyz(values) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(value * 65536) for value in values))
