"""The blurs against SciPy, and the closed forms of the circular one against their definition."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import tensorflow as tf

from tf_jfb.operators import Blur, BlurFFT, GaussianBlur

SHAPES = [(5, 5), (4, 4), (3, 6), (6, 1), (1, 1), (2, 3)]


def arrays(*shape):
    rng = np.random.default_rng(sum(shape))
    return rng.random(shape), rng.standard_normal((11, 13))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_zero_padding_as_scipy(shape):
    kernel, image = arrays(*shape)
    full = scipy.signal.convolve2d(image, kernel)
    top, left = (size // 2 for size in shape)
    expected = full[top : top + image.shape[0], left : left + image.shape[1]]
    result = Blur(kernel)(image[None, :, :, None])[0, :, :, 0]
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_circular_as_scipy(shape):
    kernel, image = arrays(*shape)
    expected = scipy.ndimage.convolve(image, kernel, mode="wrap")
    result = BlurFFT(kernel)(image[None, :, :, None])[0, :, :, 0]
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("cls", [Blur, BlurFFT])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_impulse_shows_the_kernel_about_its_origin(cls, shape):
    kernel, _ = arrays(*shape)
    impulse = np.zeros((1, 12, 14, 1))
    impulse[0, 6, 7, 0] = 1.0
    result = cls(kernel)(impulse)[0, :, :, 0]
    top, left = 6 - shape[0] // 2, 7 - shape[1] // 2
    expected = np.zeros((12, 14))
    expected[top : top + shape[0], left : left + shape[1]] = kernel
    np.testing.assert_allclose(result, expected, atol=1e-13)


def test_both_agree_away_from_the_border():
    kernel = np.random.default_rng(0).random((4, 5))
    x = np.random.default_rng(1).random((1, 16, 16, 2))
    inside = (0, slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(Blur(kernel)(x)[inside], BlurFFT(kernel)(x)[inside], atol=1e-12)


def test_float64_large_batch_under_xla():
    """Many one-channel planes of float64 crashed XLA's plain convolution on the CPU."""
    operator = GaussianBlur(5, 5.0)
    x = tf.constant(np.random.default_rng(0).random((8, 128, 128, 3)))
    compiled = tf.function(operator, jit_compile=True, autograph=False)(x)
    np.testing.assert_allclose(compiled, operator(x), atol=1e-14)


@pytest.mark.parametrize("size", [(10, 12), (9, 7)], ids=str)
def test_prox_solves_its_normal_equations(size):
    operator = BlurFFT(np.random.default_rng(0).random((3, 4)))
    z, d = tf.constant(np.random.default_rng(1).random((2, 2, *size, 3)))
    for rho in (1e-2, 3.0):
        x = operator.prox(z, d, rho)
        gradient = operator.adjoint(operator(x) - d) + rho * (x - z)
        np.testing.assert_allclose(gradient, 0.0, atol=1e-11)


def test_prox_with_one_rho_per_image():
    operator = BlurFFT(np.ones((3, 3)) / 9)
    z, d = tf.constant(np.random.default_rng(1).random((2, 2, 8, 8, 3)))
    prox = tf.function(
        operator.prox,
        input_signature=[tf.TensorSpec([None] * 4, z.dtype)] * 2 + [tf.TensorSpec([None], z.dtype)],
        autograph=False,
    )
    both = prox(z, d, tf.constant([0.1, 2.0], z.dtype))
    for i, rho in enumerate((0.1, 2.0)):
        alone = operator.prox(z[i : i + 1], d[i : i + 1], rho)
        np.testing.assert_allclose(both[i : i + 1], alone, atol=1e-13)


def test_prox_refuses_a_negative_rho():
    x = tf.zeros([1, 8, 8, 1])
    with pytest.raises(ValueError, match="`rho` must be positive. Received: rho=-1"):
        BlurFFT(np.ones((3, 3))).prox(x, x, -1)


def test_wiener_solves_its_normal_equations():
    operator = BlurFFT(np.random.default_rng(0).random((3, 4)))
    d = tf.constant(np.random.default_rng(1).random((1, 10, 12, 2)))
    x = operator.wiener(d, 0.3)
    gradient = operator.adjoint(operator(x) - d) + 0.3 * x
    np.testing.assert_allclose(gradient, 0.0, atol=1e-11)


@pytest.mark.parametrize("cls", [Blur, BlurFFT])
def test_the_kernel_is_copied(cls):
    kernel = np.ones((3, 3))
    operator = cls(kernel)
    kernel[:] = np.nan
    assert np.isfinite(operator.kernel).all()
