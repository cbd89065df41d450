"""Total-variation reconstruction: the baseline that a trained model must beat."""

import functools

import tensorflow as tf

from tf_jfb._numerics import cast
from tf_jfb._validate import check
from tf_jfb.models.baselines._arguments import checked
from tf_jfb.models.baselines._differences import GRADIENT_NORM_SQUARED, gradient, gradient_adjoint
from tf_jfb.models.baselines._programs import Programs
from tf_jfb.operators import Operator

# Primal step: images are of order 1 and the dual variables of the order of the weight, so it is
# well above 1. Of the condition tau (sigma_p |grad|^2 + sigma_q |A|^2) <= 1, half goes to each
# dual variable. At weight 5e-4 and 200 iterations this leaves a relative excess of the objective
# of 1e-6, against 7e-3 with equal dual steps and no relaxation.
TAU = 10.0
RELAXATION = 1.9


def tv(d, operator: Operator, weight: float, iterations: int = 200) -> tf.Tensor:
    r"""$\arg\min_{x \in [0, 1]} \frac12 |A x - d|^2 + w \sum_i |(\nabla x)_i|_2$ per image.

    Colour-coupled and isotropic: the norm joins both differences of all channels of pixel i.
    Solved by the primal-dual method of Chambolle and Pock (2011), with A and $\nabla$ both
    dualised, over-relaxed after Condat (2013).

    Args:
        d: measurements [B, H, W, C], values about [0, 1]; H, W, C static.
        operator: A.
        weight: w > 0.
        iterations: fixed number, >= 1.

    Returns:
        Images in [0, 1], of the shape of A^T d.

    Raises:
        ValueError: an argument is outside its range, or the size of `d` is unknown.
    """
    d = checked(d, operator, weight, iterations)
    check(None not in d.shape[1:], "The image size must be known.", shape=tuple(d.shape))
    back = operator.adjoint(d)
    bound = _norm_bound(operator, *back.shape[1:])
    bound = tf.broadcast_to(tf.reshape(cast(bound, d.dtype), [-1, 1, 1, 1]), [len(d), 1, 1, 1])
    weight = tf.constant(weight, d.dtype)
    return _PROGRAMS(operator, d, back, weight, bound, tf.constant(iterations))


@functools.lru_cache(maxsize=8)
def _norm_by_iteration(operator, height, width, channels):
    return operator.norm_bound(height, width, channels)


def _norm_bound(operator, height, width, channels):
    """Kept where it is measured, by some hundred applications of A."""
    cheap = type(operator).norm_bound is not Operator.norm_bound
    bound = operator.norm_bound if cheap else functools.partial(_norm_by_iteration, operator)
    return bound(height, width, channels)


def _primal_dual(operator, d, back, weight, norm, iterations):
    # Everything divided by |A|^2, so that the step sizes suit an operator of any scale.
    radius = weight / norm**2
    sigma_p = 0.5 / (TAU * GRADIENT_NORM_SQUARED)
    sigma_q = 0.5 / (TAU * norm**2)
    shrink = 1.0 / (1.0 + 0.5 / TAU)

    def body(i, x, p1, p2, q):
        x_new = _clip(x - TAU * (gradient_adjoint(p1, p2) + operator.adjoint(q)))
        ahead = 2.0 * x_new - x
        down, right = gradient(ahead)
        p1_new, p2_new = _project(p1 + sigma_p * down, p2 + sigma_p * right, radius)
        q_new = shrink * (q + sigma_q * (operator(ahead) - d))
        pairs = ((x, x_new), (p1, p1_new), (p2, p2_new), (q, q_new))
        return i + 1, *(old + RELAXATION * (new - old) for old, new in pairs)

    zero = tf.zeros_like(back)
    start = (tf.constant(0), _clip(back / norm**2), zero, zero, tf.zeros_like(d))
    # Over-relaxation leaves the interval a little until it has converged.
    return _clip(tf.while_loop(lambda i, *_: i < iterations, body, start)[1])


_PROGRAMS = Programs(_primal_dual)


def _clip(x):
    return tf.clip_by_value(x, 0.0, 1.0)


def _project(p1, p2, radius) -> tuple:
    """Onto balls of `radius` over channels and directions jointly."""
    norm = tf.sqrt(tf.reduce_sum(p1 * p1 + p2 * p2, axis=3, keepdims=True))
    scale = tf.maximum(norm / radius, 1.0)
    return p1 / scale, p2 / scale
