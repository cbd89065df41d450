"""What every penalty on an equilibrium map shares."""

import dataclasses

import tensorflow as tf

from tf_jfb._types import FixedPointProblem
from tf_jfb._validate import check, make_plain


@dataclasses.dataclass(frozen=True)
class Regularizer:
    """A penalty that is added to the loss, times `weight`, and logged under `name`.

    A subclass supplies `penalty`, or, where it needs the loss of other iterates, `penalty_by_loss`,
    which is asked for in the model's own training step alone.

    Raises:
        ValueError: `weight` is not positive.
    """

    weight: float = 1.0

    name = "penalty"
    needs_loss = False

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.weight, (int, float)) and self.weight > 0,
            "`weight` must be positive.",
            weight=self.weight,
        )

    def penalty(self, problem: FixedPointProblem, x_star: tf.Tensor, step) -> tf.Tensor:
        """The penalty [], differentiable in the weights of f.

        `x_star` [B, ...] is the fixed point, without gradient; `step` int64 [] counts the training
        steps, and may seed what is drawn.
        """
        raise NotImplementedError

    def penalty_by_loss(self, problem: FixedPointProblem, solver, loss) -> tf.Tensor:
        """The penalty [] where `needs_loss`; `loss(x)` is the model's loss of an iterate x."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict) -> "Regularizer":
        return cls(**config)
