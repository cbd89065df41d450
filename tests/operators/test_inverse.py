"""The regularised inverse: exact where it claims to be, and within its bound elsewhere."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.operators import Blur, BlurFFT, GaussianBlur, Operator

RHO = 0.1
KERNEL = np.random.default_rng(0).random((4, 3))
KERNEL /= KERNEL.sum()


class Half(Operator):
    def apply(self, x):
        return 0.5 * x

    def apply_adjoint(self, y):
        return 0.5 * y


def images(seed=0, dtype=tf.float64):
    return tf.constant(np.random.default_rng(seed).standard_normal((2, 9, 8, 3)), dtype)


def normal(operator, x):
    return operator.adjoint(operator(x)) + RHO * x


def test_exact_for_circular_blur():
    x, operator = images(), BlurFFT(KERNEL)
    np.testing.assert_allclose(operator.inverse(normal(operator, x), RHO), x, atol=1e-12)


@pytest.mark.parametrize("operator", [GaussianBlur(5, 5.0), Blur(KERNEL), Half()])
@pytest.mark.parametrize("iterations", [1, 3, 6, 12, 40])
def test_error_is_within_the_chebyshev_bound(operator, iterations):
    x = images()
    got = operator.inverse(normal(operator, x), RHO, iterations)
    root = np.sqrt(1 + operator.norm_bound(9, 8, 3) ** 2 / RHO)
    bound = 2 * ((root - 1) / (root + 1)) ** iterations
    assert float(tf.norm(got - x)) <= (bound + 1e-12) * float(tf.norm(x))


@pytest.mark.parametrize("operator", [GaussianBlur(5, 5.0), Blur(KERNEL)])
def test_a_data_step_is_accurate_where_rho_is_small(operator):
    """The model that is shipped takes a rho of 0.03 at its lowest noise."""
    z, d, rho = images(0), images(1), 0.03
    step, inputs = operator.prox_map(d, rho)
    x = step(z, *inputs)
    slope = operator.adjoint(operator(x) - d) + rho * (x - z)
    start = operator.adjoint(operator(z) - d)
    assert float(tf.norm(slope)) < 0.07 * float(tf.norm(start))


def test_the_norm_is_bounded_where_the_size_is_known_only_when_the_graph_runs():
    x, operator = images(), Half()
    anywhere = tf.function(
        lambda g: (operator.inverse(g, RHO), operator.inverse_for(g)(g, RHO)),
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.float64)],
        autograph=False,
    )
    expected = operator.inverse(x, RHO)
    for got in anywhere(x):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_symmetric_and_positive():
    operator, x, y = Blur(KERNEL), images(0), images(1)
    px, py = operator.inverse(x, RHO), operator.inverse(y, RHO)
    np.testing.assert_allclose(tf.reduce_sum(px * y), tf.reduce_sum(x * py), rtol=1e-10)
    assert float(tf.reduce_sum(px * x)) > 0


@pytest.mark.parametrize("operator", [Blur(KERNEL), BlurFFT(KERNEL)])
def test_one_rho_per_image(operator):
    g, rho = images(), tf.constant([0.1, 2.0], tf.float64)
    alone = [operator.inverse(g[b : b + 1], rho[b]) for b in range(2)]
    np.testing.assert_allclose(operator.inverse(g, rho), tf.concat(alone, 0), atol=1e-13)


@pytest.mark.parametrize("operator", [Blur(KERNEL), BlurFFT(KERNEL)])
def test_refused(operator):
    with pytest.raises(ValueError, match="`rho` must be positive. Received: rho=0"):
        operator.inverse(images(), 0)
    with pytest.raises(ValueError, match="`rho` must be positive. Received: rho=-1.0"):
        operator.inverse(images(), np.float32(-1))
    with pytest.raises(ValueError, match="`g` must be a batch of images"):
        operator.inverse(images()[0], RHO)
    with pytest.raises(ValueError, match="`iterations` must be >= 1. Received: iterations=0"):
        GaussianBlur(3, 1.0).inverse(images(), RHO, iterations=0)
