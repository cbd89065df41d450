"""Back-propagation through a plain iteration: what an equilibrium model is compared with."""

import dataclasses

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._gradients import recompute
from tf_jfb._numerics import shaped
from tf_jfb._types import Solution
from tf_jfb._validate import check, make_plain
from tf_jfb.gradients.base import Estimator
from tf_jfb.solvers import solve


@register
@dataclasses.dataclass(frozen=True)
class Unrolled(Estimator):
    r"""$x_k = f(x_{k-1})$, k = `steps` times from the start x0, back-propagated as it stands.

    No fixed point is solved for: the output is $x_k$ and the gradient that of $x_k$, which is the
    fixed point's once k is large. Memory grows with k; with `recompute` only the iterates are
    kept, and f is evaluated again in the backward pass. That works in the layers and models of this
    library, whose maps say what they depend on.

    Raises:
        ValueError: `steps` is not an integer >= 1; in `fixed_point`, `recompute` is asked for a
            problem that does not say how f is remade.
    """

    steps: int = 10
    recompute: bool = False

    at_fixed_point = False

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.steps, int) and self.steps >= 1,
            "`steps` must be an integer >= 1.",
            steps=self.steps,
        )

    def fixed_point(self, problem, solver, report=None, compact=False) -> tuple:
        """(x_k, Solution): the last iterate, judged by one evaluation more."""
        step = self._recomputing(problem) if self.recompute else problem.at
        x = tf.stop_gradient(problem.x0)
        for _ in range(self.steps - 1):
            x = step(x)
        x = (problem.recorded_at if problem.recorded else step)(x)
        return x, self._judged(problem, solver, x)

    def solution(self, problem, solver, rtol=None, max_evaluations=None, **options) -> Solution:
        """x_k; or, where a tolerance or a cap is asked for, what a solve ends with."""
        if rtol is not None or max_evaluations is not None:
            options |= {"rtol": rtol, "max_evaluations": max_evaluations}
            return super().solution(problem, solver, **options)

        def again(i, x):
            return (i + 1, shaped(problem.at(x), problem.x0.shape))

        x = tf.while_loop(lambda i, _: i < self.steps, again, (0, problem.x0))[1]
        return self._judged(problem, solver, x, trace=options.get("trace", False))

    def _judged(self, problem, solver, x, **options) -> Solution:
        x, options = tf.stop_gradient(x), options | {"max_evaluations": 1}
        last = solve(problem.f, x, solver, problem.inputs, **options)
        return last._replace(evaluations=last.evaluations + self.steps)

    def _recomputing(self, problem):
        """Gives f its dependencies as arguments: the gradients by a closure's would be lost."""
        check(
            problem.remade is not None,
            "`recompute` needs a problem that says how f is `remade` from its `sources`.",
            problem=problem.f,
        )
        recomputed = recompute(problem.remade)
        return lambda x: recomputed(x, *problem.sources)

    def get_config(self) -> dict:
        return dataclasses.asdict(self)
