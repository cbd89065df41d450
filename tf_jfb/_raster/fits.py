"""Images and cubes of FITS files, read and written through astropy (extra `astro`)."""

import io

import numpy as np

from tf_jfb._raster.record import Header, Raster, RefusedError, chosen, refuse

MAGIC = b"SIMPLE  ="
SUFFIXES = {".fit", ".fits", ".fts"}
_OF_FILE = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "INHERIT", "NEXTEND")


def _astropy():
    try:
        from astropy.io import fits
    except ImportError:
        raise RefusedError("FITS needs astropy: pip install 'tf_jfb[astro]'") from None
    return fits


def check_installed() -> None:
    """Raises `RefusedError`, saying what to install, where astropy is missing."""
    _astropy()


def read(file, pages=None) -> list[Raster]:
    """The images of an open `file` that `pages` names, rows in the order of the file."""
    fits = _astropy()
    with fits.open(file, memmap=False, uint=True) as units:
        images = [unit for unit in units if unit.is_image and len(unit.shape) >= 2]
        places = [(unit, i) for unit in images for i in range(_length(unit))]
        wanted = [places[i] for i in chosen(len(places), pages)]
        return [_raster(unit, i, _cards(unit, units[0])) for unit, i in wanted]


def inspect(file) -> Header:
    """What the headers say of the only image; only decoding tells whether the file is whole."""
    with _astropy().open(file, memmap=False) as units:
        images = [unit for unit in units if unit.is_image and len(unit.shape) >= 2]
        chosen(sum(map(_length, images)), None)
        height, width = images[0].shape[-2:]
        return Header(height, width, channels=1, sound=False)


def encode(values: np.ndarray, header: str | None) -> bytes:
    """float32 [N, H, W] as a FITS cube, or an image where N is 1; `header` as of `Raster`."""
    fits = _astropy()
    cards = fits.Header.fromstring(header) if header else fits.Header()
    for name in _OF_FILE:
        cards.remove(name, ignore_missing=True, remove_all=True)
    data = values[0] if len(values) == 1 else values
    content = io.BytesIO()
    fits.PrimaryHDU(data.astype(np.float32), cards).writeto(content, output_verify="silentfix")
    return content.getvalue()


def _length(unit) -> int:
    return int(np.prod(unit.shape[:-2], dtype=int))


def _cards(unit, first) -> str:
    """Of `unit`; before them those of the `first` unit, where that has no image of its own.

    Observatories write there what holds for every image of the file. An extension that does not
    inherit it says so by INHERIT (FITS standard 4.0).
    """
    header = unit.header
    if unit is not first and not first.shape and header.get("INHERIT") is not False:
        header = first.header.copy(strip=True)
        header.extend(unit.header, update=True)
    return header.tostring()


def _raster(unit, index, header) -> Raster:
    stack = unit.data
    refuse(stack.dtype.kind not in "iuf", "its pixels are no real numbers")
    values = np.ascontiguousarray(stack.reshape(-1, *stack.shape[-2:])[index][..., None])
    values = values.astype(values.dtype.newbyteorder("="))
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else None
    bits = 8 if values.dtype.itemsize == 1 else 16 if values.dtype.itemsize == 2 else 32
    return Raster(values, full, bits, linear=True, header=header)
