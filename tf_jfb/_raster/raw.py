"""Cameras' raw files, developed by LibRaw through rawpy (extra `raw`)."""

import numpy as np

from tf_jfb._raster.record import Header, Raster, RefusedError, chosen

SUFFIXES = {
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
    *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2"),
    *(".srf", ".srw", ".x3f"),
}


def read(file, pages=None) -> list[Raster]:
    """The picture of an open `file` in linear light: demosaiced, white balance of the camera.

    The whole sensor, in the primaries of sRGB, upright; never the preview.
    """
    rawpy = _rawpy()
    chosen(1, pages)
    try:
        with rawpy.imread(file) as raw:
            values = raw.postprocess(
                gamma=(1, 1),
                no_auto_bright=True,
                output_bps=16,
                use_camera_wb=True,
                output_color=rawpy.ColorSpace.sRGB,
            )
    except rawpy.LibRawError as error:
        raise RefusedError(f"LibRaw cannot develop it: {_text(error)}") from None
    return [Raster(np.atleast_3d(values), 65535.0, 16, linear=True)]


def inspect(file) -> Header:
    """What the headers say, without developing."""
    rawpy = _rawpy()
    try:
        with rawpy.imread(file) as raw:
            sides, channels = (raw.sizes.height, raw.sizes.width), 1 if raw.num_colors == 1 else 3
            sides = sides[::-1] if raw.sizes.flip in (5, 6) else sides
    except rawpy.LibRawError as error:
        raise RefusedError(f"LibRaw cannot read it: {_text(error)}") from None
    return Header(*sides, channels, sound=True)


def _rawpy():
    try:
        import rawpy
    except ImportError:
        raise RefusedError("raw files need rawpy: pip install 'tf_jfb[raw]'") from None
    return rawpy


def _text(error) -> str:
    text = error.args[0] if error.args else "unknown"
    return text.decode() if isinstance(text, bytes) else str(text)
