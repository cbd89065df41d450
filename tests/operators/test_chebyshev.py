"""The gradient of the data step by a Chebyshev polynomial: that of the polynomial, to rounding."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb._gradients import undifferentiated
from tf_jfb.operators import Blur, BlurEach, BlurFFT, Frame, Operator
from tf_jfb.operators.frame import scene_of

KERNEL = np.random.default_rng(0).random((4, 3))
KERNEL /= KERNEL.sum()


def images(seed, size=(2, 9, 8, 3)):
    return tf.constant(np.random.default_rng(seed).standard_normal(size))


class Shade(Operator):
    """Pixels times factors from 0.1 to 1."""

    def apply(self, x):
        return x * tf.reshape(tf.linspace(tf.constant(0.1, x.dtype), 1.0, 72), [9, 8, 1])

    apply_adjoint = apply


def derivatives(rho, operator):
    """First derivatives of a loss in g and rho, and those of their squared norm."""
    g, v = images(0), images(1)
    with tf.GradientTape() as outer:
        outer.watch((g, rho))
        with tf.GradientTape() as inner:
            inner.watch((g, rho))
            loss = tf.reduce_sum(v * operator.inverse(g, rho, 5) ** 2)
        first = inner.gradient(loss, (g, rho))
        squares = tf.add_n([tf.reduce_sum(d**2) for d in first])
    return (*first, *outer.gradient(squares, (g, rho)))


@pytest.mark.parametrize("rho", [[0.05, 2.0]])
@pytest.mark.slow
def test_it_is_that_of_the_polynomial_to_second_order(rho):
    rho = tf.constant(rho, tf.float64)
    calls = tf.function(lambda: derivatives(rho, Shade()), autograph=False)
    with undifferentiated("inverse"):
        expected = calls()
    ours = tf.function(lambda: derivatives(rho, Shade()), autograph=False)()
    for got, wanted in zip(ours, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.slow
def test_between_two_fourier_transforms_it_is_the_same_to_second_order(monkeypatch):
    rho = tf.constant([0.05, 2.0], tf.float64)
    seen = np.ones((1, 9, 8, 1))
    seen[:, -3:] = 0.0
    frame = Frame(BlurFFT(KERNEL), tf.constant(seen))
    ours = tf.function(lambda: derivatives(rho, frame), autograph=False)()
    monkeypatch.setattr(Frame, "normal_map", Operator.normal_map)
    expected = tf.function(lambda: derivatives(rho, frame), autograph=False)()
    for got, wanted in zip(ours, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


def test_in_the_kernel_of_a_frame_it_is_that_of_the_exact_inverse():
    d, seen = scene_of(images(0, (1, 7, 6, 1)), KERNEL.shape)
    kernel, v = tf.constant(KERNEL[None]), images(1, d.shape)

    @tf.function(autograph=False)
    def slope(kernel):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            step, inputs = Frame(BlurEach(kernel), seen).prox_map(d, 0.5)
            loss = tf.reduce_sum(v * step(tf.zeros_like(d), *inputs))
        return loss, tape.gradient(loss, kernel)

    change = np.zeros_like(KERNEL)
    change[1, 2] = 1e-5
    ahead, behind = (slope(kernel + sign * change)[0] for sign in (1, -1))
    expected = float(ahead - behind) / 2e-5
    assert float(slope(kernel)[1][0, 1, 2]) == pytest.approx(expected, rel=1e-3)


def test_gradients_that_have_lost_their_shape():
    operator, g = Blur(np.ones((3, 3)) / 9), tf.random.stateless_normal([1, 6, 6, 1], [0, 0])

    @tf.function(autograph=False)
    def pulled_back(lose):
        with tf.GradientTape() as tape:
            tape.watch(g)
            x = operator.inverse(g, 0.5)
        v = tf.compat.v1.placeholder_with_default(g, None) if lose else g
        return tape.gradient(x, g, output_gradients=v)

    np.testing.assert_allclose(pulled_back(True), pulled_back(False), atol=1e-6)


def test_operators_of_what_has_no_shape():
    operator, x = Blur(np.ones((3, 3)) / 9), tf.random.stateless_normal([1, 6, 6, 1], [0, 0])

    @tf.function(autograph=False)
    def run(x):
        return operator.inverse(tf.compat.v1.placeholder_with_default(x, None), 0.5)

    np.testing.assert_allclose(run(x), operator.inverse(x, 0.5), atol=1e-6)
