"""TIFFs of science and of cameras: layouts, types, stacks, previews."""

import io

import numpy as np
import PIL
import pytest
import tifffile
from PIL import Image, TiffImagePlugin

from tf_jfb.data import FolderSource, Photo, read_image, read_pages, write_image
from tf_jfb.data.image_io import check_output

RNG = np.random.default_rng(0)


def tiff(values, **options) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, values, **{"metadata": None, **options})
    return content.getvalue()


def test_separate_planes_stay_apart():
    planes = np.stack([np.full((6, 8), level, np.uint16) for level in (60000, 30000, 1000)])
    photo = read_image(tiff(planes, photometric="rgb", planarconfig="separate"), name="a.tif")
    assert photo.bits == 16 and photo.pixels.shape == (6, 8, 3)
    np.testing.assert_allclose(photo.pixels[2, 3] * 65535, [60000, 30000, 1000], rtol=1e-6)


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_bits_and_channels_round_trip(tmp_path, bits, channels):
    levels = RNG.integers(0, 2**bits, (5, 7, channels), dtype=np.uint64)
    photo = Photo((levels / (2**bits - 1)).astype(np.float32), bits=bits)
    write_image(tmp_path / "a.tif", photo)
    back = read_image(tmp_path / "a.tif")
    assert back.bits == bits and back.dtype == f"uint{bits}" and back.alpha is None
    np.testing.assert_allclose(back.pixels, photo.pixels, atol=1e-6)
    stored = tifffile.imread(tmp_path / "a.tif").reshape(levels.shape)
    assert stored.dtype == f"uint{bits}"
    np.testing.assert_allclose(stored / (2**bits - 1), photo.pixels, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floating_point_keeps_its_range(tmp_path, dtype):
    values = np.array([[-20.0, 0.0, 500.0, 1300.0]], dtype)
    content = tiff(values)
    with pytest.raises(ValueError, match="its values reach 1300: `white` must say"):
        read_image(content, name="a.tif")
    photo = read_image(content, name="a.tif", white=1000)
    np.testing.assert_allclose(photo.pixels[..., 0], values.astype(np.float64) / 1000, rtol=1e-6)
    assert photo.white == 1000 and photo.dtype == dtype
    write_image(tmp_path / "b.tif", photo)
    written = tifffile.imread(tmp_path / "b.tif")
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, values, rtol=1e-6)


def test_not_a_number_is_masked(tmp_path):
    values = np.full((4, 5, 1), 0.25, np.float32)
    values[1, 2], values[0, 0] = np.nan, np.inf
    photo = read_image(tiff(values[..., 0]))
    expected = np.ones((4, 5, 1))
    expected[1, 2] = expected[0, 0] = 0
    np.testing.assert_array_equal(photo.mask, expected)
    np.testing.assert_array_equal(photo.pixels, 0.25)
    (tmp_path / "a.tif").write_bytes(tiff(values[..., 0]))
    write_image(tmp_path / "b.png", photo)
    with pytest.warns(UserWarning, match="Skipped 1 unreadable.*a.tif"):
        assert len(FolderSource(tmp_path)) == 1
    with pytest.raises(ValueError, match="none of its pixels is a number"):
        read_image(tiff(np.full((3, 3), np.nan, np.float32)))


def test_significant_bits_set_white():
    levels = np.array([[0, 1000, 4095]], np.uint16)
    told = tiff(levels, extratags=[(281, "H", 1, 4095, True)])
    np.testing.assert_allclose(read_image(told).pixels.ravel() * 4095, [0, 1000, 4095], rtol=1e-6)
    np.testing.assert_allclose(read_image(tiff(levels)).pixels.max(), 4095 / 65535, rtol=1e-6)
    assert read_image(tiff(levels), white=4095).pixels.max() == 1
    ome = io.BytesIO()
    tifffile.imwrite(ome, levels, ome=True, metadata={"axes": "YX", "SignificantBits": 12})
    assert read_image(ome.getvalue()).white == 4095


def test_integers_keep_their_units(tmp_path):
    levels = RNG.integers(0, 4096, (4, 5, 1), np.uint16)
    ome = io.BytesIO()
    tifffile.imwrite(ome, levels[..., 0], ome=True, metadata={"axes": "YX", "SignificantBits": 12})
    for content, white in ((tiff(levels[..., 0]), 4095), (ome.getvalue(), None)):
        write_image(tmp_path / "a.tif", read_image(content, white=white))
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), levels[..., 0])
        assert read_image(tmp_path / "a.tif").white == 4095  # is told
    alpha = np.where(levels > 2000, 65535, 1000).astype(np.uint16)
    both = tiff(np.concatenate([*[levels] * 3, alpha], -1), photometric="rgb", extrasamples=[2])
    for white, full in ((4095, 4095), (3000, 65535)):
        photo = read_image(both, white=white)
        write_image(tmp_path / "b.tif", photo)
        stored = tifffile.imread(tmp_path / "b.tif")
        np.testing.assert_array_equal(stored[..., :3], levels.repeat(3, -1))
        np.testing.assert_allclose(stored[..., 3:] / full, photo.alpha, atol=0.5 / full)
        back = read_image(tmp_path / "b.tif", white=white)
        np.testing.assert_allclose(back.alpha, photo.alpha, atol=0.5 / full)
    beyond = Photo(np.full((2, 2, 1), 1.5, np.float32), bits=16, white=60000, dtype="uint16")
    write_image(tmp_path / "c.tif", beyond)
    assert (tifffile.imread(tmp_path / "c.tif") == 65535).all()
    four = Photo(np.ones((2, 2, 1), np.float32), white=15, dtype="uint4")  # which is not written
    write_image(tmp_path / "d.tif", four)
    assert (tifffile.imread(tmp_path / "d.tif") == 255).all()


def test_stacks_are_read_only_when_asked_for(tmp_path):
    stack = RNG.integers(0, 65536, (4, 6, 8), np.uint16)
    kinds = {
        "pages": tiff(stack, photometric="minisblack"),
        "imagej": tiff(stack, imagej=True, metadata={"axes": "ZYX"}),
        "ome": tiff(stack, ome=True, metadata={"axes": "TYX"}),
        "shaped": tiff(stack, photometric="minisblack", metadata={"axes": "ZYX"}),
    }
    for content in kinds.values():
        with pytest.raises(ValueError, match="it holds 4 images: `pages` must say which"):
            read_image(content)
        for pages, index in (("first", 0), (3, 2)):
            pixels = read_image(content, pages=pages).pixels
            np.testing.assert_allclose(pixels[..., 0] * 65535, stack[index], atol=0.01)
        with pytest.raises(ValueError, match=r"it holds 4 image\(s\), not 5"):
            read_image(content, pages=5)
        photos = read_pages(content)
        assert len(photos) == 4 and b"images=" not in (photos[0].exif or b"")
        write_image(tmp_path / "a.tif", photos)
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), stack)
        write_image(tmp_path / "b.tif", photos[1])
        with tifffile.TiffFile(tmp_path / "b.tif") as one:
            assert len(one.pages) == 1 and "ImageDescription" not in one.pages[0].tags
    with pytest.raises(ValueError, match="`read_pages` makes a list. Received: pages='all'"):
        read_image(content, pages="all")
    with pytest.raises(ValueError, match='^`pages` must be "all".*Received: pages=0'):
        read_image(content, pages=0)
    with pytest.raises(ValueError, match="A stack can be written as .*images=4"):
        check_output(tmp_path / "a.png", photos)


def test_channels_of_a_stack_belong_to_its_images():
    stack = RNG.integers(0, 256, (3, 2, 6, 8), np.uint8)
    content = tiff(stack, imagej=True, metadata={"axes": "ZCYX"})
    photos = read_pages(content)
    assert [p.pixels.shape for p in photos] == [(6, 8, 2)] * 3
    np.testing.assert_allclose(photos[2].pixels[..., 1] * 255, stack[2, 1], atol=1e-4)


def test_descriptions_and_resolution_are_kept(tmp_path):
    exif = Image.Exif()
    exif[270], exif[305], exif[306], exif[33432] = "A cell", "Scope 2", "2026:11:26 12:00:00", "Me"
    exif[282], exif[283], exif[296] = 300.0, 150.0, 3
    exif[0x8825] = {1: "N"}  # position
    photo = Photo(RNG.random((4, 4, 3), np.float32), bits=16, exif=exif.tobytes())
    write_image(tmp_path / "a.tif", photo)
    with Image.open(tmp_path / "a.tif") as image:  # of another reader
        kept = image.getexif()
        assert {tag: kept[tag] for tag in (270, 282, 283, 296, 305, 306, 33432)} == {
            **{tag: exif[tag] for tag in (270, 296, 305, 306, 33432)},
            282: 300,
            283: 150,
        }
        assert kept.get_ifd(0x8825) == {1: "N"}
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "a.tif"), np.round(photo.pixels * 65535.0).astype(int)
    )


def test_a_resolution_of_nothing_is_left_out(tmp_path):
    exif = Image.Exif()
    exif[282], exif[283] = TiffImagePlugin.IFDRational(72, 0), TiffImagePlugin.IFDRational(0, 0)
    write_image(tmp_path / "a.tif", Photo(RNG.random((4, 4, 3), np.float32), exif=exif.tobytes()))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].get_resolution() == (1.0, 1.0)  # as it tells where there is none


def test_microscopes_words_that_are_no_xml_do_not_keep_an_image_from_being_read():
    content = tiff(np.ones((6, 8), np.uint16), ome=True, metadata=OME | {"Name": "XY"})
    broken = content.replace(b'Name="XY"', b'Name="&Y"')
    assert broken != content and read_image(broken).pixels.shape == (6, 8, 1)


OME = {"axes": "YX", "PhysicalSizeX": 65.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.13}


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "resolution": (1 / 0.065, 1 / 0.13), "metadata": {"unit": "um"}},
        {"imagej": True, "resolution": (1 / 0.065, 1 / 0.13), "metadata": {"unit": "\\u00B5m"}},
        {"ome": True, "metadata": OME},
        {"resolution": (1e4 / 0.065, 1e4 / 0.13), "resolutionunit": 3},
    ],
)
def test_sizes_of_a_microscope_s_pixels_are_kept(tmp_path, options):
    photo = read_image(tiff(np.ones((6, 8), np.uint16), **options))
    write_image(tmp_path / "a.tif", photo)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages[0]
        assert page.get_resolution("MICROMETER") == pytest.approx((1 / 0.065, 1 / 0.13), rel=1e-6)
        assert 270 not in page.tags


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "resolution": (3.0, 3.0), "metadata": {"unit": "pixel"}},
        {"ome": True, "metadata": OME | {"PhysicalSizeX": 0.0}},
        {"ome": True, "metadata": {"axes": "YX"}},
    ],
)
def test_pixels_without_a_size_get_none(options):
    photo = read_image(tiff(np.ones((6, 8), np.uint16), **options))
    exif = Image.Exif()
    exif.load(photo.exif or b"")
    assert exif.get(296) != 3


@pytest.mark.parametrize("place", ["pages", "subifds"])
def test_previews_are_not_the_picture(place):
    small, large = (
        np.full((50, 75, 3), 255, np.uint8),
        RNG.integers(0, 256, (200, 300, 3), np.uint8),
    )
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as file:
        within = {"subifds": 1} if place == "subifds" else {}
        file.write(small, photometric="rgb", subfiletype=1, metadata=None, **within)
        file.write(large, photometric="rgb", subfiletype=0, metadata=None)
    photo = read_image(content.getvalue())
    np.testing.assert_allclose(photo.pixels * 255, large, atol=1e-4)
    pyramid = io.BytesIO()
    with tifffile.TiffWriter(pyramid, bigtiff=True) as file:
        tiles = {"tile": (64, 64), "compression": "zlib", "photometric": "rgb"}
        file.write(large, subifds=1, **tiles)
        file.write(large[::2, ::2], subfiletype=1, **tiles)
    np.testing.assert_allclose(read_image(pyramid.getvalue()).pixels * 255, large, atol=1e-4)


def test_premultiplied_alpha_is_undone():
    values = np.array([[[100, 50, 0, 128], [0, 0, 0, 0]]], np.uint8)
    photo = read_image(tiff(values, photometric="rgb", extrasamples=["assocalpha"]))
    np.testing.assert_allclose(photo.pixels[0, 0], [100 / 128, 50 / 128, 0], rtol=1e-6)
    np.testing.assert_allclose(photo.alpha.ravel(), [128 / 255, 0], rtol=1e-6)
    assert photo.bits == 8 and photo.white == 255


def test_resizing_keeps_channels_and_masks():
    values = np.full((8, 8, 2), 0.5, np.float32)
    values[0, 0] = np.nan
    photo = read_image(tiff(values, planarconfig="contig", photometric="minisblack"), size=(4, 4))
    assert photo.pixels.shape == (4, 4, 2)
    assert photo.mask[0, 0] == 0 and photo.mask[2:, 2:].all()


def test_truncated_strips_are_not_filled_up():
    values = RNG.integers(0, 256, (64, 64), np.uint8)
    for options in ({}, {"compression": "zlib"}, {"tile": (16, 16)}):
        content = tiff(values, **options)
        with pytest.raises(ValueError, match="not a readable image"):
            read_image(content[: len(content) - 700])


def test_numbers_that_are_no_light_are_refused():
    with pytest.raises(ValueError, match="its pixels are signed numbers"):
        read_image(tiff(np.zeros((4, 4), np.int16)))
    with pytest.raises(ValueError, match="its pixels are no real numbers"):
        read_image(tiff(np.zeros((4, 4), np.complex64)))
    with pytest.raises(ValueError, match="`white` must be a positive number. Received: white=0"):
        read_image(tiff(np.zeros((4, 4), np.uint8)), white=0)


def test_what_the_format_cannot_hold_is_said_first(tmp_path):
    two = Photo(np.zeros((4, 4, 2), np.float32))
    check_output(tmp_path / "a.tif", two)
    with pytest.raises(ValueError, match=r".png holds 1 or 3 channel\(s\). Received: path="):
        check_output(tmp_path / "a.png", two)
    with pytest.raises(ValueError, match="sides of .webp have at most 16383 pixels"):
        check_output(tmp_path / "a.webp", Photo(np.zeros((1, 17_000, 1), np.float32)))


def test_pictures_of_many_bytes_in_few_are_refused(monkeypatch):
    from tf_jfb._raster import tiff as reader

    monkeypatch.setattr(reader, "BOMB", (2**16, 10))
    with pytest.raises(ValueError, match="implausible size"):
        read_image(tiff(np.zeros((512, 512), np.uint8), compression="zlib"))


def test_codings_that_pillow_writes():
    grey = np.linspace(0, 255, 64, dtype=np.uint8)[None].repeat(48, 0)
    colour, black = np.stack([grey, grey[::-1], 255 - grey], -1), grey > 100
    for image, options, expected, error in (
        (Image.fromarray(colour), {"compression": "jpeg", "quality": 95}, colour / 255, 0.02),
        (Image.fromarray(colour).convert("YCbCr"), {"compression": "jpeg"}, colour / 255, 0.03),
        (Image.fromarray(colour).convert("YCbCr"), {}, colour / 255, 0.02),
        (Image.fromarray(black), {"compression": "group4"}, black[..., None], 0),
    ):
        if image.mode == "YCbCr" and not options and int(PIL.__version__.split(".")[0]) < 13:
            continue  # which Pillow 12, that Gradio needs, does not read itself
        content = io.BytesIO()
        image.save(content, "TIFF", **options)
        photo = read_image(content.getvalue())
        assert photo.bits == 8
        np.testing.assert_allclose(photo.pixels, expected, atol=error + 1e-6)


def test_files_without_an_image():
    empty = b"II*\0\x08\0\0\0" + bytes(6)  # a page without tags
    for content in (b"II*\0" + bytes(20), empty):
        with pytest.raises(ValueError, match="it holds no image"):
            read_image(content)


def test_rounding_above_white_is_none():
    values = np.array([[0.5, 1.0000002]], np.float32)
    assert read_image(tiff(values)).pixels.max() == values.max()
    with pytest.raises(ValueError, match="its values reach 1.00002: `white`"):
        read_image(tiff(np.full((2, 2), 1.00002, np.float32)))


def test_content_is_named_in_errors():
    with pytest.raises(ValueError, match=r"unknown format.*Received: path='gs://x/a.png'"):
        read_image(b"no image", name="gs://x/a.png")
    content = io.BytesIO()
    Image.new("L", (3, 2), 51).save(content, "PNG")
    np.testing.assert_allclose(read_image(content.getvalue()).pixels, 0.2)
