"""Wiener deconvolution with a constant ratio of noise to signal."""

import tensorflow as tf

from tf_jfb.models.baselines._arguments import checked
from tf_jfb.models.baselines._programs import Programs
from tf_jfb.models.baselines.tikhonov import conjugate_gradients
from tf_jfb.operators import BlurFFT, Operator


def wiener(d, operator: Operator, weight: float, iterations: int = 50) -> tf.Tensor:
    r"""$(A^T A + w I)^{-1} A^T d$ per image, about the mean of d: the filter for white signals.

    $w$ is the noise's variance over the signal's. Exact for circular blur, elsewhere by conjugate
    gradients. Values are not clipped.

    Args:
        d: measurements [B, H, W, C].
        operator: A.
        weight: w > 0.
        iterations: fixed number of conjugate gradient steps, >= 1.

    Raises:
        ValueError: an argument is outside its range.

    Source: Wiener (1949).
    """
    d = checked(d, operator, weight, iterations)
    return _PROGRAMS(operator, d, tf.constant(weight, d.dtype), tf.constant(iterations))


def _filtered(operator, d, weight, iterations):
    mean = tf.reduce_mean(d, axis=(1, 2), keepdims=True)
    right = operator.adjoint(d) + weight * mean
    if isinstance(operator, BlurFFT):
        return operator.inverse(right, weight)
    return conjugate_gradients(operator, right, lambda x: weight * x, iterations)


_PROGRAMS = Programs(_filtered)
