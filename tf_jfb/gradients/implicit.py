"""The exact gradient of a fixed point: an adjoint solve that says how it went."""

import dataclasses
import sys

import keras
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_norm
from tf_jfb._types import Status
from tf_jfb._validate import check, make_plain
from tf_jfb.gradients.base import Estimator, transposed_jacobian
from tf_jfb.gradients.neumann import series
from tf_jfb.solvers import Anderson, Solver, solve

ON_FAILURE = ("fallback", "raise", "warn")
MISSED = "The adjoint solve missed its tolerance: raise its cap, loosen its rtol, or bound f;"


@register
@dataclasses.dataclass(frozen=True)
class Implicit(Estimator):
    r"""Solves $w = v + J^T w$, that is $(I - J^T) w = v$, with vector-Jacobian products only.

    f is evaluated once; each evaluation of the adjoint map costs one backward pass through it.
    The solve has its own solver, tolerance and cap, stops image by image, starts at v (the
    estimate of JFB), and its record goes to `report` (models log it as `adjoint_evaluations`,
    `adjoint_residual` and `adjoint_converged`). No image gets a w that missed the tolerance
    without a word:

    - "fallback" keeps what misses less, that w or the Neumann series of order `order`, and the
      record says that the solve failed;
    - "raise" stops with `tf.errors.InvalidArgumentError`;
    - "warn" keeps the best w and prints how many images missed, and by how much.

    Compiled by XLA nothing can stop or print: there "raise" makes the gradient of a failed image
    NaN, and "warn" does not compile.

    Args:
        solver: a `Solver`: `Picard`, `Anderson`, `GMRES`, `BiCGSTAB`, `Broyden`.
        on_failure: "fallback", "raise" or "warn".
        order: of the fallback, >= 0.
        warm_start: in training, start from the last solution of a batch of the same shape, for one
            batch or batches that return in order; shapes must be static.

    Raises:
        ValueError: an argument is of the wrong kind or range.

    Source: Bai, Kolter and Koltun (2019), arXiv 1909.01377.
    """

    solver: Solver = dataclasses.field(
        default_factory=lambda: Anderson(rtol=1e-4, max_evaluations=50)
    )
    on_failure: str = "fallback"
    order: int = 5
    warm_start: bool = False

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.solver, Solver),
            "`solver` must be a tf_jfb.solvers.Solver.",
            solver=self.solver,
        )
        check(
            self.on_failure in ON_FAILURE,
            f"`on_failure` must be one of {', '.join(ON_FAILURE)}.",
            on_failure=self.on_failure,
        )
        check(
            isinstance(self.order, int) and self.order >= 0,
            "`order` must be an integer >= 0.",
            order=self.order,
        )
        object.__setattr__(self, "_last", {})  # (shape, dtype) -> variable, of `warm_start`

    @property
    def adjoint_solver(self) -> Solver:
        return self.solver

    def stateless(self) -> "Implicit":
        return dataclasses.replace(self, warm_start=False)

    def reweight(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        return self.adjoint(f, x_star, v)[0]

    def adjoint(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tuple:
        product = transposed_jacobian(f, x_star)
        memory = self._memory(v) if self.warm_start else None
        start = v if memory is None else tf.where(tf.reduce_any(memory != 0), memory, v)
        solution = solve(lambda w: v + product(w), start, self.solver)
        failed = solution.status != int(Status.CONVERGED)
        w = self._answer(solution, failed, product, v)
        finite = per_image(tf.math.is_finite(per_image_norm(v)), v)
        w = tf.where(finite, w, v)  # not the last solution, where the loss is no number
        if memory is not None:
            memory.assign(tf.where(finite, w, memory))
        return w, solution

    def _answer(self, solution, failed, product, v):
        """The solution, with what was asked for done about the images that failed."""
        if self.on_failure == "fallback":
            better = self._fallback(product, v, solution.x, tf.reduce_any(failed))
            return tf.where(per_image(failed, v), better, solution.x)
        count, worst = tf.math.count_nonzero(failed), tf.reduce_max(solution.residual)
        if self.on_failure == "raise":
            said = [tf.debugging.Assert(count == 0, [MISSED, "images", count, "residual", worst])]
            poison = tf.constant(float("nan"), v.dtype)  # where XLA drops the assertion
            with tf.control_dependencies(said):
                return tf.where(per_image(failed, v), poison, solution.x)
        tf.cond(count > 0, lambda: _say(count, worst), lambda: False)
        return solution.x

    def _fallback(self, product, v, w, needed):
        """Of w and the Neumann series what misses less, |v + J^T w - w|; of images that need it.

        No product is spent on a batch without failures.
        """
        neumann = series(product, v, tf.where(needed, self.order, 0))

        def miss(i, *_):
            return i + 1, *(per_image_norm(v + product(u) - u) for u in (neumann, w))

        zero = tf.zeros_like(per_image_norm(v))
        start, turns = (0, zero, zero), tf.cast(needed, tf.int32)
        _, of_neumann, of_w = tf.while_loop(lambda i, *_: i < turns, miss, start)
        return tf.where(per_image(of_neumann < of_w, v), neumann, w)

    def _memory(self, v):
        check(v.shape.is_fully_defined(), "`warm_start` needs static shapes.", shape=v.shape)
        key = (tuple(v.shape), v.dtype)
        if key not in self._last:
            with tf.init_scope():
                self._last[key] = tf.Variable(tf.zeros(v.shape, v.dtype), trainable=False)
        return self._last[key]

    def get_config(self) -> dict:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**fields, "solver": keras.saving.serialize_keras_object(self.solver)}

    @classmethod
    def from_config(cls, config: dict) -> "Implicit":
        return cls(**{**config, "solver": keras.saving.deserialize_keras_object(config["solver"])})


def _say(count, worst):
    tf.print(MISSED, "images:", count, "largest residual:", worst, output_stream=sys.stderr)
    return True
