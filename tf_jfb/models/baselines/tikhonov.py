"""Tikhonov reconstruction: conjugate gradients, or the closed form where A is circular."""

import numpy as np
import tensorflow as tf

from tf_jfb._numerics import per_image, per_image_dot
from tf_jfb.models.baselines._arguments import checked
from tf_jfb.models.baselines._differences import gradient, gradient_adjoint
from tf_jfb.models.baselines._programs import Programs
from tf_jfb.operators import BlurFFT, Operator


def tikhonov(d, operator: Operator, weight: float, iterations: int = 50) -> tf.Tensor:
    r"""$\arg\min_x |A x - d|^2 + w |\nabla x|^2$ per image.

    The gradient rather than the identity, which would pull towards black. For `BlurFFT` the
    differences are circular like A and the minimiser is exact,
    $\hat x = \overline{\hat k} \hat d / (|\hat k|^2 + w |\hat\nabla|^2)$; otherwise they are
    zero across the border and $(A^T A + w \nabla^T \nabla) x = A^T d$ is solved by conjugate
    gradients. Values are not clipped.

    Args:
        d: measurements [B, H, W, C].
        operator: A.
        weight: w > 0.
        iterations: fixed number of conjugate gradient steps, >= 1; few of them regularise too.

    Raises:
        ValueError: an argument is outside its range.
    """
    d = checked(d, operator, weight, iterations)
    return _PROGRAMS(operator, d, tf.constant(weight, d.dtype), tf.constant(iterations))


def _solved(operator, d, weight, iterations):
    if isinstance(operator, BlurFFT):
        return _closed_form(operator, d, weight)

    def penalty(x):
        return weight * gradient_adjoint(*gradient(x))

    return conjugate_gradients(operator, operator.adjoint(d), penalty, iterations)


_PROGRAMS = Programs(_solved)


def conjugate_gradients(operator, right, penalty, iterations) -> tf.Tensor:
    """`iterations` steps towards the x of A^T A x + penalty(x) = right, from x = right."""

    def normal(x):
        return operator.adjoint(operator(x)) + penalty(x)

    def body(i, x, residual, direction, energy):
        image = normal(direction)
        step = tf.math.divide_no_nan(energy, per_image_dot(direction, image))
        x += per_image(step, x) * direction
        residual -= per_image(step, x) * image
        new = per_image_dot(residual, residual)
        ratio = tf.math.divide_no_nan(new, energy)
        return i + 1, x, residual, residual + per_image(ratio, x) * direction, new

    residual = right - normal(right)
    start = (tf.constant(0), right, residual, residual, per_image_dot(residual, residual))
    return tf.while_loop(lambda i, *_: i < iterations, body, start)[1]


def _closed_form(operator, d, weight):
    height, width = tf.unstack(tf.shape(d)[1:3])
    down = _difference_spectrum(height, height, d.dtype)
    right = _difference_spectrum(width, width // 2 + 1, d.dtype)
    return operator.wiener(d, weight * (down[:, None] + right))


def _difference_spectrum(size, frequencies, dtype):
    """Squared modulus of the transfer function of a circular difference, [frequencies]."""
    half_angle = np.pi * tf.cast(tf.range(frequencies), dtype) / tf.cast(size, dtype)
    return 4.0 * tf.sin(half_angle) ** 2
