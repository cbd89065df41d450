"""TIFF files read: any layout, type, compression and number of channels, stacks too."""

import re
from xml.etree import ElementTree

import numpy as np

from tf_jfb._raster import exif as exif_blocks
from tf_jfb._raster import icc, plain
from tf_jfb._raster.out import MAX_SAMPLE_VALUE
from tf_jfb._raster.record import Header, Raster, chosen, refuse, upright

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
KNOWN = {"MINISWHITE", "MINISBLACK", "RGB", "LINEAR_RAW"}  # meanings that numbers have directly
INKS = "SEPARATED"
ALPHA = {1: "premultiplied", 2: "plain"}  # values of the tag of extra samples
DNG_VERSION = 50706
FAX = (2, 3, 4)  # compressions of black and white
BOMB = 2**32, 100  # bytes of an image, and how many times the file's: no photograph packs so well
CENTIMETRES = {"m": 100.0, "cm": 1.0, "mm": 0.1, "nm": 1e-7, "Å": 1e-8, "pm": 1e-10, "inch": 2.54}
CENTIMETRES |= dict.fromkeys(["µm", "\u03bcm", "um", "micron", "microns"], 1e-4)
STRUCTURED = ("ImageJ", "<?xml", '{"shape"', "<OME", "SCIFIO")  # starts of descriptions of a stack


def is_raw(file) -> bool:
    """Whether the open TIFF `file` is a camera's negative, DNG."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        refuse(len(tiff.pages) == 0, "it holds no image")
        return DNG_VERSION in tiff.pages[0].tags


def read(file, pages=None) -> list[Raster]:
    """The images of an open `file` that `pages` names; previews and masks are none."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        series = _pictures(tiff)
        places = [(s, i) for s in series for i in range(_length(s))]
        if not places:
            mosaic = any("CFA" in str(s.keyframe.photometric) for s in tiff.series)
            refuse(mosaic, "it holds a sensor's mosaic: only files named as raw are developed")
        wanted = [places[i] for i in chosen(len(places), pages)]
        keyframe = wanted[0][0].keyframe
        if _is_for_pillow(keyframe):
            refuse(len(places) > 1, f"it is a stack of {_meaning(keyframe)} images")
            file.seek(0)
            return plain.read(file)
        stacks = {}  # arrays by series, each decoded once
        block = _description(tiff, file)
        rasters = []
        for one, index in wanted:
            if id(one) not in stacks:
                _check(tiff, one)
                stacks[id(one)] = _decoded(one)
            rasters.append(_raster(tiff, one, stacks[id(one)][index], block))
        return rasters


def inspect(file) -> Header:
    """What the tags say of the only image; floating-point numbers are not all usable."""
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        series = _pictures(tiff)
        chosen(sum(map(_length, series)), None)
        page = series[0].keyframe
        if _is_for_pillow(page):
            file.seek(0)
            return plain.inspect(file)
        _check(tiff, series[0])
        sides = dict(zip(series[0].axes, series[0].shape, strict=True))
        channels = sides.get(_channel_axis(series[0]), 1)
        channels -= "S" in sides and int(bool(_alpha(page)))
        turned = _tag(page, 274, 1) in (5, 6, 7, 8)
        height, width = (sides["X"], sides["Y"]) if turned else (sides["Y"], sides["X"])
        return Header(height, width, channels, sound=page.dtype.kind != "f")


def _pictures(tiff) -> list:
    """Series of images proper: neither reduced, nor a mask, nor a sensor's mosaic."""
    return [
        s
        for s in tiff.series
        if not (s.keyframe.is_reduced or s.keyframe.is_mask)
        and _meaning(s.keyframe) != "CFA"
        and {"Y", "X"} <= set(s.axes)
    ]


def _channel_axis(series) -> str:
    return "S" if "S" in series.axes else "C"


def _length(series) -> int:
    """How many images it holds; channels are of one image."""
    inside = {"Y", "X", _channel_axis(series)}
    pairs = zip(series.axes, series.shape, strict=True)
    return int(np.prod([n for axis, n in pairs if axis not in inside], dtype=int))


def _is_for_pillow(page) -> bool:
    """Palettes, inks, Lab and such of 8 bits, which Pillow makes colours of; faxes."""
    if page.compression in FAX:  # which not every imagecodecs decodes
        return True
    refuse(_meaning(page) == INKS and _bits(page) > 8, f"it has {_bits(page)} bits per ink")
    decoded = _meaning(page) == "YCBCR" and page.compression in (6, 7)
    if _meaning(page) in KNOWN or decoded:
        return False
    refuse(_bits(page) > 8, f"its colours are {_meaning(page)} of {_bits(page)} bits")
    return True


def _check(tiff, series) -> None:
    """Refuses what cannot be used, and what a decoder would fill up with black."""
    page = series.keyframe
    refuse(page.sampleformat == 2, "its pixels are signed numbers")
    refuse(page.dtype is None or page.dtype.kind not in "buf", "its pixels are no real numbers")
    end = tiff.filehandle.size
    for part in series.pages:
        if part is not None:
            spans = zip(part.dataoffsets, part.databytecounts, strict=False)
            refuse(any(start + count > end for start, count in spans), "it is truncated")
    size = int(np.prod(series.shape, dtype=np.int64)) * page.dtype.itemsize
    refuse(size > BOMB[0] and size > BOMB[1] * end, "it would decompress to an implausible size")


def _decoded(series) -> np.ndarray:
    """[N, H, W, C] of the file's type."""
    values, axes = series.asarray(), series.axes
    channel = _channel_axis(series)
    if channel not in axes:
        values, axes = values[..., None], axes + channel
    last = [axes.index(axis) for axis in ("Y", "X", channel)]
    values = np.moveaxis(values, last, (-3, -2, -1))
    return values.reshape(-1, *values.shape[-3:])


def _raster(tiff, series, values, block) -> Raster:
    page = series.keyframe
    full = None if page.dtype.kind == "f" else _white(tiff, page)
    kind, alpha = _alpha(page), None
    if kind and "S" in series.axes:
        values, alpha = values[..., :-1], values[..., -1:]
        if kind == "premultiplied":
            values = _unmultiplied(values, alpha, full or 1.0)
    if _meaning(page) == "MINISWHITE":
        values = (1.0 if full is None else full) - values.astype(np.float64)
    turn = _tag(page, 274, 1)
    linear = page.iccprofile == icc.power(1.0, values.shape[-1])  # as it is written here
    bits = 8 if _bits(page) <= 8 else 16 if _bits(page) <= 16 else 32
    return Raster(
        upright(values, turn),
        full,
        bits,
        None if alpha is None else upright(alpha, turn),
        None if linear else page.iccprofile,
        block,
        linear or _meaning(page) == "LINEAR_RAW",
        dtype=page.dtype.name if _bits(page) >= 8 else f"uint{_bits(page)}",
    )


def _white(tiff, page) -> float:
    """Of the significant bits that the file tells: packed, in a tag, or in OME's XML."""
    bits = _bits(page)
    told = re.search(r'SignificantBits="(\d+)"', tiff.ome_metadata or "")
    if told:
        bits = min(bits, int(told[1]))
    most = np.max(_tag(page, MAX_SAMPLE_VALUE, 0))
    if most in {2**n - 1 for n in range(8, bits)}:
        return float(most)
    return float(2**bits - 1)


def _meaning(page) -> str:
    """Of its numbers; some that a file may hold have no name."""
    return getattr(page.photometric, "name", f"photometric {page.photometric}")


def _bits(page) -> int:
    return int(np.max(page.bitspersample))


def _alpha(page) -> str | None:
    """The kind of alpha that its last sample is."""
    return ALPHA.get(int(page.extrasamples[-1])) if page.extrasamples else None


def _unmultiplied(values, alpha, full) -> np.ndarray:
    share = alpha.astype(np.float64) / full
    return np.where(share > 0, values / np.where(share > 0, share, 1.0), 0.0)


def _tag(page, code, default):
    tag = page.tags.get(code)
    return default if tag is None else tag.value


def _description(tiff, file) -> bytes | None:
    """The EXIF block, without a description of a stack that the image will no longer be in.

    What that tells of the size of the pixels is kept as the image's resolution.
    """
    file.seek(0)
    block = plain.exif_of(file)
    if not str(_tag(tiff.pages[0], exif_blocks.DESCRIPTION, "")).startswith(STRUCTURED):
        return block
    tags: dict = {exif_blocks.DESCRIPTION: None}
    resolution = _pixels_per_centimetre(tiff)
    if resolution:
        tags |= dict(zip(exif_blocks.RESOLUTION, resolution, strict=True))
        tags[exif_blocks.RESOLUTION_UNIT] = exif_blocks.CENTIMETRE
    return exif_blocks.replaced(block, tags)


def _pixels_per_centimetre(tiff) -> list | None:
    """Across and down, of files of microscopes, which have units of their own: OME's and ImageJ's.

    None where they tell none, or several.
    """
    if tiff.is_ome:
        try:
            elements = ElementTree.fromstring(tiff.ome_metadata).iter()
        except ElementTree.ParseError:
            return None
        sizes = {size for size in map(_ome_size, elements) if size}
        return [1 / side for side in sizes.pop()] if len(sizes) == 1 else None
    unit = str((tiff.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ")
    told = [_tag(tiff.pages[0], tag, (0, 1)) for tag in exif_blocks.RESOLUTION]
    if unit not in CENTIMETRES or not all(all(one) for one in told):
        return None
    return [one / other / CENTIMETRES[unit] for one, other in told]


def _ome_size(element) -> tuple | None:
    """Width and height of a pixel of an image of OME's, in centimetres."""
    try:
        told = [
            float(element.attrib[f"PhysicalSize{side}"])
            * CENTIMETRES[element.attrib.get(f"PhysicalSize{side}Unit", "µm")]
            for side in "XY"
        ]
    except (KeyError, ValueError):
        return None
    return tuple(told) if min(told) > 0 else None
