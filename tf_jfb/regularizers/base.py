"""What every penalty on an equilibrium map shares."""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._validate import check, make_plain
from tf_jfb.solvers import Solver


class Solved(NamedTuple):
    """One solve of a training step, as a regulariser sees it."""

    f: object  # the map [B, ...] -> [B, ...]
    x0: tf.Tensor  # [B, ...], its start
    x_star: tf.Tensor  # [B, ...], its fixed point, without gradient
    solver: Solver
    step: tf.Tensor  # int64 [], counts the training steps: a seed


@dataclasses.dataclass(frozen=True)
class Regularizer:
    """A penalty that is added to the loss, times `weight`, and logged under `name`.

    A subclass supplies `penalty`.

    Raises:
        ValueError: `weight` is not positive.
    """

    weight: float = 1.0

    name = "penalty"

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.weight, (int, float)) and self.weight > 0,
            "`weight` must be positive.",
            weight=self.weight,
        )

    def penalty(self, solved: Solved, loss) -> tf.Tensor:
        """The penalty [], differentiable in the weights of f; `loss(x)` is the model's loss."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict) -> "Regularizer":
        return cls(**config)
