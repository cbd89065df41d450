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
    fits.PrimaryHDU(data.astype(np.float32), cards).writeto(
        content, output_verify="silentfix+ignore"
    )
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


def _full(header) -> float | None:
    """The largest value of integers that are stored as they are; of others None."""
    bits = header["BITPIX"]
    if bits < 0 or (header.get("BSCALE", 1), header.get("BZERO", 0)) != (1, 0):
        return None
    return 255.0 if bits == 8 else 2.0 ** (bits - 1) - 1


def _missing(values, header) -> np.ndarray:
    """Which `values` are the BLANK of integers: astropy passes over a BLANK of 0, or unsigned."""
    blank = header.get("BLANK")
    if blank is None or header["BITPIX"] < 0:
        return np.zeros(1, bool)
    kind = values.dtype.type if values.dtype.kind == "f" else np.float64  # as values were scaled
    return values == kind(blank) * kind(header.get("BSCALE", 1)) + kind(header.get("BZERO", 0))


def _raster(unit, index, header) -> Raster:
    told, full = unit.header.copy(), _full(unit.header)  # which `data` changes
    stack = unit.data
    refuse(stack.dtype.kind not in "iuf", "its pixels are no real numbers")
    values = np.ascontiguousarray(stack.reshape(-1, *stack.shape[-2:])[index][..., None])
    values = values.astype(values.dtype.newbyteorder("="))
    full = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else full
    bits = 8 if values.dtype.itemsize == 1 else 16 if values.dtype.itemsize == 2 else 32
    missing = _missing(values, told)
    values = np.where(missing, np.nan, values) if missing.any() else values
    return Raster(values, full, bits, linear=True, header=header)
