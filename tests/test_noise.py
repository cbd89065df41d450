"""Noise that its seed reproduces."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import noise


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments_and_dtype(dtype):
    x = tf.fill([4, 32, 32, 3], tf.constant(0.5, dtype))
    y = noise.gaussian(x, 0.1, seed=0)
    assert y.dtype == x.dtype and y.shape == x.shape
    assert float(tf.reduce_mean(y)) == pytest.approx(0.5, abs=0.005)
    assert float(tf.math.reduce_std(y)) == pytest.approx(0.1, rel=0.03)


def test_the_seed_decides():
    x = tf.zeros([1, 8, 8, 1])
    np.testing.assert_array_equal(noise.gaussian(x, 1.0, 3), noise.gaussian(x, 1.0, [3, 0]))
    assert np.any(noise.gaussian(x, 1.0, 3) != noise.gaussian(x, 1.0, 4))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_as_eager(jit_compile):
    draw = tf.function(
        lambda x: noise.gaussian(x, 0.1, 5), jit_compile=jit_compile, autograph=False
    )
    x = tf.zeros([2, 8, 8, 3])
    np.testing.assert_allclose(draw(x), noise.gaussian(x, 0.1, 5), atol=1e-6)


def test_one_std_per_image():
    y = noise.gaussian(tf.zeros([2, 32, 32, 3]), [0.0, 1.0], 0)
    assert float(tf.reduce_max(abs(y[0]))) == 0.0
    assert float(tf.math.reduce_std(y[1])) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    "x, std, seed, message",
    [
        (np.zeros((1, 2), np.uint8), 0.1, 0, "`x` must have a floating dtype"),
        (np.zeros((1, 2)), -0.1, 0, "`std` must be a finite number >= 0. Received: std=-0.1"),
        (np.zeros((1, 2)), [0.1, 0.2], 0, r"`std` .* one for every image.*=\(2,\), images=1"),
        (np.zeros((1, 2)), 0.1, [1, 2, 3], "`seed` must be an integer or two integers"),
        (np.zeros((1, 2)), 0.1, [0.5, 1.0], "`seed` must be an integer or two integers"),
    ],
)
def test_refused(x, std, seed, message):
    with pytest.raises(ValueError, match=message):
        noise.gaussian(x, std, seed)


def test_counted_photons():
    x = tf.constant([[[[0.2], [0.8]]]] * 2, tf.float32) * tf.ones([2, 100, 2, 1])
    y = noise.poisson_gaussian(x, [50.0, 500.0], seed=0, read_noise=3.0).numpy()
    np.testing.assert_allclose(y.mean((1, 3)), x[:, 0, :, 0], rtol=0.15)
    photons = np.array([[50.0], [500.0]])
    variance = (np.array([0.2, 0.8]) + 9 / photons) / photons
    np.testing.assert_allclose(y.var((1, 3)), variance, rtol=0.5)
    whole = noise.poisson_gaussian(x, 50, seed=0)
    np.testing.assert_allclose(whole * 50, np.round(whole * 50), atol=1e-4)  # counts
    np.testing.assert_array_equal(whole, noise.poisson_gaussian(x, 50, seed=[0, 0]))
    assert np.any(whole != noise.poisson_gaussian(x, 50, seed=1))
    assert not noise.poisson_gaussian(-x, 50, seed=1).numpy().any()


def test_the_level_of_counted_photons():
    x = np.array([0.1, 0.5], np.float32).reshape(1, 2, 1) * np.ones((4, 2, 3), np.float32)
    camera = noise.PoissonGaussian(photons=100, read_noise=2.0)
    assert camera.std(x) == pytest.approx(((0.3 + 4 / 100) / 100) ** 0.5)
    mask = np.array([1.0, 0.0]).reshape(1, 2, 1) * np.ones((4, 2, 1))
    assert camera.std(x, mask) == pytest.approx(((0.1 + 4 / 100) / 100) ** 0.5)
    counts = noise.PoissonGaussian(gain=0.5, read_noise=2.0)
    assert counts.at_white(200) == camera and camera.at_white(None) is camera
    many = np.tile(x, (100, 1, 1))
    noisy = noise.poisson_gaussian(many[None], 100, 0, 2.0)[0].numpy()
    assert (noisy - many).std() == pytest.approx(camera.std(x), rel=0.05)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: noise.PoissonGaussian(), "Either `photons` or `gain` must be given"),
        (lambda: noise.PoissonGaussian(5, 5), "Either `photons` or `gain` must be given"),
        (lambda: noise.PoissonGaussian(0), "`photons` must be a positive, finite number"),
        (lambda: noise.PoissonGaussian(gain=-1), "`gain` must be a positive, finite number"),
        (lambda: noise.PoissonGaussian(5, read_noise=-1), "`read_noise` must be a finite"),
        (lambda: noise.PoissonGaussian(gain=2).at_white(1.0), "`gain` needs values as the file"),
        (lambda: noise.PoissonGaussian(gain=2).std(np.ones((2, 2, 1))), "`photons` must be known"),
        (lambda: noise.poisson_gaussian(tf.zeros([1, 2]), -1, 0), "`photons` must be a positive"),
        (lambda: noise.poisson_gaussian(tf.zeros([1, 2]), 1, 0, -1), "`read_noise` must be"),
        (lambda: noise.poisson_gaussian(tf.zeros([1], tf.int32), 1, 0), "floating dtype"),
        (lambda: noise.poisson_gaussian(tf.zeros([1]), 1, 0.5), "`seed` must be an integer"),
    ],
)
def test_counting_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
