"""Measurement noise: added, reproducible from its seed, and estimated."""

import dataclasses
import numbers

import numpy as np
import tensorflow as tf

from tf_jfb._noise_level import Estimate, estimate
from tf_jfb._numerics import cast, per_image
from tf_jfb._validate import check, is_number, make_plain, refuse

__all__ = ["Estimate", "PoissonGaussian", "estimate", "gaussian", "poisson_gaussian"]


@dataclasses.dataclass(frozen=True)
class PoissonGaussian:
    r"""Noise of a camera that counts photons: variance $(x + r^2 / N) / N$ at light x in [0, 1].

    Args:
        photons: N, counted where x is 1; or
        gain: photons (electrons) per step of a file's values, whose white then tells N.
        read_noise: r, standard deviation in electrons, that the camera adds.

    Raises:
        ValueError: not one of `photons` and `gain` is given, or one is not positive, or
            `read_noise` negative.
    """

    photons: float | None = None
    gain: float | None = None
    read_noise: float = 0.0

    def __post_init__(self):
        make_plain(self)
        check(
            (self.photons is None) != (self.gain is None),
            "Either `photons` or `gain` must be given.",
            photons=self.photons,
            gain=self.gain,
        )
        for name in ("photons", "gain"):
            value = getattr(self, name)
            check(
                value is None or is_number(value) and value > 0,
                f"`{name}` must be a positive, finite number.",
                **{name: value},
            )
        _check_read_noise(self.read_noise)

    def at_white(self, white: float | None) -> "PoissonGaussian":
        """With `photons`, where `white` is the file's value that is 1."""
        if self.gain is None:
            return self
        if white is None or not white > 1:
            refuse(
                "`gain` needs values as the file counts them, and the one that is white: give "
                "`photons`, those at 1, for values that have been scaled.",
                gain=self.gain,
                white=white,
            )
        return PoissonGaussian(self.gain * white, read_noise=self.read_noise)

    def std(self, light: np.ndarray, mask: np.ndarray | None = None) -> float:
        """The one level that stands for all of an image: root of the mean variance.

        Args:
            light: [H, W, C], proportional to light, 1 where `photons` are counted.
            mask: [H, W, 1], 1 where a pixel is to be trusted; default everywhere.
        """
        if self.photons is None:
            refuse("`photons` must be known: see `at_white`.", gain=self.gain)
        weights = np.ones_like(light) if mask is None else np.broadcast_to(mask, light.shape)
        mean = max(float(np.average(light, weights=weights)), 0.0)
        return float(np.sqrt((mean + self.read_noise**2 / self.photons) / self.photons))


def gaussian(x, std, seed) -> tf.Tensor:
    r"""$x + \sigma n$ with $n$ standard normal, drawn independently for every value.

    The draw depends on `seed` and the shape of `x` alone: the same in eager and graph mode.

    Args:
        x: floating tensor [B, ...].
        std: $\sigma \ge 0$ in the units of `x`: a number, a scalar or one per image [B].
        seed: an integer, or two integers as for `tf.random.stateless_normal`.

    Raises:
        ValueError: `x` is not floating, `std` is a negative number or not one per image, or `seed`
            is neither form.
    """
    x = tf.convert_to_tensor(x)
    check(x.dtype.is_floating, "`x` must have a floating dtype.", dtype=x.dtype.name)
    check(
        not isinstance(std, numbers.Real) or 0 <= float(std) < float("inf"),
        "`std` must be a finite number >= 0.",
        std=std,
    )
    # Philox by name: left to choose, TensorFlow takes another generator on some devices.
    unit = tf.random.stateless_normal(tf.shape(x), _seed(seed), dtype=x.dtype, alg="philox")
    return x + _each("std", std, x) * unit


def poisson_gaussian(x, photons, seed, read_noise=0.0) -> tf.Tensor:
    r"""$(\mathrm{Poisson}(N x) + r n) / N$ with $n$ standard normal: what a camera counts of x.

    Its variance is $(x + r^2 / N) / N$. The draw depends on the arguments alone.

    Args:
        x: floating tensor [B, ...], proportional to light; below 0 it is dark.
        photons: N > 0 where x is 1, a number, a scalar or one per image [B]: for values as the
            file counts them, its gain.
        seed: an integer, or two integers.
        read_noise: r >= 0, standard deviation in photons (electrons), a number.

    Raises:
        ValueError: `x` is not floating, `photons` is a number that is not positive or not one per
            image, `read_noise` is negative, or `seed` is neither form.
    """
    x = tf.convert_to_tensor(x)
    check(x.dtype.is_floating, "`x` must have a floating dtype.", dtype=x.dtype.name)
    check(
        not isinstance(photons, numbers.Real) or 0 < float(photons) < float("inf"),
        "`photons` must be a positive, finite number.",
        photons=photons,
    )
    _check_read_noise(read_noise)
    photons, seed = _each("photons", photons, x), _seed(seed)
    counts = tf.maximum(x, 0.0) * photons
    drawn = tf.random.stateless_poisson(tf.shape(x), seed, counts, dtype=x.dtype)
    # Another draw: the first word of the seed is the user's.
    return gaussian(drawn, read_noise, seed + [0, 1]) / photons


def _each(name, value, x) -> tf.Tensor:
    """`value`, a number, a scalar or one per image [B], to broadcast against `x` [B, ...]."""
    value = cast(value, x.dtype)
    if value.shape.rank != 1:
        return value
    check(
        x.shape.rank is None or value.shape[:1].is_compatible_with(x.shape[:1]),
        f"`{name}` must be a number, or [B] with one for every image.",
        **{name: tuple(value.shape)},
        images=x.shape[0] if x.shape.rank else None,
    )
    return per_image(value, x)


def _seed(seed) -> tf.Tensor:
    seed = tf.convert_to_tensor([seed, 0] if isinstance(seed, numbers.Integral) else seed)
    check(
        seed.dtype.is_integer and seed.shape == (2,),
        "`seed` must be an integer or two integers.",
        seed=seed,
    )
    return seed


def _check_read_noise(value) -> None:
    check(
        is_number(value) and value >= 0,
        "`read_noise` must be a finite number >= 0.",
        read_noise=value,
    )
