"""Phantom gradient: back-propagation through a few damped applications at the fixed point."""

import dataclasses

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check, make_plain
from tf_jfb.gradients.base import Estimator, transposed_jacobian


@register
@dataclasses.dataclass(frozen=True)
class Phantom(Estimator):
    r"""Back-propagates through k = `steps` applications of $(1 - \lambda) x + \lambda f(x)$.

    They start at x*, so that the output stays x* while its gradient becomes
    $$\lambda \sum_{i < k} \big((1 - \lambda) I + \lambda J^T\big)^i v$$
    in place of $(I - J^T)^{-1} v$, $\lambda$ = `damping`. One step without damping is JFB. As x*
    does not move, its Jacobian is the same in all of them: f is evaluated once, and costs k - 1
    vector-Jacobian products beyond one backward pass.

    Raises:
        ValueError: `steps` is not an integer >= 1, or `damping` lies outside (0, 1].

    Source: Geng et al. (2021), arXiv 2111.05177.
    """

    steps: int = 5
    damping: float = 0.5

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.steps, int) and self.steps >= 1,
            "`steps` must be an integer >= 1.",
            steps=self.steps,
        )
        check(0.0 < self.damping <= 1.0, "`damping` must lie in (0, 1].", damping=self.damping)

    def reweight(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        product = transposed_jacobian(f, x_star)
        u = total = self.damping * v
        for _ in range(self.steps - 1):
            u = u + self.damping * (product(u) - u)
            total += u
        return total

    def get_config(self) -> dict:
        return dataclasses.asdict(self)
