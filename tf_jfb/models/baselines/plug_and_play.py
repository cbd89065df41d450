"""Plug-and-play: a denoiser, trained for its own sake, in place of a prior."""

import math

import tensorflow as tf

from tf_jfb._numerics import shaped
from tf_jfb._validate import check, check_positive
from tf_jfb.models.baselines._arguments import checked
from tf_jfb.models.baselines._programs import Programs
from tf_jfb.networks import Network
from tf_jfb.operators import Operator
from tf_jfb.solvers import Anderson, solve


class PlugAndPlay:
    r"""Half-quadratic splitting with a denoiser $D = I - R$ that knows nothing of the blur.

    Its traced programs are its own and go with it. A conditional network is never told a level
    outside of `levels`.

    Args:
        network: R, a trained network of `tf_jfb.networks`.
        levels: (low, high), the standard deviations, in [0, 1] units, of the noise that R was
            trained on; they do not matter to a network that is told none.

    Raises:
        ValueError: `levels` is no range of numbers >= 0, or `network` is no network.

    Source: Venkatakrishnan et al. (2013); as half-quadratic splitting: Zhang et al. (2021),
    arXiv 2008.13751.
    """

    def __init__(self, network, levels: tuple = (0.0, math.inf)):
        check(
            len(levels) == 2 and 0 <= levels[0] <= levels[1],
            "`levels` must be a range (low, high), 0 <= low <= high.",
            levels=levels,
        )
        check(
            isinstance(network, Network),
            "`network` must be a tf_jfb.networks.Network, like DnCNN.",
            network=network,
        )
        self.network, self.levels = network, tuple(levels)
        self._solved, self._annealed = Programs(self._solve), Programs(self._anneal)

    def fixed_point(
        self, d, operator: Operator, weight: float, *, noise: float, max_evaluations: int = 50
    ) -> tf.Tensor:
        r"""Fixed point of $x \mapsto D(\arg\min_z |A z - d|^2 + w\,|z - x|^2)$.

        A conditional denoiser is told the level $\sigma / \sqrt w$, so that w balances its noise
        against that of d. Solved by Anderson's method to a relative residual of 1e-3; images that
        do not get there keep their best iterate.

        Args:
            d: measurements [B, H, W, C].
            operator: A.
            weight: w > 0.
            noise: standard deviation $\sigma$ of the noise in d, in [0, 1] units.
            max_evaluations: cap on evaluations of the map, >= 1.

        Raises:
            ValueError: an argument is outside its range, or the level outside of `levels`.
        """
        d = checked(d, operator, weight, max_evaluations, "max_evaluations")
        check_positive("noise", noise)
        level = noise / weight**0.5
        check(
            not self.network.conditional or self._knows(level),
            "The level noise / sqrt(weight) must be one that the denoiser was trained on, "
            f"{self.levels[0]:g} to {self.levels[1]:g}.",
            noise=noise,
            weight=weight,
        )
        numbers = (tf.constant(number, d.dtype) for number in (weight, level))
        return self._solved(operator, d, *numbers, tf.constant(max_evaluations))

    def annealed(
        self,
        d,
        operator: Operator,
        weight: float,
        *,
        noise: float,
        start: float = 0.2,
        steps: int = 8,
    ) -> tf.Tensor:
        r"""$x_{k+1} = D(\arg\min_z |A z - d|^2 + w (\sigma / \sigma_k)^2 |z - x_k|^2; \sigma_k)$.

        From $x_0 = d$, at levels $\sigma_k$ that fall geometrically from `start` to the noise
        $\sigma$ of the data. It does not run to a fixed point: start and number of steps are part
        of the method, to be tuned as the weight is.

        Args:
            d: measurements [B, H, W, C]; A must not change their size.
            operator: A.
            weight: w > 0.
            noise: standard deviation of the noise in d, in [0, 1] units, within `levels`.
            start: the first level, above `noise` and within `levels`.
            steps: number of steps, >= 2.

        Raises:
            ValueError: an argument is outside its range, or the network is told no level.
        """
        d = checked(d, operator, weight, steps, "steps")
        check_positive("noise", noise)
        check(start > noise, "`start` must be above `noise`.", start=start, noise=noise)
        check(steps >= 2, "`steps` must be >= 2.", steps=steps)
        check(
            self.network.conditional,
            "`network` must be told the noise level.",
            network=self.network,
        )
        check(
            self._knows(start) and self._knows(noise),
            "`start` and `noise` must be levels that the denoiser was trained on, "
            f"{self.levels[0]:g} to {self.levels[1]:g}.",
            start=start,
            noise=noise,
        )
        numbers = (tf.constant(number, d.dtype) for number in (weight, noise, start))
        return self._annealed(operator, d, *numbers, tf.constant(steps))

    def _knows(self, level) -> bool:
        # Rounding must not put the end of a range outside of it.
        return self.levels[0] * (1 - 1e-6) <= level <= self.levels[1] * (1 + 1e-6)

    def _solve(self, operator, d, weight, level, cap):
        frozen = self.network.frozen(training=False)
        step, prepared = operator.prox_map(d, weight)

        def splitting(x, levels, *prepared):
            return self.network.denoised(frozen, step(x, *prepared), levels)

        start = step(operator.adjoint(d), *prepared)
        known = (tf.fill(tf.shape(d)[:1], level), *prepared)
        return solve(splitting, start, Anderson(rtol=1e-3), known, max_evaluations=cap).x

    def _anneal(self, operator, d, weight, noise, start, steps):
        frozen = self.network.frozen(training=False)
        images, last = tf.shape(d)[:1], tf.cast(steps - 1, d.dtype)

        def body(i, x):
            level = start * (noise / start) ** (tf.cast(i, d.dtype) / last)
            step, prepared = operator.prox_map(d, weight * tf.square(noise / level))
            z = self.network.denoised(frozen, step(x, *prepared), tf.fill(images, level))
            return i + 1, shaped(z, x.shape)

        return tf.while_loop(lambda i, _: i < steps, body, (tf.constant(0), d))[1]


def pnp(
    d,
    operator: Operator,
    weight: float,
    *,
    network,
    noise: float,
    max_evaluations: int = 50,
    levels: tuple = (0.0, math.inf),
) -> tf.Tensor:
    """`PlugAndPlay(network, levels).fixed_point(...)`, traced anew at every call."""
    method = PlugAndPlay(network, levels)
    return method.fixed_point(d, operator, weight, noise=noise, max_evaluations=max_evaluations)


def annealed_pnp(
    d,
    operator: Operator,
    weight: float,
    *,
    network,
    noise: float,
    start: float = 0.2,
    steps: int = 8,
    levels: tuple = (0.0, math.inf),
) -> tf.Tensor:
    """`PlugAndPlay(network, levels).annealed(...)`, traced anew at every call."""
    method = PlugAndPlay(network, levels)
    return method.annealed(d, operator, weight, noise=noise, start=start, steps=steps)
