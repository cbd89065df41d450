"""Images and kernels out of requests, their size looked at before they are decoded."""

import contextlib
import io
import pathlib
import tempfile

import numpy as np

from tf_jfb import _raster
from tf_jfb.data import Photo, read_image
from tf_jfb.operators import kernels
from tf_jfb.serving._reasons import reason_of
from tf_jfb.serving.server.refused import RefusedError

# Files that hold one array and are not larger unpacked than they say.
TABLES = {".csv", ".dat", ".tsv", ".txt"}
KERNEL_FILES = {".bmp", ".npy", ".png", ".tif", ".tiff"} | TABLES
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "WEBP")  # and TIFF and FITS
MAX_CHANNELS = 16
MAX_KERNEL_BYTES = 4 << 20


def photo_of(content: bytes, max_pixels: int, what: str = "image") -> Photo:
    """A picture. Raises RefusedError: 413 where it is too large, else 400."""
    with _refusing(what):
        check_size(content, max_pixels, what)
        return read_image(content, name=what)


def check_size(content: bytes, max_pixels: int, what: str) -> int:
    """Its pixels. Raises RefusedError, 413, if the headers tell of more than `max_pixels`."""
    with _refusing(what):
        height, width, channels = _size(content, what)
    if height * width > max_pixels or channels > MAX_CHANNELS:
        raise RefusedError(
            413,
            f"`{what}` must have at most {max_pixels} pixels and {MAX_CHANNELS} channels. Received:"
            f" height={height}, width={width}, channels={channels}",
        )
    return height * width


def _size(content, what) -> tuple:
    """(height, width, channels), nothing being decoded."""
    from PIL import Image

    if content[:6] == _raster.fits.MAGIC[:6] or content[:2] in (b"II", b"MM"):
        header = _raster.inspect(content, what)
        return header.height, header.width, header.channels
    Image.init()  # makes WebP known
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return image.height, image.width, len(image.getbands())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError(413, f"`{what}` must be smaller: {error}") from None


def kernel_of_name(text: str, most: int) -> np.ndarray:
    """A kernel such as gaussian:5:1.0, never a file of the server's."""
    name, *values = text[:200].split(":")
    if name not in kernels.FORMS:
        known = ", ".join(kernels.FORMS)
        _refuse(f"`kernel` must be a file, or a name that begins with one of {known}.", text)
    with _refusing("kernel"):
        side = float(values[0]) if values else 0.0
        _check_side(2 * side - 1 if name == "disk" else side, most)
        return _checked(kernels.parse(text), most)


def kernel_of_file(content: bytes, filename: str, most: int) -> np.ndarray:
    """The kernel of a file, by the ending of its name."""
    suffix = pathlib.PurePath(filename).suffix.lower()
    if suffix not in KERNEL_FILES:
        _refuse(f"`kernel` must end in one of {', '.join(sorted(KERNEL_FILES))}.", filename)
    if len(content) > MAX_KERNEL_BYTES:
        raise RefusedError(413, f"`kernel` must have at most {MAX_KERNEL_BYTES} bytes.")
    with _refusing("kernel"), tempfile.TemporaryDirectory() as folder:
        if suffix == ".npy":
            return _checked(_array(content, most), most)
        if suffix not in TABLES:
            check_size(content, most * most, "kernel")
        file = pathlib.Path(folder) / f"kernel{suffix}"
        file.write_bytes(content)
        return _checked(kernels.load(file), most)


def _array(content: bytes, most: int) -> np.ndarray:
    """Of an .npy file, whose header is believed only as far as the content goes."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
    shape, fortran, dtype = read(file)
    if len(shape) != 2 or max(shape) > most or dtype.kind not in "biuf":
        raise ValueError(f"must be [k1, k2] of numbers, sides up to {most}; it is {dtype} {shape}")
    values = np.frombuffer(content, dtype, shape[0] * shape[1], file.tell())
    return kernels.check_kernel(values.reshape(shape, order="F" if fortran else "C"))


def _checked(kernel, most) -> np.ndarray:
    _check_side(max(kernel.shape), most)
    total = kernels.check_kernel(kernel).sum()
    return kernel / total


def _check_side(side, most) -> None:
    if side > most:
        raise RefusedError(413, f"`kernel` must have sides of at most {most} pixels.")


def _refuse(rule, received):
    raise RefusedError(400, f"{rule} Received: {received[:80]!r}")


@contextlib.contextmanager
def _refusing(what):
    """Whatever a decoder raises becomes 400 with its first line."""
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:  # decoders raise nearly anything on a damaged file
        folder = tempfile.gettempdir()
        reason = reason_of(error).split(f" Received: path='{folder}")[0].replace(folder, "")[:300]
        raise RefusedError(400, f"`{what}` must be usable: {reason}") from None
