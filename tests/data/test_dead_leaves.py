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


def test_neighbouring_pixels_are_alike():
    image = DeadLeaves(1, size=64)[0][..., 0]
    assert np.corrcoef(image[:, 1:].ravel(), image[:, :-1].ravel())[0, 1] > 0.7


@pytest.mark.parametrize(
    "option, value", [("length", 0), ("size", 4), ("channels", 2), ("shapes", 0)]
)
def test_errors(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must .*Received: {option}={value}"):
        DeadLeaves(**{option: value})


def test_index_errors():
    with pytest.raises(ValueError, match="`index` must lie in"):
        DeadLeaves(2, size=8)[2]
