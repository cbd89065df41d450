"""Any image written by tifffile or Pillow is read as it was, and read back as it was written."""

import io

import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tf_jfb.data import Photo, read_pages
from tf_jfb.data.image_io import encode_image

FEW = settings(max_examples=25, deadline=None, derandomize=True, database=None)
SIDES = st.integers(1, 9)
TYPES = st.sampled_from(["uint8", "uint16", "uint32", "float32"])


@st.composite
def stacks(draw):
    """[N, H, W, C] of any type that holds light."""
    dtype = np.dtype(draw(TYPES))
    shape = draw(st.tuples(st.integers(1, 3), SIDES, SIDES, st.integers(1, 4)))
    if dtype.kind == "f":
        return draw(arrays.arrays(dtype, shape, elements=st.floats(0, 1, width=32)))
    return draw(arrays.arrays(dtype, shape))


def scaled(stack) -> np.ndarray:
    full = 1.0 if stack.dtype.kind == "f" else np.iinfo(stack.dtype).max
    return (stack / full).astype(np.float32)


@FEW
@given(
    stacks(),
    st.booleans(),
    st.sampled_from([None, "zlib", "lzw", "zstd"]),
    st.sampled_from(["<", ">"]),
    st.booleans(),
    st.booleans(),
)
def test_tiffs_of_any_layout(stack, planar, compression, byteorder, bigtiff, tiled):
    channels, content = stack.shape[-1], io.BytesIO()
    kind = {
        "photometric": "rgb" if channels == 3 else "minisblack",
        "planarconfig": "separate" if planar and channels > 1 else "contig",
        "compression": compression,
        "metadata": None,
    } | ({"tile": (16, 16)} if tiled else {})
    with tifffile.TiffWriter(content, bigtiff=bigtiff, byteorder=byteorder) as file:
        for image in stack:
            planes = np.moveaxis(image, -1, 0) if kind["planarconfig"] == "separate" else image
            file.write(np.ascontiguousarray(planes if channels > 1 else image[..., 0]), **kind)
    photos = read_pages(content.getvalue())
    np.testing.assert_array_equal([p.pixels for p in photos], scaled(stack))
    assert {p.dtype for p in photos} == {stack.dtype.name} and photos[0].alpha is None


@FEW
@given(stacks(), st.booleans())
def test_tiffs_read_back(stack, has_alpha):
    bits = min(32, 8 * stack.dtype.itemsize)
    dtype, pixels = stack.dtype.name, scaled(stack)
    alpha = pixels[..., :1] if has_alpha else None
    photos = [
        Photo(image, None if alpha is None else alpha[i], bits, dtype=dtype)
        for i, image in enumerate(pixels)
    ]
    content = encode_image(photos, "a.tif")
    for back, photo in zip(read_pages(content), photos, strict=True):
        grey = has_alpha and photo.pixels.shape[-1] == 1  # becomes colour
        np.testing.assert_allclose(
            back.pixels[..., :1] if grey else back.pixels, photo.pixels, 1e-6
        )
        if has_alpha:
            np.testing.assert_allclose(back.alpha, photo.alpha, 1e-6)
        assert back.dtype == dtype
    stored = tifffile.imread(io.BytesIO(content))
    assert stored.dtype == stack.dtype


@FEW
@given(
    st.sampled_from(["PNG", "TIFF", "WEBP", "BMP"]),
    st.sampled_from(["L", "RGB", "RGBA"]),
    arrays.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(4))),
)
def test_what_pillow_writes(format, mode, levels):
    mode = "RGB" if format == "BMP" and mode == "RGBA" else mode
    channels, content = len(mode), io.BytesIO()
    image = Image.fromarray(levels[..., 0] if channels == 1 else levels[..., :channels])
    image.save(content, format, **({"lossless": True, "exact": True} if format == "WEBP" else {}))
    (photo,) = read_pages(content.getvalue(), "first")
    expected = scaled(levels)[..., : min(channels, 3)]
    np.testing.assert_array_equal(photo.pixels, np.broadcast_to(expected, photo.pixels.shape))
    if mode == "RGBA" and (photo.alpha is not None or format != "WEBP"):
        np.testing.assert_array_equal(photo.alpha[..., 0], scaled(levels)[..., 3])


@FEW
@given(
    st.sampled_from([".png", ".tif"]),
    st.sampled_from([8, 16]),
    st.integers(1, 4).flatmap(
        lambda c: arrays.arrays(np.uint16, st.tuples(SIDES, SIDES, st.just(c)))
    ),
)
def test_what_is_written_is_what_others_read(suffix, bits, levels):
    full, channels = 2**bits - 1, levels.shape[-1]
    levels = levels & full
    has_alpha, shares = channels in (2, 4), (levels / full).astype(np.float32)
    colours = channels - has_alpha
    photo = Photo(shares[..., :colours], shares[..., colours:] if has_alpha else None, bits)
    content = encode_image(photo, f"a{suffix}")
    if suffix == ".tif":
        read = tifffile.imread(io.BytesIO(content))
    elif bits == 8:
        read = np.asarray(Image.open(io.BytesIO(content)))
    else:
        import cv2

        read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        read = read[..., [2, 1, 0, 3][: read.shape[-1]]] if read.ndim == 3 else read
    grey = channels == 2 and (suffix == ".tif" or bits == 16)  # as colour
    expected = levels[..., [0, 0, 0, 1]] if grey else levels
    np.testing.assert_array_equal(read.reshape(expected.shape), expected)
