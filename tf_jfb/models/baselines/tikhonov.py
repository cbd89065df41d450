"""Tikhonov reconstruction by conjugate gradients."""

import functools

import tensorflow as tf

from tf_jfb._numerics import per_image, per_image_dot
from tf_jfb._validate import check
from tf_jfb.models.baselines.tv import gradient, gradient_adjoint
from tf_jfb.operators import Operator
from tf_jfb.operators.base import image_batch


def tikhonov(d, operator: Operator, weight: float, iterations: int = 50) -> tf.Tensor:
    r"""$\arg\min_x |A x - d|^2 + w |\nabla x|^2$ by conjugate gradients, per image.

    Args:
        d: measurements [B, H, W, C].
        operator: A.
        weight: w > 0.
        iterations: fixed number, >= 1.

    Raises:
        ValueError: an argument is outside its range.
    """
    d = image_batch("d", d)
    check(weight > 0, "`weight` must be positive.", weight=weight)
    check(iterations >= 1, "`iterations` must be >= 1.", iterations=iterations)
    return _program(operator)(d, tf.constant(weight, d.dtype), tf.constant(iterations))


@functools.lru_cache(maxsize=8)
def _program(operator):
    return tf.function(functools.partial(_conjugate_gradients, operator), reduce_retracing=True)


def _conjugate_gradients(operator, d, weight, iterations):
    def normal(x):
        return operator.adjoint(operator(x)) + weight * gradient_adjoint(gradient(x))

    def body(i, x, residual, direction, energy):
        image = normal(direction)
        step = tf.math.divide_no_nan(energy, per_image_dot(direction, image))
        x += per_image(step, x) * direction
        residual -= per_image(step, x) * image
        new = per_image_dot(residual, residual)
        ratio = tf.math.divide_no_nan(new, energy)
        return i + 1, x, residual, residual + per_image(ratio, x) * direction, new

    right = operator.adjoint(d)
    residual = right - normal(right)
    start = (tf.constant(0), right, residual, residual, per_image_dot(residual, residual))
    return tf.while_loop(lambda i, *_: i < iterations, body, start)[1]
