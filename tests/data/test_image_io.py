"""Photographs survive reading and writing."""

import numpy as np
import pytest
from PIL import Image

from tf_jfb.data import Photo, read_image, write_image

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 7, 3)).astype(np.float32) / 255
ALPHA = RNG.integers(0, 256, (5, 7, 1)).astype(np.float32) / 255


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".ppm", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bits_round_trip(tmp_path, suffix, channels):
    path = tmp_path / f"a{suffix}"
    write_image(path, Photo(PIXELS[..., :channels]))
    back = read_image(path)
    expected = np.broadcast_to(PIXELS[..., :channels], back.pixels.shape)
    np.testing.assert_allclose(back.pixels, expected, atol=1e-6)
    assert back.bits == 8 and back.alpha is None


def test_jpeg_is_close(tmp_path):
    smooth = np.linspace(0, 1, 48, dtype=np.float32).reshape(1, 16, 3) * np.ones((16, 1, 1))
    write_image(tmp_path / "a.jpg", Photo(smooth.astype(np.float32), ALPHA))
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg").pixels, smooth, atol=0.03)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_round_trip(tmp_path, suffix, channels):
    deep = (RNG.integers(0, 65536, (5, 7, channels)) / 65535).astype(np.float32)
    write_image(tmp_path / f"a{suffix}", Photo(deep, bits=16))
    back = read_image(tmp_path / f"a{suffix}")
    assert back.bits == 16
    np.testing.assert_allclose(back.pixels, deep, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_round_trip(tmp_path, bits):
    write_image(tmp_path / "a.png", Photo(PIXELS, ALPHA, bits))
    back = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(back.alpha, ALPHA, atol=1e-6)
    np.testing.assert_allclose(back.pixels, PIXELS, atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_reset(tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.round(PIXELS * 255).astype(np.uint8))
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as saved:
        upright = np.asarray(ImageOps.exif_transpose(saved)) / 255
    photo = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(photo.pixels, upright, atol=1e-6)
    write_image(tmp_path / "b.png", photo)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").pixels, photo.pixels)


def test_profile_is_kept_and_values_are_clipped(tmp_path):
    write_image(tmp_path / "a.png", Photo(3 * PIXELS - 1, icc=b"a colour profile"))
    back = read_image(tmp_path / "a.png")
    assert back.icc == b"a colour profile"
    np.testing.assert_allclose(back.pixels, np.clip(3 * PIXELS - 1, 0, 1), atol=0.5 / 255 + 1e-6)


def test_size_is_height_then_width(tmp_path):
    write_image(tmp_path / "a.png", Photo(PIXELS))
    assert read_image(tmp_path / "a.png", size=(3, 4)).pixels.shape == (3, 4, 3)


def test_read_errors(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(ValueError, match="not a readable image"):
        read_image(tmp_path / "a.png")
    with pytest.raises(ValueError, match="must exist"):
        read_image(tmp_path / "none.png")


def test_write_errors_leave_nothing_behind(tmp_path):
    for name, message in (("a.xyz", "must end in one of"), ("none/a.png", "folder must exist")):
        with pytest.raises(ValueError, match=message):
            write_image(tmp_path / name, Photo(PIXELS))
    assert list(tmp_path.iterdir()) == []
