r"""Restarted GMRES for affine maps, in a form whose every evaluation is of a near-best iterate.

Where this differs from the textbook's Arnoldi form:
1. The Krylov space grows by the residual r of the current minimiser x, seen through the map: the
   residual at x + r is r - Br. Keeping the images orthonormal and updating x along them, as in
   generalised conjugate residuals, minimises over the same space, hence gives GMRES's iterates;
   and as r - Br = Mr, the loop notices convergence at the next evaluation.
2. Where the residual hardly fell, r adds no new direction and conjugate residuals would break
   down; the newest image does add one (the choice of Orthodir) and is probed instead.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_dot, per_image_norm, rounding
from tf_jfb._validate import check
from tf_jfb.solvers.base import Solver

# A residual that keeps more than this share of its norm does not extend the space safely.
STALLED = 0.99


class GMRESState(NamedTuple):
    """The minimiser over the current cycle's space and that space."""

    count: tf.Tensor  # int32 [B], directions in the cycle; -1 before the evaluation of `base`
    base: tf.Tensor  # [B, ...] the minimiser x
    residual: tf.Tensor  # [B, ...] f(x) - x, by recurrence within a cycle
    directions: tuple  # m tensors [B, ...], p_i with B p_i = q_i, newest first
    images: tuple  # m tensors [B, ...], q_i, orthonormal, newest first


@register
@dataclasses.dataclass(frozen=True)
class GMRES(Solver):
    r"""Restarted GMRES (Saad and Schultz, 1986) for affine $f(x) = Mx + b$.

    Solves $Bx = b$, $B = I - M$, whose residual is $r = b - Bx = f(x) - x$. After k evaluations
    beyond the first, the iterate minimises $|f(x) - x|$ over
    $x_0 + \mathrm{span}\{r_0, B r_0, \ldots, B^{k-1} r_0\}$, so that M need not contract; in exact
    arithmetic n + 2 evaluations suffice for an image of n entries if m >= n. One evaluation per
    cycle of m directions renews the residual. Of the form of Eisenstat, Elman and Schultz (1983).

    On a map that is not affine the minimiser is meaningless: use `Anderson` or `Broyden`.

    Args:
        m: directions per cycle, >= 1; the state holds 2 m + 2 tensors like x.

    Raises:
        ValueError: an option is outside its range.

    >>> from tf_jfb.solvers import solve
    >>> solution = solve(lambda x: 3.0 * x + 2.0, tf.zeros([1, 4]), GMRES(m=2))
    >>> float(solution.x[0, 0]), int(solution.evaluations[0])
    (-1.0, 3)
    """

    m: int = 10

    def __post_init__(self):
        super().__post_init__()
        check(isinstance(self.m, int) and self.m >= 1, "`m` must be an integer >= 1.", m=self.m)

    def init(self, x0: tf.Tensor) -> GMRESState:
        zeros = tf.zeros_like(x0)
        count = tf.fill([tf.shape(x0)[0]], -1)
        return GMRESState(count, x0, zeros, (zeros,) * self.m, (zeros,) * self.m)

    def step(self, x: tf.Tensor, fx: tf.Tensor, state: GMRESState) -> tuple:
        starts = state.count < 0
        p, q, grows = _extend(x - state.base, state.residual - (fx - x), rounding(fx), state)
        along = per_image(per_image_dot(state.residual, q), x)
        base = tf.where(per_image(starts, x), x, state.base + along * p)
        residual = tf.where(per_image(starts, x), fx - x, state.residual - along * q)
        count = tf.where(starts, 0, tf.where(grows, state.count + 1, -1))
        count = tf.where(count == self.m, -1, count)
        size = per_image_norm(residual)
        stalled = ~starts & (size > STALLED * per_image_norm(state.residual))
        probe = tf.where(per_image(stalled, x), per_image(size, x) * q, residual)
        x_next = tf.where(per_image(count < 0, x), base, base + probe)
        directions, images = (p, *state.directions[:-1]), (q, *state.images[:-1])
        return x_next, GMRESState(count, base, residual, directions, images)


def _extend(p: tf.Tensor, q: tf.Tensor, error: tf.Tensor, state: GMRESState) -> tuple:
    """Makes q = B p orthonormal to the images, p alike; zeros where only `error` is left."""
    error = error + rounding(q)
    for i, (direction, image) in enumerate(zip(state.directions, state.images, strict=True)):
        overlap = per_image(tf.where(i < state.count, per_image_dot(image, q), 0.0), q)
        p, q = p - overlap * direction, q - overlap * image
    left = per_image_norm(q)
    grows = (state.count >= 0) & (left > error)
    scale = per_image(tf.math.divide_no_nan(1.0, left), q)
    keep = per_image(grows, q)
    return tf.where(keep, scale * p, 0.0), tf.where(keep, scale * q, 0.0), grows
