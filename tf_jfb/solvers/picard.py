"""Damped Picard iteration."""

import dataclasses

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check
from tf_jfb.solvers.base import Solver


@register
@dataclasses.dataclass(frozen=True)
class Picard(Solver):
    r"""Damped iteration $x \leftarrow (1 - \beta) x + \beta f(x)$, $\beta$ = `damping`.

    Converges linearly if f contracts; with damping also for non-expansive f (Krasnoselskii-Mann).

    Args:
        damping: weight of f(x), in (0, 1].

    Raises:
        ValueError: an option is outside its range.

    >>> Picard(rtol=1e-6, damping=0.5)
    Picard(rtol=1e-06, atol=0.0, max_evaluations=50, damping=0.5)
    """

    damping: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        check(0.0 < self.damping <= 1.0, "`damping` must lie in (0, 1].", damping=self.damping)

    def init(self, x0: tf.Tensor) -> tuple:
        return ()

    def step(self, x: tf.Tensor, fx: tf.Tensor, state: tuple) -> tuple:
        return x + self.damping * (fx - x), state
