"""Wiener deconvolution with a constant ratio of noise to signal."""

import functools

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.operators import Operator
from tf_jfb.operators.base import image_batch


def wiener(d, operator: Operator, weight: float, iterations: int = 50) -> tf.Tensor:
    r"""$(A^T A + w I)^{-1} A^T d$ per image, about the mean of d: the filter for white signals.

    $w$ is the noise's variance over the signal's. Exact for circular blur, elsewhere by
    `Operator.inverse`. Values are not clipped.

    Args:
        d: measurements [B, H, W, C].
        operator: A.
        weight: w > 0.
        iterations: of `Operator.inverse`, >= 1.

    Raises:
        ValueError: an argument is outside its range.

    Source: Wiener (1949).
    """
    d = image_batch("d", d)
    check(
        isinstance(operator, Operator),
        "`operator` must be a tf_jfb.operators.Operator.",
        operator=operator,
    )
    check(0 < weight < float("inf"), "`weight` must be positive.", weight=weight)
    check(iterations >= 1, "`iterations` must be >= 1.", iterations=iterations)
    return _program(operator, iterations)(d, tf.constant(weight, d.dtype))


@functools.lru_cache(maxsize=8)
def _program(operator, iterations):
    def filtered(d, weight):
        mean = tf.reduce_mean(d, axis=(1, 2), keepdims=True)
        flat = mean * tf.ones_like(d)
        rest = operator.adjoint(d - operator(flat))
        return flat + operator.inverse(rest, weight, iterations)

    return tf.function(filtered, reduce_retracing=True)
