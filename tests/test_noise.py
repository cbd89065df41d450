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
        (np.zeros((1, 2)), 0.1, [1, 2, 3], "`seed` must be an integer or two integers"),
        (np.zeros((1, 2)), 0.1, [0.5, 1.0], "`seed` must be an integer or two integers"),
    ],
)
def test_refused(x, std, seed, message):
    with pytest.raises(ValueError, match=message):
        noise.gaussian(x, std, seed)
