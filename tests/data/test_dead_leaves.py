"""The embedded training images."""

import numpy as np
import pytest

from tf_jfb.data import DeadLeaves, dead_leaves
from tf_jfb.data.dead_leaves import draw_radii


def test_images_depend_on_seed_and_number_alone():
    a, b = DeadLeaves(5, size=16, seed=1), DeadLeaves(9, size=16, seed=1)
    a[0]
    np.testing.assert_array_equal(a[3], b[3])
    assert np.abs(a[3] - a[4]).max() > 0.1
    assert np.abs(a[3] - DeadLeaves(5, size=16, seed=2)[3]).max() > 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_range_shape_and_contrast(channels):
    source = dead_leaves(4, size=24, channels=channels)
    images = np.stack([source[i] for i in range(len(source))])
    assert images.shape == (4, 24, 24, channels) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1 and images.std() > 0.1


def test_radii_follow_the_cubic_law():
    radii = draw_radii(np.random.default_rng(0), 100_000, 1.0, 10.0)
    assert radii.min() >= 1.0 and radii.max() <= 10.0
    expected = (1 - 2.0**-2) / (1 - 10.0**-2)  # share below 2 of a density r^-3 on [1, 10]
    assert np.mean(radii < 2) == pytest.approx(expected, abs=0.01)


def test_each_octave_of_radii_covers_as_much():
    radii = draw_radii(np.random.default_rng(0), 200_000, 2.0, 16.0)
    octaves = np.histogram(radii, [2, 4, 8, 16], weights=radii**2)[0]
    np.testing.assert_allclose(octaves / octaves.mean(), 1.0, atol=0.1)


@pytest.mark.parametrize("size", [16, 64])
def test_leaves_cover_the_image(size):
    """Of the background, e^-5 = 0.7 % is left on average."""
    from tf_jfb.data import _leaves

    left = []
    for i in range(10):
        rng = np.random.default_rng(i)
        radii = 2 * draw_radii(rng, DeadLeaves(size=size).shapes, 2.0, 0.6 * size)
        left.append(
            np.mean(_leaves._front(_leaves._draw_shapes(radii, 2 * size, rng), 2 * size) == 0)
        )
    assert np.mean(left) < 0.02


def test_front_shape_is_the_last_one_over_a_sample():
    """Against a loop over shapes, back to front."""
    from tf_jfb.data import _leaves

    rng = np.random.default_rng(0)
    shapes = _leaves._draw_shapes(draw_radii(rng, 60, 2.0, 20.0), 32, rng)
    row, column = np.mgrid[:32, :32]
    expected = np.zeros((32, 32), int)
    for k in range(1, 61):
        dy, dx = row - shapes.centre[k, 0], column - shapes.centre[k, 1]
        cosine, sine = shapes.axis[k]
        u = (cosine * dx + sine * dy) / shapes.radius[k]
        v = (cosine * dy - sine * dx) / (shapes.radius[k] * shapes.aspect[k])
        inside = u * u + v * v <= 1 if shapes.round[k] else np.maximum(abs(u), abs(v)) <= 1
        expected[inside] = k
    assert np.mean(_leaves._front(shapes, 32).reshape(32, 32) == expected) > 0.999


def test_spectrum_falls_like_that_of_natural_images():
    """Power over frequency in double logarithm: a slope of about -2."""
    images = [DeadLeaves(8, size=64, channels=1)[i][..., 0] for i in range(8)]
    window = np.hanning(64)[:, None] * np.hanning(64)
    power = np.mean([abs(np.fft.fft2((x - x.mean()) * window)) ** 2 for x in images], axis=0)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    rings = [(radius >= 2.0**k / 64) & (radius < 2.0 ** (k + 1) / 64) for k in range(1, 5)]
    slope = np.polyfit(range(4), [np.log2(power[ring].mean()) for ring in rings], 1)[0]
    assert -3.2 < slope < -1.6


def test_neighbouring_pixels_are_alike():
    image = DeadLeaves(1, size=64)[0][..., 0]
    assert np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1] > 0.7


@pytest.mark.parametrize(
    "option, value", [("length", 0), ("size", 4), ("channels", 2), ("seed", -1), ("shapes", 0)]
)
def test_errors(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must .*Received: {option}={value}"):
        DeadLeaves(**{option: value})


def test_index_errors():
    with pytest.raises(ValueError, match="`index` must lie in"):
        DeadLeaves(2, size=8)[2]


def test_grain_can_be_left_out():
    """Second differences are then those of edges and stripes alone."""
    second = [
        np.median(np.abs(np.diff(DeadLeaves(2, size=48, grain=grain)[0], 2, axis=1)))
        for grain in (0.0, 0.7)
    ]
    assert second[1] > 2 * second[0]
    default, same = (DeadLeaves(2, size=16, **options)[1] for options in ({}, {"grain": 0.3}))
    np.testing.assert_array_equal(default, same)
    with pytest.raises(ValueError, match=r"`grain` must lie in \[0, 0.7\]. Received: grain=0.8"):
        DeadLeaves(grain=0.8)
