r"""Broyden's method with a limited memory of rank-one updates.

Where this differs from the textbook's form:
1. The step between iterates is scaled to unit length before it enters a pair, so that the pairs
   neither overflow nor vanish in float32.
2. Where the memory is full it starts again from -I and the newest difference: later pairs build on
   the earlier ones, so dropping only the oldest leaves a matrix that suits none of them.
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

    count: tf.Tensor  # int32 [], pairs in memory; -1 before the first evaluation
    x: tf.Tensor  # [B, ...]
    g: tf.Tensor  # [B, ...] f(x) - x
    u: tuple  # m tensors [B, ...], newest first
    v: tuple  # m tensors [B, ...], newest first


@register
@dataclasses.dataclass(frozen=True)
class Broyden(Solver):
    r"""Limited-memory good Broyden method (Broyden, 1965) for $g(x) = f(x) - x = 0$.

    Keeps an approximation H of the inverse Jacobian of g, at first -I, so that the first step is
    Picard's. With $s = (x_+ - x) / |x_+ - x|$ and $y = (g_+ - g) / |x_+ - x|$,
    $$H \leftarrow H + \frac{(s - Hy)\, s^T H}{s^T H y}, \qquad x \leftarrow x - H g.$$
    The update is the least change of the Jacobian that maps s to y. An image skips it where its
    denominator is nearly zero or not finite. With m pairs in memory the next update starts from -I.

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
        return BroydenState(tf.constant(-1), x0, zeros, (zeros,) * self.m, (zeros,) * self.m)

    def step(self, x: tf.Tensor, fx: tf.Tensor, state: BroydenState) -> tuple:
        g = fx - x
        count = tf.where(state.count < self.m, state.count, 0)
        newest = _pair(x - state.x, g - state.g, state._replace(count=count))
        u, v = (newest[0], *state.u[:-1]), (newest[1], *state.v[:-1])
        return x - _apply(u, v, count + 1, g), BroydenState(count + 1, x, g, u, v)


def _pair(s: tf.Tensor, y: tf.Tensor, state: BroydenState) -> tuple:
    """The update (s - H y) / <s, H y> and H^T s; zeros where it is degenerate."""
    length = per_image(per_image_norm(s), s)
    s, y = s / length, y / length
    hy = _apply(state.u, state.v, state.count, y)
    hs = _apply(state.v, state.u, state.count, s)
    denominator = per_image_dot(s, hy)
    finite = tf.math.is_finite(per_image_norm(hy)) & tf.math.is_finite(per_image_norm(hs))
    keep = per_image(finite & (tf.abs(denominator) > DEGENERATE), s)
    u_new = (s - hy) / per_image(denominator, s)
    return tf.where(keep, u_new, 0.0), tf.where(keep, hs, 0.0)


def _apply(u: tuple, v: tuple, count: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
    """H z, of H = -I + sum_i u_i v_i^T over the first `count` pairs."""
    weights = [tf.where(i < count, per_image_dot(b, z), 0.0) for i, b in enumerate(v)]
    return tf.add_n([-z, *(per_image(w, z) * a for w, a in zip(weights, u, strict=True))])
