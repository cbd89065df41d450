"""The place where every gradient estimator is attached to a fixed point."""

import tensorflow as tf

from tf_jfb._gradients import custom_gradient
from tf_jfb._numerics import shaped
from tf_jfb._types import FixedPointProblem, Solution
from tf_jfb._validate import check
from tf_jfb.solvers import Solver, solve
from tf_jfb.solvers.solve import with_last


class Estimator:
    r"""Replaces $(I - J^T)^{-1} v$ in the gradient of a fixed point, $J = \partial f/\partial x$.

    A subclass supplies `reweight`. `fixed_point` solves, then `attach` applies f once,
    differentiably, at the fixed point: that one recorded application yields
    $\partial f/\partial\theta$, and an identity on its output carries `reweight` through
    `tf.custom_gradient`. The value is that of x*.

    To differentiate the estimate again raises NotImplementedError: it is taken at an x* that
    stands still, and what its derivative would leave out has no formula here. `Unrolled`, which
    back-propagates through its iteration as it stands, may be differentiated again.
    """

    at_fixed_point = True  # False: the output is an iterate, which no solver looked for

    @property
    def adjoint_solver(self) -> Solver | None:
        """That of the backward pass, where it makes a solve."""
        return None

    def stateless(self) -> "Estimator":
        """This estimate less what it keeps between steps of training: what inference takes."""
        return self

    def fixed_point(
        self, problem: FixedPointProblem, solver: Solver, report=None, compact: bool = False
    ) -> tuple:
        """(x*, Solution): the fixed point, differentiable by this estimate, and how it was found.

        The recorded application is the last evaluation of a solve that meets its cap. `report` as
        in `attach`, `compact` as in `solve`.
        """
        solution = solve(
            problem.f,
            problem.x0,
            solver,
            problem.inputs,
            compact=compact,
            pending=True,
            spent=problem.spent,
        )
        values = []

        def recorded(x):
            values.append(problem.recorded_at(x))
            return values[0]

        x = self.attach(problem.at, solution.x, recorded, report)
        return x, with_last(solution, values[0], solver)

    def solution(self, problem: FixedPointProblem, solver: Solver, **options) -> Solution:
        """What `fixed_point` finds, without a gradient; `options` as in `solve`."""
        known = (problem.f, problem.x0, solver, problem.inputs)
        return solve(*known, spent=problem.spent, **options)

    def attach(self, f, x_star: tf.Tensor, recorded=None, report=None) -> tf.Tensor:
        """Returns x* [B, ...] with the estimator's backward pass; the argument gets no gradient.

        `recorded` stands for f in the one recorded application, where f has effects (moving
        batch statistics, say) that must happen once. `report(solution)` is called in the backward
        pass with the `Solution` of an adjoint solve, by the estimators that make one.
        """
        x_star = tf.stop_gradient(x_star)
        attached = []

        # Only an identity is decorated: it reads no variables, so `grad` needs no `variables`
        # argument and mixed precision cannot interfere.
        @custom_gradient
        def reweighted(fx):
            def grad(v):
                if not attached:
                    raise NotImplementedError(
                        "A fixed point has no forward-mode derivative: use a GradientTape."
                    )
                w, solution = self.adjoint(f, x_star, v)
                if report is not None and solution is not None:
                    report(solution)
                return _once_only(w, attached[0])

            return tf.identity(fx), grad

        y = reweighted((recorded or f)(x_star))
        attached.append(x_star + (y - tf.stop_gradient(y)))  # NaN where f(x*) is
        return attached[0]

    def adjoint(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tuple:
        """`reweight`, and the `Solution` of the solve behind it or None."""
        return self.reweight(f, x_star, v), None

    def reweight(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """Estimate of (I - J^T)^{-1} v, [B, ...]."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Estimator":
        return cls(**config)


@custom_gradient
def _once_only(w, _):
    """w, whose dependence on the weights, by the second argument, no tape has seen."""

    def grad(_):
        raise NotImplementedError(
            "The gradient of a fixed point cannot be differentiated again: use "
            "`gradients.Unrolled`, which can."
        )

    return tf.identity(w), grad


def transposed_jacobian(f, x: tf.Tensor):
    """The function u -> J^T u, J the Jacobian of f at `x`; f is evaluated once, here."""
    x = tf.stop_gradient(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        fx = f(x)

    def product(u):
        g = tape.gradient(fx, x, output_gradients=u, unconnected_gradients="zero")
        return shaped(g, x.shape)

    return product


def check_solve(solver, gradient) -> None:
    """Raises ValueError unless `solver` is a `Solver` and `gradient` an `Estimator`."""
    check(isinstance(solver, Solver), "`solver` must be a tf_jfb.solvers.Solver.", solver=solver)
    check(
        isinstance(gradient, Estimator),
        "`gradient` must be a tf_jfb.gradients.Estimator.",
        gradient=gradient,
    )
