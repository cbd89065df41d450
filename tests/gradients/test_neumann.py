"""Gradients on a problem whose every derivative is a known matrix product."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.gradients import JFB, Estimator, Neumann

L, EYE = 0.5, np.eye(6)
MODES = pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])


def affine_problem(seed):
    """`f(z) = z M^T + theta`, `|M|_2 = L`."""
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((6, 6))
    return L * m / np.linalg.norm(m, 2), *rng.standard_normal((2, 1, 6))


def attached_gradient(estimator, f, theta, z_star, v, graph=False):
    def gradient():
        with tf.GradientTape() as tape:
            out = estimator.attach(f, z_star)
        return tape.gradient(out, theta, output_gradients=tf.constant(v))

    return (tf.function(gradient, autograph=False) if graph else gradient)().numpy()


@MODES
@pytest.mark.parametrize("order", [0, 1, 4, 60])
def test_gradient_is_the_truncated_neumann_series(order, graph):
    m, theta0, v = affine_problem(seed=0)
    theta, z_star = tf.Variable(theta0), tf.constant(theta0 @ np.linalg.inv(EYE - m).T)
    got = attached_gradient(Neumann(order), lambda z: z @ m.T + theta, theta, z_star, v, graph)
    series = sum(v @ np.linalg.matrix_power(m, i) for i in range(order + 1))
    np.testing.assert_allclose(got, series, rtol=1e-9)
    error = np.linalg.norm(got - v @ np.linalg.inv(EYE - m))
    assert error <= L ** (order + 1) / (1 - L) * np.linalg.norm(v) + 1e-9


def nonlinear_problem():
    """`f(z) = tanh(z W^T + theta)`, its fixed point, W, theta and an output gradient."""
    w, theta, v = affine_problem(seed=1)
    z = np.zeros_like(theta)
    for _ in range(200):
        z = np.tanh(z @ w.T + theta)
    return w, theta, z, v


@MODES
def test_jfb_is_order_zero_and_the_hand_computed_gradient(graph):
    w0, theta, z_star, v = nonlinear_problem()
    w, z = tf.Variable(w0), tf.constant(z_star)

    def f(x):
        return tf.tanh(x @ tf.transpose(w) + theta)

    jfb, neumann = (attached_gradient(e, f, w, z, v, graph) for e in (JFB(), Neumann(0)))
    by_hand = (v * (1.0 - z_star**2)).T @ z_star
    np.testing.assert_array_equal(jfb, neumann)
    np.testing.assert_allclose(jfb, by_hand, rtol=1e-12)


def test_jfb_agrees_with_finite_differences_of_a_single_step():
    w0, theta, z_star, v = nonlinear_problem()
    w = tf.Variable(w0)

    def f(x):
        return tf.tanh(x @ tf.transpose(w) + theta)

    got = attached_gradient(JFB(), f, w, tf.constant(z_star), v)

    def step(weights):
        return float((np.tanh(z_star @ weights.T + theta) * v).sum())

    for i, j in ((0, 0), (2, 5), (4, 1)):
        h = np.zeros_like(w0)
        h[i, j] = 1e-6
        assert got[i, j] == pytest.approx((step(w0 + h) - step(w0 - h)) / 2e-6, rel=1e-6)


def test_high_order_agrees_with_finite_differences_of_the_fixed_point():
    w0, theta0, z_star, v = nonlinear_problem()
    theta = tf.Variable(theta0)

    def f(x):
        return tf.tanh(x @ w0.T + theta)

    got = attached_gradient(Neumann(80), f, theta, tf.constant(z_star), v)

    def value(offset):
        z = z_star
        for _ in range(100):
            z = np.tanh(z @ w0.T + offset)
        return float((z * v).sum())

    for i in range(3):
        h = 1e-5 * EYE[i : i + 1]
        assert got[0, i] == pytest.approx((value(theta0 + h) - value(theta0 - h)) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("estimator", [JFB(), Neumann(3)], ids=["jfb", "neumann"])
def test_the_fixed_point_itself_gets_no_gradient(estimator):
    z = tf.Variable(np.ones((1, 6)))
    with tf.GradientTape() as tape:
        out = estimator.attach(lambda x: 0.5 * x, z)
    assert tape.gradient(out, z) is None
    np.testing.assert_array_equal(out, z)  # the value is x*, not f(x*)


def test_the_recorded_map_runs_once_and_carries_the_gradient():
    theta, calls = tf.Variable([[2.0]]), []

    def recorded(x):
        calls.append(1)
        return 3.0 * theta + 0.5 * x

    with tf.GradientTape() as tape:
        out = Neumann(1).attach(lambda x: theta + 0.5 * x, tf.zeros([1, 1]), recorded=recorded)
    np.testing.assert_allclose(tape.gradient(out, theta), [[3.0 * 1.5]])
    assert calls == [1]
    np.testing.assert_array_equal(out, [[0.0]])  # where it was attached


@pytest.mark.parametrize("order", [-1, 1.5])
def test_order_errors(order):
    with pytest.raises(
        ValueError, match=f"`order` must be an integer >= 0. Received: order={order}"
    ):
        Neumann(order)


@pytest.mark.parametrize("estimator", [JFB(), Neumann(3)], ids=["jfb", "neumann"])
def test_configuration_round_trip(estimator):
    saved = keras.saving.serialize_keras_object(estimator)
    copy = keras.saving.deserialize_keras_object(saved)
    assert type(copy) is type(estimator) and copy.order == estimator.order
    assert isinstance(copy, Estimator)
