"""Total-variation reconstruction: the baseline that a trained model must beat."""

import functools

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.operators import Operator
from tf_jfb.operators.base import image_batch

# Primal step; the data's scale [0, 1] against dual variables bounded by small weights wants it
# well above 1. The dual step follows from tau * sigma * |K|^2 = 1.
TAU = 30.0
GRADIENT_NORM_SQUARED = 8.0


def tv(d, operator: Operator, weight: float, iterations: int = 200) -> tf.Tensor:
    r"""$\arg\min_{x \in [0, 1]} \frac12 |A x - d|^2 + w \sum_i |(\nabla x)_i|_2$.

    Colour-coupled: the norm joins both differences of all channels of pixel i. Solved by the
    primal-dual method of Chambolle and Pock (2011) with A and $\nabla$ both dualised.

    Args:
        d: measurements [B, H, W, C], values about [0, 1].
        operator: A, of norm at most 1.
        weight: w > 0.
        iterations: fixed number, >= 1.

    Returns:
        [B, H, W, C] in [0, 1].

    Raises:
        ValueError: an argument is outside its range.
    """
    d = image_batch("d", d)
    check(weight > 0, "`weight` must be positive.", weight=weight)
    check(iterations >= 1, "`iterations` must be >= 1.", iterations=iterations)
    return _program(operator)(d, tf.constant(weight, d.dtype), tf.constant(iterations))


@functools.lru_cache(maxsize=8)
def _program(operator):
    return tf.function(functools.partial(_primal_dual, operator), reduce_retracing=True)


def _primal_dual(operator, d, weight, iterations):
    sigma = 1.0 / (TAU * (GRADIENT_NORM_SQUARED + 1.0))
    x = tf.clip_by_value(operator.adjoint(d), 0.0, 1.0)

    def body(i, x, ahead, p, q):
        p = _project(p + sigma * gradient(ahead), weight)
        q = (q + sigma * (operator(ahead) - d)) / (1.0 + sigma)
        x_next = tf.clip_by_value(x - TAU * (gradient_adjoint(p) + operator.adjoint(q)), 0.0, 1.0)
        return i + 1, x_next, 2.0 * x_next - x, p, q

    start = (tf.constant(0), x, x, tf.zeros_like(gradient(x)), tf.zeros_like(d))
    return tf.while_loop(lambda i, *_: i < iterations, body, start)[1]


def gradient(x: tf.Tensor) -> tf.Tensor:
    """Forward differences, zero at the far border: [B, H, W, C] -> [B, H, W, C, 2]."""
    down = tf.pad(x[:, 1:] - x[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = tf.pad(x[:, :, 1:] - x[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    return tf.stack([down, right], axis=-1)


def gradient_adjoint(p: tf.Tensor) -> tf.Tensor:
    """Adjoint of `gradient`: [B, H, W, C, 2] -> [B, H, W, C]."""
    down, right = p[:, :-1, :, :, 0], p[:, :, :-1, :, 1]
    down = tf.pad(down, [[0, 0], [1, 0], [0, 0], [0, 0]]) - tf.pad(
        down, [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = tf.pad(right, [[0, 0], [0, 0], [1, 0], [0, 0]]) - tf.pad(
        right, [[0, 0], [0, 0], [0, 1], [0, 0]])
    return down + right


def _project(p, radius):
    """Onto balls of `radius` over channels and directions jointly."""
    norm = tf.sqrt(tf.reduce_sum(p * p, axis=[3, 4], keepdims=True))
    return p / tf.maximum(1.0, norm / radius)
