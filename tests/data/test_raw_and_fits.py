"""Cameras' raw files and FITS, where their libraries are installed."""

import io
import sys

import numpy as np
import pytest
import tifffile
from PIL import ImageCms

from tf_jfb.data import Photo, light, read_image, read_pages, write_image

XYZ_TO_SRGB = (32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570)  # of 10,000


def negative(levels, orientation=1) -> bytes:
    """A DNG whose first page is a white preview; its sensor [200, 300] saw red, green and blue."""
    mosaic = np.full((200, 300), levels[1], np.uint16)
    mosaic[::2, ::2], mosaic[1::2, 1::2] = levels[0], levels[2]
    matrix = [n for value in XYZ_TO_SRGB for n in (value, 10_000)]
    camera = [
        (50706, "B", 4, b"\1\4\0\0", True),
        (271, "s", 0, "Maker", True),
        (274, "H", 1, orientation, True),
        (50708, "s", 0, "Maker Model", True),
        (50721, 10, 9, matrix, True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        (50778, "H", 1, 21, True),
    ]
    sensor = [
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, b"\0\1\1\2", True),
        (50714, "H", 1, 0, True),
        (50717, "I", 1, 65535, True),
    ]
    content = io.BytesIO()
    with tifffile.TiffWriter(content, byteorder="<") as file:
        white, options = np.full((50, 75, 3), 255, np.uint8), {"metadata": None}
        file.write(white, photometric="rgb", subfiletype=1, subifds=1, extratags=camera, **options)
        file.write(mosaic, photometric="cfa", subfiletype=0, extratags=sensor, **options)
    return content.getvalue()


def test_raw_is_developed_in_linear_light_not_its_preview(tmp_path):
    pytest.importorskip("rawpy")
    content = negative((40000, 20000, 10000))
    (tmp_path / "a.DNG").write_bytes(content)
    for source in (tmp_path / "a.DNG", content):
        photo = read_image(source)
        assert photo.linear and photo.bits == 16 and photo.pixels.shape == (200, 300, 3)
        expected = np.array([40000, 20000, 10000]) / 65535
        np.testing.assert_allclose(photo.pixels[100, 150], expected, atol=0.01)
    turned = read_image(negative((40000, 20000, 10000), orientation=6))
    assert turned.pixels.shape == (300, 200, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_linear_light_is_encoded_for_display_and_told_in_a_tiff(tmp_path, channels):
    photo = Photo(np.full((8, 8, channels), 0.305, np.float32), bits=16, linear=True)
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".gif"):
        write_image(tmp_path / f"a{suffix}", photo)
        shown = read_image(tmp_path / f"a{suffix}")
        np.testing.assert_allclose(shown.pixels * 255, 150, atol=1)
    write_image(tmp_path / "a.tif", photo)
    write_image(tmp_path / "b.tif", photo._replace(dtype="float32"))
    for name in ("a.tif", "b.tif"):
        back = read_image(tmp_path / name)
        np.testing.assert_allclose(back.pixels, photo.pixels, atol=1e-5)
        assert back.linear and back.icc is None
        with tifffile.TiffFile(tmp_path / name) as file:
            told = file.pages[0].iccprofile  # for other readers
        np.testing.assert_allclose(light.decode(back.pixels, told), photo.pixels, atol=1e-5)
        kind = ImageCms.ImageCmsProfile(io.BytesIO(told)).profile.xcolor_space.strip()
        assert kind == ("GRAY" if channels == 1 else "RGB")


def test_without_rawpy_raw_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(ValueError, match=r"raw files need rawpy: pip install 'tf_jfb\[raw\]'"):
        read_image(negative((1, 1, 1)), name="a.nef")


def test_damaged_raw_files_are_refused():
    pytest.importorskip("rawpy")
    with pytest.raises(ValueError, match="not a readable image .LibRaw cannot develop it"):
        read_image(b"FUJIFILM" * 20, name="a.raf")


def cube(data, **cards) -> bytes:
    fits = pytest.importorskip("astropy.io.fits")
    content = io.BytesIO()
    header = fits.Header(cards.items())
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, header)]).writeto(content)
    return content.getvalue()


def test_fits_keeps_units_header_and_holes(tmp_path):
    data = np.linspace(-5, 400, 20, dtype=np.float32).reshape(4, 5)
    data[2, 3] = np.nan
    content = cube(data, OBJECT="M13")
    with pytest.raises(ValueError, match="its values reach 400: `white` must say"):
        read_image(content)
    photo = read_image(content, white=200)
    assert photo.linear and photo.pixels.shape == (4, 5, 1) and photo.pixels.min() < 0
    assert photo.mask.sum() == 19 and photo.mask[2, 3, 0] == 0
    write_image(tmp_path / "a.fits", photo)
    back = read_image(tmp_path / "a.fits", white=200)
    np.testing.assert_allclose(back.pixels, photo.pixels, rtol=1e-6)
    assert "M13" in back.header and back.mask is None


@pytest.mark.parametrize("inherit, inherited", [(None, True), (True, True), (False, False)])
def test_an_image_of_an_extension_keeps_what_the_first_header_says(tmp_path, inherit, inherited):
    fits = pytest.importorskip("astropy.io.fits")
    first = fits.PrimaryHDU()
    first.header.update({"OBJECT": "M13", "EXPTIME": 3.0, "NEXTEND": 1})
    image = fits.ImageHDU(np.ones((2, 3), np.float32), name="SCI")
    image.header.update({"EXPTIME": 5.0} | ({} if inherit is None else {"INHERIT": inherit}))
    fits.HDUList([first, image]).writeto(tmp_path / "a.fits")
    write_image(tmp_path / "b.fits", read_image(tmp_path / "a.fits"))
    cards = fits.getheader(tmp_path / "b.fits")
    assert cards["EXPTIME"] == 5.0 and cards.get("OBJECT") == ("M13" if inherited else None)
    assert "NEXTEND" not in cards and "INHERIT" not in cards and "XTENSION" not in cards


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.uint32])
@pytest.mark.parametrize("blank", [0, 5])
def test_pixels_of_integers_that_are_blank_are_left_out(dtype, blank):
    """White stays that of the type. astropy passes over a BLANK of 0, or of unsigned numbers."""
    data, unsigned = np.arange(20, dtype=dtype).reshape(4, 5), dtype in (np.uint16, np.uint32)
    zero = 2 ** (8 * data.itemsize - 1) if unsigned else 0  # that FITS stores such numbers less
    photo = read_image(cube(data, BLANK=blank - zero))
    assert np.argwhere(photo.mask[..., 0] == 0).tolist() == [[blank // 5, blank % 5]]
    assert photo.white == np.iinfo(dtype).max
    assert photo.pixels[3, 4, 0] == pytest.approx(19 / photo.white)


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize("card", [b"CCD.TEMP=", b"CC\xe9TEMP ="])
def test_a_header_against_the_standard_does_not_keep_an_image_from_being_written(tmp_path, card):
    content = cube(np.ones((4, 5), np.float32), CCDTEMP=3).replace(b"CCDTEMP =", card)
    write_image(tmp_path / "a.fits", read_image(content))
    assert read_image(tmp_path / "a.fits").pixels.min() == 1.0


def test_fits_of_integers_and_cubes(tmp_path):
    data = np.random.default_rng(0).integers(0, 65536, (3, 4, 5), np.uint16)
    content = cube(data)
    with pytest.raises(ValueError, match="it holds 3 images"):
        read_image(content)
    photos = read_pages(content)
    np.testing.assert_allclose(
        np.stack([p.pixels[..., 0] for p in photos]), data / 65535, atol=1e-6
    )
    write_image(tmp_path / "a.fit", photos)
    back = read_pages(tmp_path / "a.fit", white=65535)
    np.testing.assert_allclose(back[1].pixels, photos[1].pixels, atol=1e-6)
    signed = read_image(cube(np.array([[-100, 32767]], np.int16)))
    np.testing.assert_allclose(signed.pixels.ravel(), [-100 / 32767, 1], rtol=1e-6)


def test_without_astropy_fits_is_refused_before_any_work(tmp_path, monkeypatch):
    from tf_jfb.data.image_io import check_output

    monkeypatch.setitem(sys.modules, "astropy.io", None)
    with pytest.raises(ValueError, match=r"FITS needs astropy: pip install 'tf_jfb\[astro\]'"):
        read_image(b"SIMPLE  =" + bytes(100))
    with pytest.raises(ValueError, match="FITS needs astropy"):
        check_output(tmp_path / "a.fits", Photo(np.zeros((4, 4, 1), np.float32)))
    with pytest.raises(ValueError, match=r".fits holds 1 channel\(s\)"):
        check_output(tmp_path / "a.fits", Photo(np.zeros((4, 4, 3), np.float32)))
