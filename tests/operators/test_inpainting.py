"""Masked images."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.operators import Inpainting, Operator

MASK = np.random.default_rng(0).random((6, 5)) < 0.5
X = np.random.default_rng(1).standard_normal((2, 6, 5, 3))


@pytest.mark.parametrize("mask", [MASK, MASK[..., None], MASK.astype(np.float32).tolist()])
def test_measured_pixels_pass_and_others_vanish(mask):
    operator = Inpainting(mask)
    np.testing.assert_array_equal(operator(X), np.where(MASK[..., None], X, 0.0))
    np.testing.assert_array_equal(operator.adjoint(X), operator(X))


@pytest.mark.parametrize("rho", [0.1, np.array([0.1, 2.0])], ids=["one", "per-image"])
def test_inverse(rho):
    operator = Inpainting(MASK)
    x = operator.inverse(X, rho)
    weight = np.reshape(rho, (-1, 1, 1, 1))
    np.testing.assert_allclose(operator.adjoint(operator(x)) + weight * x, X, atol=1e-13)
    chebyshev = Operator.inverse(operator, X, rho, iterations=40)
    np.testing.assert_allclose(chebyshev, x, atol=1e-9)


def test_size_unknown_to_the_trace():
    operator = Inpainting(MASK)
    f = tf.function(
        operator, input_signature=[tf.TensorSpec([None] * 4, tf.float64)], autograph=False
    )
    np.testing.assert_array_equal(f(X), operator(X))


@pytest.mark.parametrize(
    "mask, message",
    [
        (np.ones(3), r"\[H, W\] or \[H, W, 1\]. Received: shape=\(3,\)"),
        (np.ones((3, 3, 3)), r"Received: shape=\(3, 3, 3\)"),
        (np.full((3, 3), 0.5), r"0 and 1 alone, and a 1. Received: values=\[0.5\]"),
        (np.full((3, 3), np.nan), "0 and 1 alone"),
        (np.zeros((3, 3)), r"and a 1. Received: values=\[0.0\]"),
        ("mask", "array of 0 and 1. Received: mask='str'"),
    ],
)
def test_refused_masks(mask, message):
    with pytest.raises(ValueError, match=message):
        Inpainting(mask)


def test_refused_images():
    with pytest.raises(
        ValueError, match=r"size of the mask. Received: image=\(5, 6\), mask=\(6, 5"
    ):
        Inpainting(MASK)(np.zeros((1, 5, 6, 1)))
    with pytest.raises(ValueError, match="size of the mask"):
        Inpainting(MASK).norm(5, 6)
    with pytest.raises(ValueError, match="`rho` must be positive. Received: rho=0"):
        Inpainting(MASK).inverse(X, 0)
