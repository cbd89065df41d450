"""Fixed-point correction: intermediate iterates are trained too."""

import dataclasses

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check, is_integer
from tf_jfb.regularizers.base import Regularizer
from tf_jfb.solvers import solve


@register
@dataclasses.dataclass(frozen=True)
class Correction(Regularizer):
    r"""Mean of the model's loss at $f(x_k)$, $x_k$ the iterate after k evaluations from x0,
    beside those that made x0.

    It asks for iterates that are good early, so that a solve may stop early. Each k costs k
    evaluations of f and one recorded application of it.

    Args:
        weight: factor on the penalty, > 0.
        evaluations: the k, each >= 1.

    Raises:
        ValueError: an argument is outside its range.

    Source: Bai, Geng, Savani and Kolter (2022), arXiv 2204.08442.
    """

    evaluations: tuple = (3,)

    name = "correction"
    needs_loss = True

    def __post_init__(self):
        super().__post_init__()
        many = self.evaluations if isinstance(self.evaluations, (tuple, list)) else ()
        check(
            len(many) > 0 and all(is_integer(k) and k >= 1 for k in many),
            "`evaluations` must be a tuple of integers >= 1.",
            evaluations=self.evaluations,
        )
        object.__setattr__(self, "evaluations", tuple(many))

    def penalty_by_loss(self, problem, solver, loss) -> tf.Tensor:
        losses = []
        for k in self.evaluations:
            found = solve(problem.f, problem.x0, solver, problem.inputs, max_evaluations=k)
            losses.append(loss(problem.at(tf.stop_gradient(found.x))))
        return tf.add_n(losses) / len(losses)
