"""Light and its encoding."""

import struct

import numpy as np
import pytest
from PIL import ImageCms

from tf_jfb.data import light

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def profile(**curves) -> bytes:
    """An ICC profile of nothing but these tags."""
    place, table, content = 132 + 12 * len(curves), b"", b""
    for name, curve in curves.items():
        table += struct.pack(">4sII", name.encode(), place + len(content), len(curve))
        content += curve
    return bytes(128) + struct.pack(">I", len(curves)) + table + content


def gamma(value) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256))


def test_srgb_and_back():
    known = np.array([0.0, 0.04045, 0.5, 0.7353569, 1.0]).reshape(1, -1, 1)
    expected = [0.0, 0.04045 / 12.92, 0.21404114, 0.5, 1.0]
    np.testing.assert_allclose(light.decode(known).ravel(), expected, rtol=1e-6)
    pixels = np.random.default_rng(0).uniform(-0.2, 1.3, (6, 7, 3)).astype(np.float32)
    decoded = light.decode(pixels)
    assert decoded.dtype == np.float32 and (np.sign(decoded) == np.sign(pixels)).all()
    np.testing.assert_allclose(light.encode(decoded), pixels, atol=1e-6)


def test_profiles_have_curves_of_their_own():
    pixels = np.random.default_rng(0).uniform(-0.1, 1.2, (6, 7, 3)).astype(np.float32)
    within = pixels.clip(0, 1)
    np.testing.assert_allclose(light.decode(within, SRGB), light.decode(within), atol=1e-4)
    adobe = profile(rTRC=gamma(2.2), gTRC=gamma(1.8), bTRC=gamma(1.0))
    exponents = np.round(np.array([2.2, 1.8, 1.0]) * 256) / 256
    np.testing.assert_allclose(light.decode(within, adobe), within**exponents, atol=1e-6)
    for icc in (SRGB, adobe):
        np.testing.assert_allclose(light.encode(light.decode(pixels, icc), icc), pixels, atol=1e-4)
    table = b"curv" + bytes(4) + struct.pack(">I4H", 4, 0, 0, 20000, 65535)
    grey = profile(kTRC=table)
    stored = np.array([[[0.5], [1.0]]])
    np.testing.assert_allclose(light.decode(stored, grey).ravel(), [10000 / 65535, 1], rtol=1e-5)
    assert light.decode(np.repeat(stored, 3, -1), grey).shape == (1, 2, 3)


@pytest.mark.parametrize("function", range(5))
def test_parametric_curves(function):
    g, a, b, c, d, e, f = 2.0, 0.75, 0.25, 0.5, 0.125, 0.0, 0.0
    names = ((g,), (g, a, b), (g, a, b, 0.0), (g, a, b, c, d), (g, a, b, c, d, e, f))[function]
    fixed = [round(value * 65536) for value in names]
    block = b"para" + bytes(4) + struct.pack(f">HH{len(fixed)}i", function, 0, *fixed)
    x = np.linspace(0.2, 1, 9).reshape(1, -1, 1)
    expected = x**2 if function == 0 else (a * x + b) ** 2
    np.testing.assert_allclose(light.decode(x, profile(kTRC=block)), expected, atol=1e-6)
    if function > 2:
        below = np.full((1, 1, 1), 0.1)
        np.testing.assert_allclose(light.decode(below, profile(kTRC=block)), 0.05, atol=1e-3)


def test_noise_is_carried_along():
    pixels = np.full((64, 64, 3), 0.6)
    noisy = pixels + 0.01 * np.random.default_rng(0).standard_normal(pixels.shape)
    told = light.noise_in_light(0.01, noisy)
    assert told == pytest.approx(light.decode(noisy).std(), rel=0.03)
    assert light.noise_in_pixels(told, noisy) == pytest.approx(0.01)


@pytest.mark.parametrize(
    "icc, message",
    [
        (b"no profile", "must be a whole ICC profile. Received: bytes=10"),
        (profile(A2B0=b"mft2", rTRC=gamma(2.2)), "must have a tone curve per channel"),
        (profile(rTRC=gamma(2.2)), r"per channel.*Received: curves=\['rTRC'\]"),
        (profile(kTRC=b"what" + bytes(20)), "tone curves must be known"),
        (profile(kTRC=b"curv" + bytes(4) + struct.pack(">I2H", 2, 9, 9)), "must increase"),
    ],
)
def test_profiles_without_curves_are_refused(icc, message):
    with pytest.raises(ValueError, match=message):
        light.decode(np.zeros((2, 2, 3)), icc)
