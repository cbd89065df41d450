"""Measurement noise: added, reproducible from its seed, and estimated."""

import numbers

import tensorflow as tf

from tf_jfb._noise_level import Estimate, estimate
from tf_jfb._numerics import cast, per_image
from tf_jfb._validate import check

__all__ = ["Estimate", "estimate", "gaussian"]


def gaussian(x, std, seed) -> tf.Tensor:
    r"""$x + \sigma n$ with $n$ standard normal, drawn independently for every value.

    The draw depends on `seed` and the shape of `x` alone: the same in eager and graph mode.

    Args:
        x: floating tensor [B, ...].
        std: $\sigma \ge 0$ in the units of `x`: a number, a scalar or one per image [B].
        seed: an integer, or two integers as for `tf.random.stateless_normal`.

    Raises:
        ValueError: `x` is not floating, `std` is a negative number, or `seed` is neither form.
    """
    x = tf.convert_to_tensor(x)
    check(x.dtype.is_floating, "`x` must have a floating dtype.", dtype=x.dtype.name)
    check(
        not isinstance(std, numbers.Real) or 0 <= float(std) < float("inf"),
        "`std` must be a finite number >= 0.",
        std=std,
    )
    seed = tf.convert_to_tensor([seed, 0] if isinstance(seed, numbers.Integral) else seed)
    check(
        seed.dtype.is_integer and seed.shape == (2,),
        "`seed` must be an integer or two integers.",
        seed=seed,
    )
    # Philox by name: left to choose, TensorFlow takes another generator on some devices.
    unit = tf.random.stateless_normal(tf.shape(x), seed, dtype=x.dtype, alg="philox")
    std = cast(std, x.dtype)
    return x + (per_image(std, x) if std.shape.rank == 1 else std) * unit
