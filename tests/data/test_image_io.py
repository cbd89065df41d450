"""Photographs survive reading and writing."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from tf_jfb import operators
from tf_jfb.data import FolderSource, Photo, dead_leaves, light, read_image, read_pages, write_image
from tf_jfb.operators import kernels

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


@pytest.mark.parametrize("quality", [75, 90, 95])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_jpeg_tells_what_its_compression_took(tmp_path, quality, channels):
    rng = np.random.default_rng(0)
    scene = operators.Blur(kernels.motion(15, 3))(dead_leaves(1, 192)[0][None]).numpy()
    levels = np.uint8(255 * np.clip(scene + rng.normal(0, 0.01, scene.shape), 0, 1))[0]
    levels = levels[..., 0] if channels == 1 else levels
    Image.fromarray(levels).save(tmp_path / "a.jpg", quality=quality, subsampling=0)
    photo = read_image(tmp_path / "a.jpg")
    lost = np.std(photo.pixels.squeeze() - levels / 255)
    assert 0.7 * lost < photo.taken < 1.3 * lost
    assert read_image(tmp_path / "a.jpg", size=(32, 32)).taken == 0.0
    exif = Image.Exif()
    exif[0x0112] = 6  # turned after it was compressed
    Image.open(tmp_path / "a.jpg").save(tmp_path / "b.jpg", quality="keep", exif=exif)
    assert read_image(tmp_path / "b.jpg").taken == pytest.approx(photo.taken, rel=0.01)
    write_image(tmp_path / "a.png", photo)
    assert read_image(tmp_path / "a.png").taken == 0.0


def test_a_flat_jpeg_has_lost_next_to_nothing(tmp_path):
    for levels in (np.full((64, 64, 3), 128, np.uint8), np.zeros((5, 5), np.uint8)):
        Image.fromarray(levels).save(tmp_path / "a.jpg", quality=90)
        assert 0.0 <= read_image(tmp_path / "a.jpg").taken < 0.7 / 255


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


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels, has_alpha", [(1, False), (1, True), (3, False), (3, True)])
def test_orientation_is_applied_and_reset(tmp_path, suffix, bits, channels, has_alpha):
    alpha = ALPHA if has_alpha else None
    for orientation, upright in UPRIGHT.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        photo = Photo(PIXELS[..., :channels], alpha, bits, exif=exif.tobytes())
        write_image(tmp_path / f"a{suffix}", photo)
        back = read_image(tmp_path / f"a{suffix}")
        expected = upright(photo.pixels)
        assert back.bits == bits and back.pixels.shape[:2] == expected.shape[:2]
        expected = np.broadcast_to(expected, back.pixels.shape)
        np.testing.assert_allclose(back.pixels, expected, atol=1e-6)
        if has_alpha:
            np.testing.assert_allclose(back.alpha, upright(ALPHA), atol=1e-6)
        write_image(tmp_path / f"b{suffix}", back)
        again = read_image(tmp_path / f"b{suffix}")
        np.testing.assert_array_equal(again.pixels, back.pixels)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_exif_and_profile_are_kept(tmp_path, suffix, bits):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A maker", 1
    exif[0x8769] = {0x829A: 0.125}  # exposure time
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = Photo(PIXELS, bits=bits, icc=profile, exif=exif.tobytes())
    write_image(tmp_path / f"a{suffix}", photo)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.icc == profile
    kept = Image.Exif()
    kept.load(back.exif)
    assert kept[0x010F] == "A maker" and 0x0112 not in kept
    assert float(kept.get_ifd(0x8769)[0x829A]) == 0.125


def test_no_metadata_stays_none(tmp_path):
    write_image(tmp_path / "a.png", Photo(PIXELS))
    assert (
        read_image(tmp_path / "a.png").exif is None and read_image(tmp_path / "a.png").icc is None
    )


def test_storage_tags_of_a_tiff_do_not_survive_a_change_of_size(tmp_path):
    write_image(tmp_path / "a.tif", Photo(PIXELS, ALPHA))
    photo = read_image(tmp_path / "a.tif")
    write_image(tmp_path / "b.tif", photo._replace(pixels=photo.pixels[:3, :4], alpha=None))
    assert read_image(tmp_path / "b.tif").pixels.shape == (3, 4, 3)


@pytest.mark.parametrize("mode", ["CMYK", "P", "1", "LA", "LAB"])
def test_other_modes_become_grey_or_colour(tmp_path, mode):
    grey = np.full((16, 16), 255, np.uint8)
    if mode == "LAB":
        image = Image.merge(
            "LAB", [Image.fromarray(g) for g in (grey, grey // 2 + 1, grey // 2 + 1)]
        )
    else:
        image = (
            Image.fromarray(np.stack([grey] * 3, -1))
            .convert("L" if mode == "LA" else "RGB")
            .convert(mode)
        )
    image.save(tmp_path / "a.tif", icc_profile=b"a profile of inks" if mode == "CMYK" else None)
    back = read_image(tmp_path / "a.tif")
    np.testing.assert_allclose(back.pixels, 1.0, atol=0.02)
    assert back.icc is None or mode == "LAB"


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_is_a_stack(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    frames = [Image.new("L", (4, 4), value) for value in (255, 0)]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    with pytest.raises(ValueError, match="it holds 2 images: `pages` must say which"):
        read_image(path)
    with pytest.warns(UserWarning, match="Skipped 1 unreadable"), pytest.raises(ValueError):
        FolderSource(tmp_path)
    np.testing.assert_allclose(read_image(path, pages="first").pixels, 1.0)
    assert [photo.pixels.max() for photo in read_pages(path)] == [1.0, 0.0]


def test_resizing_keeps_sixteen_bits_and_dark_levels(tmp_path):
    dark = np.full((8, 8, 1), 200 / 65535, np.float32)
    for name, pixels in (("grey.png", dark), ("colour.tif", dark.repeat(3, -1))):
        write_image(tmp_path / name, Photo(pixels, bits=16))
        back = read_image(tmp_path / name, size=(3, 5))
        assert back.bits == 16 and back.pixels.shape[:2] == (3, 5)
        np.testing.assert_allclose(back.pixels, 200 / 65535, rtol=1e-4)


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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".gif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_damaged_files_raise_value_errors_naming_them(tmp_path, suffix, bits):
    big = np.random.default_rng(1).random((24, 24, 3)).astype(np.float32)
    write_image(tmp_path / f"a{suffix}", Photo(big, bits=bits))
    content = (tmp_path / f"a{suffix}").read_bytes()
    for keep in (0, 10, len(content) // 3, len(content) // 2):
        (tmp_path / f"a{suffix}").write_bytes(content[:keep])
        with pytest.raises(
            ValueError, match=f"not a readable image .*Received: path='.*a{suffix}'"
        ):
            read_image(tmp_path / f"a{suffix}")


def write_tiff(path, strip, bits=16, photometric=1, sample_format=1, channels=1):
    """Two pixels, side by side."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    tags[256], tags[257], tags[258], tags[259] = 2, 1, (bits,) * channels, 1
    tags[262], tags[277], tags[339] = photometric, channels, sample_format
    tags[273], tags[278], tags[279] = 0, 1, len(strip)
    content = io.BytesIO()
    tags.save(content)
    path.write_bytes(content.getvalue() + strip)
    return path


@pytest.mark.parametrize(
    ("strip", "options", "expected"),
    [
        (b"\x00\x00\x60\xea", {}, [0, 60000 / 65535]),
        (b"\x00\x00\x60\xea", {"photometric": 0}, [1, 5535 / 65535]),
        (b"\x00\x0f\xff", {"bits": 12}, [0, 1]),
        (b"\x0f", {"bits": 4}, [0, 1]),
        (b"\x40", {"bits": 2}, [1 / 3, 0]),
    ],
    ids=["black is zero", "white is zero", "12 bits", "4 bits", "2 bits"],
)
def test_scientific_tiffs_keep_their_scale(tmp_path, strip, options, expected):
    photo = read_image(write_tiff(tmp_path / "a.tif", strip, **options))
    np.testing.assert_allclose(photo.pixels.ravel(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_format": 2}, "its pixels are signed numbers"),
        ({"bits": 32, "photometric": 5}, "it has 32 bits per ink"),
        ({"photometric": 5, "channels": 4}, "it has 16 bits per ink"),
    ],
)
def test_what_cannot_be_used_is_refused_and_left_out_of_folders(tmp_path, options, message):
    path = write_tiff(tmp_path / "a.tif", bytes(16), **options)
    with pytest.raises(ValueError, match=message):
        read_image(path)
    write_image(tmp_path / "b.png", Photo(PIXELS))
    with pytest.warns(UserWarning, match="Skipped 1 unreadable.*a.tif"):
        assert len(FolderSource(tmp_path)) == 1


@pytest.mark.parametrize(("mode", "colours"), [("L", (7, 9)), ("RGB", ((1, 2, 3), (4, 5, 6)))])
def test_one_transparent_colour_is_alpha(tmp_path, mode, colours):
    image = Image.new(mode, (2, 1), colours[0])
    image.putpixel((1, 0), colours[1])
    image.save(tmp_path / "a.png", transparency=colours[0])
    photo = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.alpha.ravel(), [0, 1])
    assert photo.pixels.shape == (1, 2, len(image.getbands()))


def test_one_transparent_level_of_sixteen_bits_is_alpha(tmp_path):
    Image.fromarray(np.array([[7, 1000]], np.uint16)).save(tmp_path / "a.png", transparency=7)
    photo = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.alpha.ravel(), [0, 1])
    np.testing.assert_allclose(photo.pixels.ravel() * 65535, [7, 1000], rtol=1e-6)


def with_chunk(png, kind, content) -> bytes:
    chunk = kind + content
    block = struct.pack(">I", len(content)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:33] + block + png[33:]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gamma_of_a_png_is_kept(tmp_path, bits, channels):
    write_image(tmp_path / "a.png", Photo(PIXELS[..., :channels], ALPHA, bits))
    png = (tmp_path / "a.png").read_bytes()
    for told, exponent in ((100_000, 1.0), (55_556, 1.8)):
        photo = read_image(with_chunk(png, b"gAMA", struct.pack(">I", told)))
        write_image(tmp_path / "b.png", photo)
        for one in (photo, read_image(tmp_path / "b.png")):
            decoded = light.decode(one.pixels, one.icc)
            np.testing.assert_allclose(decoded, PIXELS[..., :channels] ** exponent, atol=1e-3)
    usual = with_chunk(png, b"gAMA", struct.pack(">I", 45_455))
    assert read_image(usual).icc is None
    known = with_chunk(with_chunk(png, b"gAMA", struct.pack(">I", 100_000)), b"sRGB", b"\0")
    assert read_image(known).icc is None


def test_metadata_that_cannot_be_written_again_are_dropped(tmp_path):
    exif = Image.Exif()
    exif[282] = 72.0  # resolution, a rational, made a signed one of -72 below
    content = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(content, "JPEG", exif=exif)
    old = struct.pack(">HHI", 282, 5, 1), struct.pack(">II", 72, 1)
    new = struct.pack(">HHI", 282, 10, 1), struct.pack(">ii", -72, 1)
    jpeg = content.getvalue()
    for before, after in zip(old, new, strict=True):
        assert before in jpeg
        jpeg = jpeg.replace(before, after)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    photo = read_image(tmp_path / "a.jpg")
    assert photo.pixels.shape == (4, 4, 3) and photo.exif is None


def test_decompression_bombs_are_refused(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", Photo(PIXELS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match="not a readable image"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    "pixels, message",
    [
        (np.full((4, 4, 3), np.nan), "must be finite"),
        (np.zeros((4, 4)), r"must be \[H, W, C\]. Received: shape=\(4, 4\)"),
        (np.zeros((4, 4, 2)), r".webp holds 1 or 3 channel\(s\). Received: path="),
        (np.zeros((1, 17_000, 3)), "format cannot hold the image"),
    ],
)
def test_what_no_file_can_hold(tmp_path, pixels, message):
    with pytest.raises(ValueError, match=message):
        write_image(tmp_path / "a.webp", Photo(pixels))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", ["pathlib.Path.write_bytes", "tf_jfb._files.os.replace"])
def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, step):
    (tmp_path / "a.png").write_text("old")

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(step, fail)
    with pytest.raises(ValueError, match="must be writable .Permission denied.. Received: path="):
        write_image(tmp_path / "a.png", Photo(PIXELS))
    assert [f.name for f in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_unwritable_folder(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(ValueError, match="must be writable"):
            write_image(tmp_path / "a.png", Photo(PIXELS))
    finally:
        tmp_path.chmod(0o755)


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_image(tmp_path / "a.png", Photo(PIXELS))
    finally:
        os.umask(old)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    write_image(tmp_path / f"{'名' * 80}aaaaaaaaaaa.png", Photo(PIXELS))  # 255 bytes
    assert len(list(tmp_path.iterdir())) == 1


def test_write_errors_leave_nothing_behind(tmp_path):
    for name, message in (("a.xyz", "must end in one of"), ("none/a.png", "folder must exist")):
        with pytest.raises(ValueError, match=message):
            write_image(tmp_path / name, Photo(PIXELS))
    assert list(tmp_path.iterdir()) == []
