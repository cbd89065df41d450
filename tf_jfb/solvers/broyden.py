r"""Broyden's method with a limited memory of rank-one updates.

Where this differs from the textbook's form:
1. The step between iterates is scaled to unit length before it enters a pair, so that the pairs
   neither overflow nor vanish in float32.
2. Where the memory is full the oldest pair is dropped before the newest is computed, so that the
   newest difference is met exactly at any m.
3. An image whose update is degenerate stores a pair of zeros, that is, keeps its matrix.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_dot, per_image_norm
from tf_jfb._validate import check
from tf_jfb.solvers.base import Solver

# An update that would change the determinant of H by more than the inverse of this is degenerate.
DEGENERATE = 1e-6


class BroydenState(NamedTuple):
    """The last iterate and H = -I + sum_i u_i v_i^T of every image."""

    x: tf.Tensor  # [B, ...]
    g: tf.Tensor  # [B, ...] f(x) - x
    u: tuple  # m tensors [B, ...], newest first, zeros where unused
    v: tuple  # m tensors [B, ...], newest first, zeros where unused


@register
@dataclasses.dataclass(frozen=True)
class Broyden(Solver):
    r"""Limited-memory good Broyden method (Broyden, 1965) for $g(x) = f(x) - x = 0$.

    Keeps an approximation H of the inverse Jacobian of g, at first -I, so that the first step is
    Picard's. With $s = (x_+ - x) / |x_+ - x|$ and $y = (g_+ - g) / |x_+ - x|$,
    $$H \leftarrow H + \frac{(s - Hy)\, s^T H}{s^T H y}, \qquad x \leftarrow x - H g.$$
    The update is the least change of the Jacobian that maps s to y. An image skips it where its
    denominator is nearly zero or not finite; with m pairs in memory the oldest is dropped.

    Args:
        m: rank-one updates in memory, >= 1; the state holds 2 m + 2 tensors like x.

    Raises:
        ValueError: an option is outside its range.

    >>> Broyden(m=3).get_config()["m"]
    3
    """

    m: int = 10

    def __post_init__(self):
        super().__post_init__()
        check(isinstance(self.m, int) and self.m >= 1, "`m` must be an integer >= 1.", m=self.m)

    def init(self, x0: tf.Tensor) -> BroydenState:
        zeros = tf.zeros_like(x0)
        return BroydenState(x0, zeros, (zeros,) * self.m, (zeros,) * self.m)

    def step(self, x: tf.Tensor, fx: tf.Tensor, state: BroydenState) -> tuple:
        g = fx - x
        u, v = state.u[:-1], state.v[:-1]
        newest = _pair(x - state.x, g - state.g, u, v)
        u, v = (newest[0], *u), (newest[1], *v)
        return x - _apply(u, v, g), BroydenState(x, g, u, v)


def _pair(s: tf.Tensor, y: tf.Tensor, u: tuple, v: tuple) -> tuple:
    """The update (s - H y) / <s, H y> and H^T s; zeros where it is degenerate."""
    length = per_image(per_image_norm(s), s)
    s, y = s / length, y / length
    hy, hs = _apply(u, v, y), _apply(v, u, s)
    denominator = per_image_dot(s, hy)
    finite = tf.math.is_finite(per_image_norm(hy)) & tf.math.is_finite(per_image_norm(hs))
    keep = per_image(finite & (tf.abs(denominator) > DEGENERATE), s)
    u_new = (s - hy) / per_image(denominator, s)
    return tf.where(keep, u_new, 0.0), tf.where(keep, hs, 0.0)


def _apply(u: tuple, v: tuple, z: tf.Tensor) -> tf.Tensor:
    """H z, of H = -I + sum_i u_i v_i^T."""
    terms = [per_image(per_image_dot(b, z), z) * a for a, b in zip(u, v, strict=True)]
    return tf.add_n([-z, *terms])
