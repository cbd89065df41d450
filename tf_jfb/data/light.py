"""From stored pixels to light and back: sRGB, and colour profiles with tone curves."""

import functools
import struct
from typing import NamedTuple

import numpy as np

from tf_jfb._validate import check, refuse
from tf_jfb.data._rows import blocks

LIGHTS = ("linear", "encoded")  # what was blurred: light, which was then encoded; or the values
LINEAR, OFFSET, POWER, SLOPE = 0.04045, 0.055, 2.4, 12.92  # of IEC 61966-2-1
FLAT = 1e-9  # least step of a curve that has an inverse
_TABLE = 4097  # samples of a curve whose inverse has no formula


def check_light(light) -> None:
    """Raises ValueError unless `light` is one of `LIGHTS`."""
    check(light in LIGHTS, f"`light` must be one of {LIGHTS}.", light=light)


class Curve(NamedTuple):
    """A tone curve of one channel, rising on [0, 1]; odd below, straight above."""

    stored: np.ndarray | None  # samples in [0, 1], increasing; None: sRGB
    light: np.ndarray | None

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """Light of stored values."""
        if self.stored is None or self.light is None:
            return _srgb_decode(stored)
        return _interpolated(stored, self.stored, self.light)

    def encode(self, light: np.ndarray) -> np.ndarray:
        """Stored values of light."""
        if self.stored is None or self.light is None:
            return _srgb_encode(light)
        # Of a flat piece, where many stored values are one light, the last; black is the first.
        rising = np.concatenate([[True], np.diff(self.light[1:]) > FLAT, [True]])
        return _interpolated(light, self.light[rising], self.stored[rising])


SRGB = Curve(None, None)


def decode(pixels: np.ndarray, icc: bytes | None = None) -> np.ndarray:
    r"""Light, float32 [H, W, C], of pixels as photographs store them; 0 and 1 stay.

    sRGB: $l = ((s + 0.055) / 1.055)^{2.4}$ where $s > 0.04045$, else $s / 12.92$, and odd below
    0, so that noise keeps its sign. With a profile its own tone curves; light is in its primaries.

    Raises:
        ValueError: the profile is damaged, or has no tone curve per channel.
    """
    return _per_channel("decode", pixels, icc)


def encode(light: np.ndarray, icc: bytes | None = None) -> np.ndarray:
    """The inverse of `decode`, errors too."""
    return _per_channel("encode", light, icc)


def noise_in_light(std: float, pixels: np.ndarray, icc: bytes | None = None) -> float:
    """Standard deviation in light of a noise of `std` in `pixels`: times the slope at the median.

    Darker pixels have less and brighter ones more. Errors as of `decode`.
    """
    return std * _slope(pixels, icc)


def noise_in_pixels(std: float, pixels: np.ndarray, icc: bytes | None = None) -> float:
    """Standard deviation in stored `pixels` of `std` in light: `noise_in_light` undone."""
    return std / _slope(pixels, icc)


def curves(icc: bytes | None, channels: int) -> tuple[Curve, ...]:
    """Those of a profile, one per channel; sRGB's where there is none or it says sRGB.

    Raises ValueError as `decode` does.
    """
    if icc is None:
        return (SRGB,) * channels
    names = (b"kTRC",) * channels if channels not in (3,) else (b"rTRC", b"gTRC", b"bTRC")
    found = _profile(bytes(icc))
    if any(name not in found for name in names) and b"kTRC" in found:
        names = (b"kTRC",) * channels  # a grey profile of an image that became colour
    if channels == 1 and b"kTRC" not in found and b"gTRC" in found:
        names = (b"gTRC",)  # colour's of an image in grey
    check(
        all(name in found for name in names),
        "The colour profile must have a tone curve per channel: convert the image to sRGB, or "
        "restore its values as they are stored.",
        curves=sorted(name.decode() for name in found),
    )
    return tuple(found[name] for name in names)


def _per_channel(what, values, icc) -> np.ndarray:
    values = np.asarray(values)
    result = np.empty(values.shape, np.float32)
    for channel, curve in enumerate(curves(icc, values.shape[-1])):
        for rows in blocks(len(values)):
            plane = np.asarray(values[rows, ..., channel], np.float64)
            result[rows, ..., channel] = getattr(curve, what)(plane)
    return result


def _slope(pixels, icc) -> float:
    """Mean over the channels of the curves' derivatives at the channels' medians."""
    medians = [float(np.median(pixels[..., channel])) for channel in range(pixels.shape[-1])]
    step = 1 / 255
    slopes = [
        (curve.decode(m + step / 2) - curve.decode(m - step / 2)) / step
        for curve, m in zip(curves(icc, len(medians)), np.clip(medians, 0.0, 1.0), strict=True)
    ]
    return float(np.mean(slopes))


def _srgb_decode(stored):
    size = np.abs(stored)
    curved = ((size + OFFSET) / (1 + OFFSET)) ** POWER
    return np.sign(stored) * np.where(size > LINEAR, curved, size / SLOPE)


def _srgb_encode(light):
    size = np.abs(light)
    curved = (1 + OFFSET) * size ** (1 / POWER) - OFFSET
    return np.sign(light) * np.where(size > LINEAR / SLOPE, curved, size * SLOPE)


def _interpolated(x, xs, ys):
    """Linear between samples, mirrored below the first, along the last piece above the last."""
    size = xs[0] + np.abs(x - xs[0])
    slope = (ys[-1] - ys[-2]) / (xs[-1] - xs[-2])
    y = np.interp(size, xs, ys) + np.maximum(size - xs[-1], 0.0) * slope
    return np.where(x < xs[0], 2 * ys[0] - y, y)


@functools.lru_cache(maxsize=16)
def _profile(icc: bytes) -> dict:
    """{name: Curve} of an ICC profile (ICC.1:2022, sections 7.3, 10.6 and 10.18)."""
    try:
        (count,) = struct.unpack_from(">I", icc, 128)
        tags = [struct.unpack_from(">4sII", icc, 132 + 12 * i) for i in range(min(count, 1000))]
        names = (b"kTRC", b"rTRC", b"gTRC", b"bTRC")
        # A profile with tables for its colours is not described by its curves alone.
        if any(name in (b"A2B0", b"D2B0") for name, _, _ in tags):
            return {}
        return {n: _curve(icc[at : at + size]) for n, at, size in tags if n in names}
    except (struct.error, IndexError, OverflowError):
        refuse("The colour profile must be a whole ICC profile.", bytes=len(icc))


def _curve(block: bytes) -> Curve:
    """A tag of type `curv` or `para`."""
    kind, stored = block[:4], np.linspace(0.0, 1.0, _TABLE) ** 2  # dense where curves are steep
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", block, 8)
        numbers = np.array(struct.unpack_from(f">{count}H", block, 12))
        if count > 1:
            return _monotone(np.linspace(0.0, 1.0, count), numbers / 65535)
        return _monotone(stored, stored ** (numbers[0] / 256 if count else 1.0))
    check(kind == b"para", "The colour profile's tone curves must be known.", type=kind)
    (function,) = struct.unpack_from(">H", block, 8)
    check(function <= 4, "The colour profile's tone curves must be known.", function=function)
    values = np.array(struct.unpack_from(f">{(1, 3, 4, 5, 7)[function]}i", block, 12)) / 65536
    g, a, b, c, d, e, f = _parameters(function, *values)
    base = np.maximum(a * stored + b, 0.0)
    return _monotone(stored, np.where(stored >= d, base**g + e, c * stored + f))


def _parameters(function, g, a=1.0, b=0.0, c=0.0, d=0.0, e=0.0, f=0.0) -> tuple:
    """Numbers g to f of type 4, (a x + b)^g + e where x >= d and c x + f below, of any type."""
    if function in (1, 2):  # (a x + b)^g + c where x >= -b / a, else c
        offset = c if function == 2 else 0.0
        return g, a, b, 0.0, -b / a, offset, offset
    return g, a, b, c, d, e, f


def _monotone(stored, light) -> Curve:
    light = np.maximum.accumulate(light)
    check(
        light[-1] - light[0] > FLAT,
        "The colour profile's tone curves must increase.",
        first=float(light[0]),
        last=float(light[-1]),
    )
    return Curve(stored, light)
