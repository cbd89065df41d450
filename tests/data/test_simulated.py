"""What a camera would see: of which scene, in which light, with which noise."""

import numpy as np
import pytest

from tf_jfb.data import Photo, light, simulate
from tf_jfb.noise import PoissonGaussian


def photo(side=40, **fields):
    pixels = np.random.default_rng(0).random((side, side, 3), np.float32)
    return Photo(pixels, **fields)


def test_of_the_larger_scene_the_middle_blurred_as_that_alone_can_tell():
    ones = np.ones((40, 40, 1), np.float32)
    scene = photo(alpha=ones, mask=ones, taken=0.01)
    sharp, seen = simulate(scene, "box:7", black=False)
    assert seen.taken == 0.0
    np.testing.assert_array_equal(sharp.pixels, scene.pixels[3:-3, 3:-3])
    for part in (seen.pixels, seen.alpha, seen.mask, sharp.mask):
        assert part.shape[:2] == (34, 34)
    expected = scene.pixels[:7, 5:12].mean(axis=(0, 1))
    np.testing.assert_allclose(seen.pixels[0, 5], expected, atol=1e-6)
    same = simulate(scene, np.ones((7, 7)) / 49, black=False)[1]
    np.testing.assert_allclose(same.pixels, seen.pixels, atol=1e-6)


def test_light_is_blurred_and_encoded_again_but_of_what_is_linear_the_values():
    scene = photo()
    decoded = scene._replace(pixels=light.decode(scene.pixels), linear=True)
    seen = simulate(scene, "box:3", light="linear")[1].pixels
    expected = simulate(decoded, "box:3", light="linear")[1].pixels
    np.testing.assert_allclose(light.decode(seen), expected, atol=1e-6)
    values = simulate(scene, "box:3")[1].pixels
    assert np.abs(values - seen).max() > 0.01


def test_noise_is_that_of_the_seed_and_of_the_photons_counted():
    flat = Photo(np.full((64, 64, 1), 0.5, np.float32))
    noisy = [simulate(flat, "box:1", 0.1, seed=seed)[1].pixels for seed in (0, 0, 1)]
    assert np.array_equal(noisy[0], noisy[1]) and not np.array_equal(noisy[0], noisy[2])
    assert noisy[0].std() == pytest.approx(0.1, rel=0.05)
    for camera in (PoissonGaussian(100), PoissonGaussian(gain=2.0)):
        seen = simulate(flat._replace(white=200.0), "box:1", camera=camera)[1].pixels
        photons = 100 if camera.gain is None else 400
        assert seen.std() == pytest.approx((0.5 / photons) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": -1.0}, "`noise` must be >= 0"),
        ({"seed": -1}, "`seed` must be >= 0"),
        ({"light": "dark"}, "`light` must be one of"),
        ({"blur": "disk:20"}, "must not be larger than the image"),
        ({"blur": "box:33", "black": False}, "too small for this blur"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        simulate(photo(), **{"blur": "box:3"} | options)
