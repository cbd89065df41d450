"""Noise told from images of known noise."""

import numpy as np
import pytest

from tf_jfb import data, operators
from tf_jfb.noise import estimate
from tf_jfb.operators import kernels


@pytest.fixture(scope="module")
def scene():
    """Blurred, 128 x 128, within [0, 1] and free of noise."""
    sharp = np.stack([data.dead_leaves(2, 128)[i] for i in range(2)])
    return operators.BlurFFT(kernels.gaussian(15, 2.0))(sharp).numpy().astype(np.float64)


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("level", [0.003, 0.01, 0.05])
def test_white_noise(scene, level):
    for i, image in enumerate(scene):
        std, doubt = estimate(image + level * normal(image.shape, i))
        assert std == pytest.approx(level, rel=0.05) and doubt is None


@pytest.mark.parametrize("width, truth", [(0.6, 0.95), (0.8, 0.92)])
def test_correlated_noise_is_summed_and_said(scene, width, truth):
    """The second differences of before told 43 % and 18 % of it."""
    noise = normal(scene[:1].shape)
    noise = operators.BlurFFT(kernels.gaussian(9, width))(noise.astype(np.float32)).numpy()[0]
    std, doubt = estimate(scene[0] + 0.02 * noise / noise.std())
    assert std / 0.02 == pytest.approx(truth, abs=0.06)
    assert doubt == "the noise is correlated between neighbouring pixels"


def test_black_surroundings_hide_nothing(scene):
    """The second differences of before told 25 % and 67 % of it."""
    inside, wide = 0.02 * normal(scene[0].shape), np.zeros((256, 256, 3))
    wide[64:192, 64:192] = scene[0] + inside
    assert estimate(wide).std == pytest.approx(0.02, rel=0.05)
    wide[64:192, 64:192] = scene[0]
    clipped = np.clip(wide + 0.02 * normal(wide.shape), 0, 1)
    assert estimate(clipped).std == pytest.approx(0.02, rel=0.05)
    assert estimate(np.clip(1.8 * scene[0] + inside, 0, 1)).std == pytest.approx(0.02, rel=0.05)


def test_masked_pixels_tell_nothing(scene):
    image = scene[0] + 0.01 * normal(scene[0].shape)
    image[:, 32:] += normal(image[:, 32:].shape)
    mask = np.ones((128, 128, 1))
    mask[:, 32:] = 0
    assert estimate(image, mask).std == pytest.approx(0.01, rel=0.1)
    mask[:, 5:] = 0  # too narrow for a block
    few = estimate(image, mask)
    assert few.std == pytest.approx(0.01, rel=0.1) and "too few pixels" in few.doubt
    assert estimate(image, 0 * mask).std > 0.1
    with pytest.raises(ValueError, match=r"`mask` must be \[H, W, 1\], \(128, 128, 1\). Received"):
        estimate(image, mask[..., 0])


def test_doubts():
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.1, 0.9, 128)[None, :, None] * np.ones((128, 1, 3))
    photons = rng.poisson(500 * ramp) / 500
    assert estimate(photons).doubt == "the noise differs between dark and bright parts"
    few = estimate(np.zeros((64, 64, 1)))
    assert few.std == 0 and "too few pixels" in few.doubt
    assert estimate(rng.random((2, 2, 1))) == (0.0, few.doubt)
    texture = 0.2 * data.dead_leaves(1, 128, seed=3)[0] * rng.random((128, 128, 1)) ** 4
    assert estimate(texture).doubt


def test_errors():
    with pytest.raises(ValueError, match=r"`pixels` must be \[H, W, C\]. Received: shape=\(9, 9\)"):
        estimate(np.zeros((9, 9)))
    with pytest.raises(ValueError, match="`pixels` must be finite"):
        estimate(np.full((9, 9, 1), np.nan))
