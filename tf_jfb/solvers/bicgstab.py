r"""BiCGSTAB for affine maps, as a state machine of two evaluations per iteration."""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_dot, per_image_norm, rounding
from tf_jfb.solvers.base import Solver

# What the next evaluation is for: the residual of `base`, or the image of a step away from it.
START, DIRECTION, RESIDUAL = 0, 1, 2
# A step whose residual would exceed the present one by this factor is a breakdown.
BREAKDOWN = 1e4


class BiCGSTABState(NamedTuple):
    """The vectors of van der Vorst's recurrences; each image has its own phase."""

    phase: tf.Tensor  # int32 [B], START, DIRECTION or RESIDUAL
    base: tf.Tensor  # [B, ...] the iterate
    residual: tf.Tensor  # [B, ...] f(base) - base, by recurrence
    shadow: tf.Tensor  # [B, ...] the residual of the last start
    direction: tf.Tensor  # [B, ...] p
    image: tf.Tensor  # [B, ...] v = B p
    rho: tf.Tensor  # float64 [B], <shadow, residual> before the step along p
    alpha: tf.Tensor  # float64 [B], length of the step along p


@register
@dataclasses.dataclass(frozen=True)
class BiCGSTAB(Solver):
    r"""Stabilised biconjugate gradients (van der Vorst, 1992) for affine $f(x) = Mx + b$.

    Solves $Bx = b$, $B = I - M$, with residual $r = f(x) - x$ and shadow $\hat r = r_0$:
    $$\alpha = \frac{\langle \hat r, r\rangle}{\langle \hat r, Bp\rangle},\quad s = r - \alpha Bp,
    \quad \omega = \frac{\langle Bs, s\rangle}{|Bs|^2},\quad x \leftarrow x + \alpha p + \omega s.$$
    $Bp$ comes from the evaluation at $x + p$ and $Bs$ from that at $x + \alpha p + s$. Memory does
    not grow with the iterations and M need not contract, but the residual may rise on its way.

    An image restarts from its iterate where $\langle \hat r, r\rangle$, $\langle\hat r, Bp\rangle$
    or $\omega$ nearly vanishes. Where B turns every vector by 90 degrees all do: use `GMRES`. On a
    map that is not affine the iterate is meaningless: use `Anderson` or `Broyden`.

    Raises:
        ValueError: an option is outside its range.

    >>> from tf_jfb.solvers import solve
    >>> solution = solve(lambda x: 3.0 * x + 2.0, tf.zeros([1, 4]), BiCGSTAB())
    >>> float(solution.x[0, 0]), int(solution.evaluations[0])
    (-1.0, 3)
    """

    def init(self, x0: tf.Tensor) -> BiCGSTABState:
        zeros, batch = tf.zeros_like(x0), tf.shape(x0)[:1]
        scalars = tf.zeros(batch, tf.float64)
        return BiCGSTABState(
            tf.fill(batch, START), x0, zeros, zeros, zeros, zeros, scalars, scalars
        )

    def step(self, x: tf.Tensor, fx: tf.Tensor, state: BiCGSTABState) -> tuple:
        outcomes = [phase(x, fx - x, state) for phase in (_start, _half, _whole)]
        state = BiCGSTABState(
            *(_select(state.phase, fields) for fields in zip(*outcomes, strict=True))
        )
        away = _select(state.phase, (tf.zeros_like(x), state.direction, state.residual))
        return state.base + away, state


def _select(phase: tf.Tensor, values: tuple) -> tf.Tensor:
    """Of three tensors [B, ...], each image's by its phase."""
    start, half, whole = values
    chosen = tf.where(per_image(phase == DIRECTION, start), half, start)
    return tf.where(per_image(phase == RESIDUAL, start), whole, chosen)


def _start(x, residual, state) -> BiCGSTABState:
    """After the evaluation of the iterate itself: residual, shadow and direction are the same."""
    phase = tf.fill(tf.shape(x)[:1], DIRECTION)
    rho = _dot(residual, residual)
    return state._replace(
        phase=phase, base=x, residual=residual, shadow=residual, direction=residual, rho=rho
    )


def _half(x, residual, state) -> BiCGSTABState:
    """After the evaluation of base + p: the step along p."""
    p, v = x - state.base, state.residual - residual
    alpha = state.rho / _dot(state.shadow, v)
    ok = _bounded(alpha, v, state.residual)
    alpha = tf.where(ok, alpha, 0.0)
    length = per_image(tf.cast(alpha, x.dtype), x)
    return state._replace(
        phase=tf.where(ok, RESIDUAL, START),
        base=state.base + length * p,
        residual=state.residual - length * v,
        direction=p,
        image=v,
        alpha=alpha,
    )


def _whole(x, residual, state) -> BiCGSTABState:
    """After the evaluation of base + s: the step along s, and the next direction."""
    s, t = x - state.base, state.residual - residual
    omega = tf.math.divide_no_nan(_dot(t, state.residual), _dot(t, t))
    length = per_image(tf.cast(omega, x.dtype), x)
    r = state.residual - length * t
    rho = _dot(state.shadow, r)
    beta = rho / state.rho * state.alpha / omega
    conjugate = state.direction - length * state.image
    ok = _bounded(beta, conjugate, r) & (per_image_norm(r) > rounding(x))
    beta = per_image(tf.cast(tf.where(ok, beta, 0.0), x.dtype), x)
    return state._replace(
        phase=tf.where(ok, DIRECTION, START),
        base=state.base + length * s,
        residual=r,
        direction=r + beta * conjugate,
        rho=rho,
    )


def _dot(a, b):
    return tf.cast(per_image_dot(a, b), tf.float64)


def _bounded(factor, vector, residual) -> tf.Tensor:
    """Whether |factor vector| <= BREAKDOWN |residual|; false where `factor` is NaN."""
    size, bound = per_image_norm(vector), per_image_norm(residual)
    return tf.abs(factor) * tf.cast(size, tf.float64) <= BREAKDOWN * tf.cast(bound, tf.float64)
