"""Blur and subsampling, against SciPy's convolution and dense matrices."""

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from tf_jfb.operators import Downsample, kernels

KERNELS = {
    "odd": kernels.gaussian(5, 1.0),
    "even": np.arange(1.0, 17.0).reshape(4, 4) / 136,
    "signed": np.array([[0.0, -0.4, 0.1], [0.3, 1.0, -0.2]]),
}


def dense(apply, *shape):
    basis = np.eye(int(np.prod(shape))).reshape(-1, *shape, 1)
    return np.asarray(apply(basis)).reshape(len(basis), -1).T


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("name", KERNELS)
def test_scipy_convolution_then_every_sth_pixel(factor, name):
    kernel, x = KERNELS[name], np.random.default_rng(1).standard_normal((12, 24))
    full = scipy.signal.convolve2d(x, kernel)
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    expected = full[top : top + 12 : factor, left : left + 24 : factor]
    got = Downsample(factor, kernel)(x[None, :, :, None])[0, :, :, 0]
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_by_default_the_mean_of_every_block(factor):
    x = np.random.default_rng(1).standard_normal((2, 12, 24, 3))
    blocks = x.reshape(2, 12 // factor, factor, 24 // factor, factor, 3)
    operator = Downsample(factor)
    np.testing.assert_allclose(operator(x), blocks.mean(axis=(2, 4)), atol=1e-14)
    assert operator.norm_bound(12, 24) == pytest.approx(1 / factor, rel=1e-12)


@pytest.mark.parametrize("factor, kernel", [(2, None), (2, "even"), (3, "signed")])
def test_adjoint_and_inverse_as_dense_matrices(factor, kernel):
    operator = Downsample(factor, KERNELS.get(kernel))
    a, at = dense(operator, 6, 12), dense(operator.adjoint, 6 // factor, 12 // factor)
    np.testing.assert_allclose(at, a.T, atol=1e-14)
    g = np.random.default_rng(2).standard_normal((1, 6, 12, 1))
    got = operator.inverse(g, 1.0, iterations=12)
    exact = np.linalg.solve(a.T @ a + np.eye(72), g.ravel())
    np.testing.assert_allclose(np.ravel(got), exact, atol=1e-8)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_sizes_unknown_to_the_trace(jit_compile):
    operator = Downsample(2, KERNELS["even"])
    signature = [tf.TensorSpec([None] * 4, tf.float64)]
    f = tf.function(
        lambda x: operator.adjoint(operator(x)),
        input_signature=signature,
        jit_compile=jit_compile,
        autograph=False,
    )
    for shape in ((1, 6, 8, 1), (2, 4, 10, 3)):
        x = np.random.default_rng(3).standard_normal(shape)
        np.testing.assert_allclose(f(x), operator.adjoint(operator(x)), atol=1e-12)


def test_known_sizes_survive_a_trace():
    operator = Downsample(2)
    f = tf.function(lambda x: (operator(x), operator.adjoint(x)), autograph=False)
    down, up = f.get_concrete_function(tf.TensorSpec([None, 6, 8, 3])).outputs
    assert (down.shape[1:], up.shape[1:]) == ((3, 4, 3), (12, 16, 3))


def test_refused():
    with pytest.raises(ValueError, match=r"multiples of the factor 2. Received: image=\(6, 7\)"):
        Downsample(2)(np.zeros((1, 6, 7, 1)))
    with pytest.raises(ValueError, match="`factor` must be an integer >= 1. Received: factor=1.5"):
        Downsample(1.5)
    with pytest.raises(ValueError, match="`kernel` must be finite"):
        Downsample(2, [[np.nan]])
    with pytest.raises(ValueError, match="not be larger than the image"):
        Downsample(2, np.ones((5, 5)))(np.zeros((1, 4, 8, 1)))
