"""Gradients of the Fourier transforms against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb._gradients import undifferentiated
from tf_jfb.operators import Blur, BlurEach, BlurFFT


@pytest.mark.parametrize("shape", [(6, 8), (5, 8), (6, 7), (5, 7), (4, 1)])
def test_gradients_of_a_data_step_are_those_of_tensorflow(shape):
    rng = np.random.default_rng(0)
    z, d = (tf.constant(rng.random((2, *shape, 3))) for _ in range(2))
    kernel = tf.constant(rng.random((2, 3, 1)))
    rho = tf.constant([0.1, 0.3], tf.float64)

    def gradients(z, kernel, rho):
        with tf.GradientTape() as outer:
            outer.watch([z, kernel, rho])
            with tf.GradientTape() as inner:
                inner.watch(z)
                restored = BlurEach(kernel).prox(z, d, rho)
                value = tf.reduce_sum(restored**3)
            first = inner.gradient(value, z)
            penalty = value + tf.reduce_sum(first**2)
        return first, *outer.gradient(penalty, [z, kernel, rho])

    ours = tf.function(gradients, autograph=False)(z, kernel, rho)
    with undifferentiated():
        theirs = tf.function(gradients, autograph=False)(z, kernel, rho)
    for own, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("operator", [BlurFFT(np.ones((3, 3))), Blur(np.ones((35, 35)))])
def test_the_gradient_of_a_blur_takes_no_matrices(operator):
    @tf.function(autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(operator(x) ** 2)
        return tape.gradient(loss, x)

    graph = gradient.get_concrete_function(tf.TensorSpec([1, 40, 40, 1])).graph
    types = {op.type for op in graph.get_operations()}
    assert {"RFFT2D", "IRFFT2D"} <= types
    assert not {"MatMul", "BatchMatMulV2"} & types
