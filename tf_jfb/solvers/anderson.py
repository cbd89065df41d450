"""Anderson acceleration with a Gram matrix that gains one row per iteration.

Where this differs from the paper's code:
1. The ridge is relative to the trace of the Gram matrix: an absolute one dominates the matrix
   near convergence and flattens the weights.
2. The history rotates by reference, newest first, and the Gram matrix shifts with it, so an
   iteration computes m inner products, not m^2.
3. An image whose weights are not finite takes a plain step instead.
4. An image whose residual grew on the advice of a full history starts its history anew, from a
   plain step. Where f is an affine contraction no residual grows; elsewhere old ones may mislead
   for good. While a history fills nothing is reset: weights that tame an f that expands need it.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_dot
from tf_jfb._validate import check
from tf_jfb.solvers.base import Solver


class AndersonState(NamedTuple):
    """The last m iterates and residuals of every image."""

    count: tf.Tensor  # int32 [B], residuals in the history
    gram: tf.Tensor  # float64 [B, m, m], <r_i, r_j>, newest first
    mixed: tuple  # m tensors [B, ...], x_i + beta r_i, newest first
    residuals: tuple  # m tensors [B, ...], r_i = f(x_i) - x_i, newest first


@register
@dataclasses.dataclass(frozen=True)
class Anderson(Solver):
    r"""Anderson acceleration of depth m (Anderson, 1965; Walker and Ni, 2011).

    With residuals $r_i = f(x_i) - x_i$ of the last m iterates and their Gram matrix G,
    $$\alpha = \arg\min_{\sum \alpha_i = 1} \alpha^T (G + \lambda\,\mathrm{tr}(G) I) \alpha,
    \qquad x \leftarrow \sum_i \alpha_i (x_i + \beta r_i).$$
    An image whose residual grows although its history is full starts its history anew.

    Args:
        m: iterates in the history, >= 1; m = 1 is Picard with damping `beta`.
        beta: mixing weight of the residuals, in (0, 1].
        ridge: $\lambda$, relative to the trace of G, >= 0.

    Raises:
        ValueError: an option is outside its range.

    >>> Anderson(m=3).get_config()["m"]
    3
    """

    m: int = 5
    beta: float = 1.0
    ridge: float = 1e-8

    def __post_init__(self):
        super().__post_init__()
        check(isinstance(self.m, int) and self.m >= 1, "`m` must be an integer >= 1.", m=self.m)
        check(0.0 < self.beta <= 1.0, "`beta` must lie in (0, 1].", beta=self.beta)
        check(0.0 <= self.ridge < 1.0, "`ridge` must lie in [0, 1).", ridge=self.ridge)

    def init(self, x0: tf.Tensor) -> AndersonState:
        zeros = (tf.zeros_like(x0),) * self.m
        batch = tf.shape(x0)[0]
        gram = tf.zeros(tf.stack([batch, self.m, self.m]), tf.float64)
        return AndersonState(tf.fill([batch], 0), gram, zeros, zeros)

    def step(self, x: tf.Tensor, fx: tf.Tensor, state: AndersonState) -> tuple:
        residual = fx - x
        mixed = (x + self.beta * residual, *state.mixed[:-1])
        residuals = (residual, *state.residuals[:-1])
        row = tf.stack([per_image_dot(residual, r) for r in residuals], axis=1)
        gram = _shift(state.gram, tf.cast(row, tf.float64))
        misled = (state.count == self.m) & (gram[:, 0, 0] > state.gram[:, 0, 0])
        count = tf.where(misled, 1, tf.minimum(state.count + 1, self.m))
        weights = tf.cast(_weights(gram, count, self.ridge), x.dtype)
        shares = tf.unstack(weights, axis=1)
        x_next = tf.add_n([per_image(w, x) * u for w, u in zip(shares, mixed, strict=True)])
        return x_next, AndersonState(count, gram, mixed, residuals)


def _shift(gram: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """Moves every entry one down and right and writes `row` [B, m] as first row and column."""
    lower = tf.concat([row[:, 1:, None], gram[:, :-1, :-1]], axis=2)
    return tf.concat([row[:, None, :], lower], axis=1)


def _weights(gram: tf.Tensor, count: tf.Tensor, ridge: float) -> tf.Tensor:
    """Minimiser alpha [B, m] with sum 1; an image's slots from its `count` on weigh nothing."""
    m = gram.shape[-1]
    slots = tf.range(m) < count[:, None]
    used = tf.cast(slots, gram.dtype)
    eye = tf.eye(m, dtype=gram.dtype)
    # Chosen, not multiplied: what is left out need not be finite.
    gram = tf.where(slots[:, :, None] & slots[:, None, :], gram, 0.0)
    trace = tf.linalg.trace(gram)[:, None, None]
    # Unit trace, so that no image's scale can overflow or vanish; unused slots become identity.
    system = tf.math.divide_no_nan(gram, trace) + (ridge + 1e-14) * eye
    alpha = _solve_spd(tf.where(slots[:, :, None], system, eye), used)
    alpha = alpha / tf.reduce_sum(alpha, axis=1, keepdims=True)
    newest = tf.one_hot(tf.zeros_like(count), m, dtype=gram.dtype)
    finite = tf.reduce_all(tf.math.is_finite(alpha), axis=1, keepdims=True)
    return tf.where(finite, alpha, newest)


def _solve_spd(system: tf.Tensor, rhs: tf.Tensor) -> tf.Tensor:
    """Solves [B, m, m] y = rhs [B, m] by Gauss-Jordan elimination.

    tf.linalg's solvers abort the whole batch when one matrix is singular or NaN, and lower to
    custom calls under XLA; m is small, so plain elimination on the batch does neither.
    """
    m = system.shape[-1]
    table = tf.concat([system, rhs[:, :, None]], axis=2)
    for i in range(m):
        row, column = table[:, i : i + 1], table[:, :, i : i + 1]
        pivot = row[:, :, i : i + 1]
        # Rounding can leave a pivot at or below zero: push that direction out of the solution.
        row = row / tf.where(pivot > 1e-14, pivot, 1e14)
        keep = tf.constant([[float(j != i)] for j in range(m)], table.dtype)
        table = (table - column * row) * keep + (1.0 - keep) * row
    return table[:, :, -1]
