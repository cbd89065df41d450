"""Plug-and-play in a few steps from a high noise level to that of the data."""

import functools
import math

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.models.baselines._arguments import checked
from tf_jfb.operators import Operator


def annealed_pnp(
    d,
    operator: Operator,
    weight: float,
    *,
    network,
    noise: float,
    start: float = 0.2,
    steps: int = 8,
) -> tf.Tensor:
    r"""$x_{k+1} = D(\arg\min_z |A z - d|^2 + w (\sigma / \sigma_k)^2 |z - x_k|^2; \sigma_k)$.

    Half-quadratic splitting from $x_0 = d$ with $D = I - R$, whose levels $\sigma_k$ fall
    geometrically from `start` to the noise $\sigma$ of the data. It does not run to a fixed point:
    the number of steps is part of the method.

    Args:
        d: measurements [B, H, W, C]; A must not change their size.
        operator: A.
        weight: w > 0.
        network: R, a trained network of `tf_jfb.networks` that is told the noise level.
        noise: standard deviation of the noise in d, in [0, 1] units.
        start: the first level, above `noise`.
        steps: number of steps, >= 2.

    Raises:
        ValueError: an argument is outside its range.

    Source: Zhang et al. (2021), arXiv 2008.13751.
    """
    d = checked(d, operator, weight, steps)
    check(noise > 0, "`noise` must be positive.", noise=noise)
    check(start > noise, "`start` must be above `noise`.", start=start, noise=noise)
    check(steps >= 2, "`steps` must be >= 2.", steps=steps)
    check(network.conditional, "`network` must be told the noise level.", network=network)
    levels = tf.exp(tf.linspace(math.log(start), math.log(noise), steps))
    rho = weight * tf.square(noise / levels)
    return _program(operator, network)(d, tf.cast(levels, d.dtype), tf.cast(rho, d.dtype))


@functools.lru_cache(maxsize=8)
def _program(operator, network):
    def annealed(d, levels, rho):
        residual = network.frozen(training=False)

        def body(i, x):
            step, prepared = operator.prox_map(d, rho[i])
            z = step(x, *prepared)
            level = tf.fill(tf.shape(z)[:1], levels[i])
            return i + 1, z - tf.cast(residual(z, level), z.dtype)

        return tf.while_loop(lambda i, _: i < tf.shape(levels)[0], body, (tf.constant(0), d))[1]

    return tf.function(annealed, reduce_retracing=True, autograph=False)
