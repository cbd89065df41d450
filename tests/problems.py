"""Fixed-point problems with known answers; each map treats the rows of [B, n] independently."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb._compat import value


def check_recomputed(made, d, target) -> None:
    """`made(recompute)`, a layer, has the same gradient of a square error with it and without."""

    def gradients(recompute):
        layer = made(recompute)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((layer(d, training=True) - target) ** 2)
        return tape.gradient(loss, [value(v) for v in layer.trainable_variables])

    for own, other in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-7)


class Problem(NamedTuple):
    f: callable  # [B, n] -> [B, n], in the dtype of its argument
    x0: np.ndarray  # [B, n]
    answer: np.ndarray  # [B, n], the fixed point

    def start(self, dtype=tf.float64):
        return tf.constant(self.x0, dtype)


def affine(matrix, offset, x0):
    """`f(x) = x matrix^T + offset`."""
    matrix, offset = np.asarray(matrix), np.asarray(offset)

    def f(x):
        return tf.matmul(x, tf.constant(matrix.T, x.dtype)) + tf.constant(offset, x.dtype)

    return Problem(f, x0, offset @ np.linalg.inv(np.eye(len(matrix)) - matrix).T)


def contraction(batch=3, n=6, norm=0.5, seed=0):
    """Affine, of spectral norm `norm`."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n))
    matrix *= norm / np.linalg.norm(matrix, 2)
    return affine(matrix, rng.standard_normal((batch, n)), rng.standard_normal((batch, n)))


def rotation(factor=0.99, batch=3, seed=0):
    """Contracts by 1 % per step while it turns by 90 degrees: plain iteration is hopeless."""
    rng = np.random.default_rng(seed)
    matrix = factor * np.array([[0.0, -1.0], [1.0, 0.0]])
    return affine(matrix, rng.standard_normal((batch, 2)), rng.standard_normal((batch, 2)))


def cosine(batch=3, n=6, seed=0, cubic=0.0):
    """`f(x) = 0.5 cos(x M^T) + b + cubic x^3`; contracts by 0.5 where `cubic` [B, 1] is zero."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n))
    matrix /= np.linalg.norm(matrix, 2)
    offset = 1.0 + rng.random((batch, n))
    cubic = np.broadcast_to(cubic, (batch, 1))

    def f(x):
        b, c = tf.constant(offset, x.dtype), tf.constant(cubic, x.dtype)
        return 0.5 * tf.cos(tf.matmul(x, tf.constant(matrix.T, x.dtype))) + b + c * x**3

    return Problem(f, 1.0 + rng.random((batch, n)), _iterate(matrix, offset))


def _iterate(matrix, offset):
    x = offset
    for _ in range(100):
        x = 0.5 * np.cos(x @ matrix.T) + offset
    return x


def doubling(batch=2, n=3):
    """`f(x) = 2 x + 1`: plain iteration runs away from the fixed point -1."""
    return Problem(lambda x: 2.0 * x + 1.0, np.zeros((batch, n)), -np.ones((batch, n)))
