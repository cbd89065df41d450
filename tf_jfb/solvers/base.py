"""What every fixed-point solver shares: stopping options, validation and configuration."""

import dataclasses

import tensorflow as tf

from tf_jfb._validate import check, is_integer, make_plain


@dataclasses.dataclass(frozen=True)
class Solver:
    r"""Configuration of an iteration for $x = f(x)$; the loop itself is `solve`.

    An image has converged when $|f(x) - x| \le$ `atol` + `rtol` $|f(x)|$ (Euclidean norms over
    all its entries). A subclass supplies `init` and `step`; both see whole batches [B, ...] and
    must treat images independently.

    Args:
        rtol: tolerance relative to $|f(x)|$, >= 0.
        atol: absolute tolerance, >= 0, in the units of x.
        max_evaluations: cap on the evaluations of f per image, >= 1.
    """

    rtol: float = 1e-3
    atol: float = 0.0
    max_evaluations: int = 50

    def __post_init__(self):
        make_plain(self)
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            check(value >= 0, f"`{name}` must be a finite number >= 0.", **{name: value})
        check(
            is_integer(self.max_evaluations) and self.max_evaluations >= 1,
            "`max_evaluations` must be an integer >= 1.",
            max_evaluations=self.max_evaluations,
        )

    def init(self, x0: tf.Tensor):
        """State before the first evaluation: a tuple of tensors of fixed shape."""
        raise NotImplementedError

    def step(self, x: tf.Tensor, fx: tf.Tensor, state) -> tuple:
        """Next iterate and state from the iterate `x` and `fx` = f(x), both [B, ...]."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict) -> "Solver":
        return cls(**config)
