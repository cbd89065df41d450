"""Kernels made, measured from points of light, checked and drawn."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_jfb import psf
from tf_jfb.operators import kernels
from tf_jfb.psf._measure import _moved


def test_make():
    np.testing.assert_array_equal(psf.make("disk", radius=3), kernels.disk(3))
    np.testing.assert_array_equal(psf.make("shake", size=9, seed=2), kernels.motion(9, 2))
    airy = psf.make("airy", wavelength=0.52, pixel=0.1, numerical_aperture=0.8)
    np.testing.assert_array_equal(airy, kernels.airy(0.52, 0.1, 0.8))
    with pytest.raises(ValueError, match="`kind` must be one of airy, .*Received: kind='lens'"):
        psf.make("lens")
    for options in ({}, {"radius": 2, "size": 5}):
        with pytest.raises(ValueError, match="The options of disk are radius; it needs radius"):
            psf.make("disk", **options)


def points(kernel, places, noise=0.0, background=0.1, side=160):
    """An image of points of unequal brightness, each between pixels."""
    rng = np.random.default_rng(0)
    image = np.full((side, side), background)
    wide = np.pad(kernel / kernel.max(), 5)
    half = len(wide) // 2
    for row, column in places:
        part = image[row - half : row + half + 1, column - half : column + half + 1]
        part += rng.uniform(0.4, 0.8) * _moved(wide, *rng.uniform(-0.5, 0.5, 2))
    return image + noise * rng.standard_normal(image.shape)


GRID = [(r, c) for r in (30, 80, 130) for c in (30, 80, 130)]


def centred(kernel):
    """`kernel` with its centre of mass in the middle."""
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    wide = np.pad(kernel, 5)
    return _moved(wide, -offsets @ kernel.sum(1), -offsets @ kernel.sum(0))[5:-5, 5:-5]


@pytest.mark.parametrize(
    "kernel", [kernels.gaussian(15, 1.8), kernels.disk(4.0), kernels.motion(15, 3)]
)
def test_points_tell_the_kernel(kernel):
    one = psf.measure(points(kernel, GRID[4:5], 0.001), size=len(kernel))
    assert one.points == 1 and one.kernel.min() >= 0 and one.kernel.sum() == pytest.approx(1)
    assert np.abs(one.kernel - centred(kernel)).sum() < 0.05
    many = psf.measure(points(kernel, GRID, 0.01), size=len(kernel))
    single = psf.measure(points(kernel, GRID[4:5], 0.01), size=len(kernel))
    assert many.points >= 8 and many.noise < 0.5 * single.noise
    errors = [np.square(m.kernel - centred(kernel)).sum() for m in (many, single)]
    assert errors[0] < 0.9 * errors[1]


def test_a_tensor_is_one_image():
    image = points(kernels.gaussian(15, 1.8), GRID[4:5], 0.001)
    told = psf.measure(tf.constant(image), size=15)
    np.testing.assert_array_equal(told.kernel, psf.measure(image, size=15).kernel)


def test_the_size_follows_the_light():
    small, large = (
        psf.measure(points(kernels.gaussian(31, std), GRID[4:5], 0.002)).kernel
        for std in (1.0, 3.0)
    )
    assert len(small) < len(large) and len(small) % 2 == 1
    assert psf.check(large).width[0] == pytest.approx(3.0, rel=0.05)


def test_what_is_no_lone_whole_point_is_left_out():
    kernel = kernels.gaussian(11, 1.5)
    places = [(80, 80), (80, 93), (30, 30), (130, 30), (130, 130)]  # two of them close
    image = points(kernel, places, 0.002)
    image[120:140, 120:140] *= 3
    image = image.clip(max=1.0)
    image[:4, 78:84] = 0.9  # at the border
    measured = psf.measure(image.astype(np.float32)[..., None], size=11)
    assert measured.points == 2 and measured.left_out >= 3
    assert np.abs(measured.kernel - kernel).sum() < 0.05
    with pytest.raises(ValueError, match="There must be a point that rises 8 standard deviations"):
        psf.measure(image[:100, 60:110], size=11)


def test_a_point_unlike_the_others_is_left_out():
    kernel = kernels.gaussian(11, 1.5)
    images = [points(kernel, GRID[:3], 0.002), points(kernels.disk(4.5), GRID[4:5], 0.002)]
    measured = psf.measure(images, size=11)
    assert (measured.points, measured.left_out) == (3, 1)
    assert np.abs(measured.kernel - kernel).sum() < 0.03


def test_a_point_clipped_in_one_channel_is_left_out():
    kernel = kernels.gaussian(11, 1.5)
    grey = points(kernel, GRID, 0.002, background=0.02)
    red = np.clip(2.0 * grey, None, 1.2)
    colour = np.stack([red, 0.6 * grey, 0.002 * (grey > 0.03)], axis=-1)
    clipped = [(red[r - 5 : r + 6, c - 5 : c + 6] == 1.2).sum() > 3 for r, c in GRID]
    measured = psf.measure(colour, size=11)
    assert measured.left_out >= sum(clipped) > 0 and measured.points >= 3
    assert np.abs(measured.kernel - kernel).sum() < 0.02


def test_broken_pixels_are_no_points():
    kernel = kernels.gaussian(11, 1.5)
    image = points(kernel, GRID[4:5], 0.002)
    for row, column in [(20, 24), (22, 70), (40, 130), (110, 20), (140, 60)]:
        image[row, column] = 0.9
    measured = psf.measure(image, size=11)
    assert (measured.points, measured.left_out) == (1, 5)
    assert np.abs(measured.kernel - kernel).sum() < 0.05
    with pytest.raises(ValueError, match="more than a single pixel.*Received: found=4"):
        psf.measure(image[:, :75], size=11)
    narrow = kernels.gaussian(11, 0.6)
    assert psf.measure(points(narrow, GRID, 0.01), size=11).points >= 8


@pytest.mark.parametrize(
    "image, size, message",
    [
        (np.zeros((4, 4)), None, "must have 9 pixels a side"),
        (np.zeros(40), None, r"must be \[H, W\] or \[H, W, C\]"),
        (np.zeros((12, 64, 64)), None, "give a stack as a list of images. Received: shape=.12, 64"),
        (np.full((20, 20), np.nan), None, "must be finite"),
        (np.zeros((20, 20)), 4, "`size` must be an odd integer >= 3. Received: size=4"),
        ([], None, "There must be an image"),
        (np.ones((20, 20)) * 1j, None, "`images` must hold real numbers"),
        (np.random.default_rng(0).random((40, 40)), None, "A point of light must rise"),
    ],
)
def test_measure_refuses(image, size, message):
    with pytest.raises(ValueError, match=message):
        psf.measure(image, size)


def test_check():
    fine = psf.check(3 * kernels.gaussian(25, 2.0))
    assert fine.shape == (25, 25) and fine.sum == pytest.approx(3)
    np.testing.assert_allclose(fine.offset, 0, atol=1e-9)
    np.testing.assert_allclose(fine.width, 2.0, rtol=1e-3)
    assert fine.cut < 1e-6 and fine.negative == 0
    # exp(-2 (pi f std)^2) = 0.1
    assert fine.passes == pytest.approx(np.sqrt(np.log(10) / 2) / np.pi / 2, abs=0.004)
    assert [note[:7] for note in fine.notes] == ["Details"]
    sharp = psf.check(kernels.disk(4.0))
    assert sharp.cut == 0 and sharp.lowest < 0.01
    moved = psf.check(np.pad(kernels.disk(2.0), ((4, 0), (0, 0))))
    assert moved.offset == (pytest.approx(2.0), pytest.approx(0.0, abs=1e-9))
    assert "+2.0 rows" in moved.notes[0]
    even = psf.check(kernels.gaussian(8, 1.5))
    assert "lies -0.5 rows and -0.5 columns from the origin" in even.notes[0]


def test_what_may_be_wrong_is_said():
    whole = kernels.gaussian(41, 4.0)
    part = psf.check(whole[12:-12, 12:-12])
    lost = 1 - whole[12:-12, 12:-12].sum()
    assert part.cut == pytest.approx(lost, abs=0.06) and "beyond the border" in part.notes[0]
    held = psf.check(kernels.gaussian(15, 2.0) + 0.001)
    assert any("holds a background" in note for note in held.notes)
    ringing = np.full((7, 7), -0.01)
    ringing[3, 3] = 2.0
    assert any("negative" in note for note in psf.check(ringing).notes)
    assert psf.check(np.ones((1, 1))).notes == ("It is a single point: nothing is blurred.",)
    with pytest.raises(ValueError, match="`kernel` must have a positive sum"):
        psf.check(np.zeros((3, 3)))


def test_draw(tmp_path):
    path = psf.draw(tmp_path / "k.png", kernels.motion(15, 3), "a shake")
    with Image.open(path) as image:
        assert image.size[0] > 1000 and len(image.convert("RGB").getcolors(1 << 20)) > 50
