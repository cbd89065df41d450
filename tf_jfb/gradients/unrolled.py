"""Back-propagation through a plain iteration: what an equilibrium model is compared with."""

import dataclasses

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._gradients import recompute
from tf_jfb._validate import check, make_plain
from tf_jfb.gradients.base import Estimator


@register
@dataclasses.dataclass(frozen=True)
class Unrolled(Estimator):
    r"""$x_k = f(x_{k-1})$, k = `steps` times from the start x0, back-propagated as it stands.

    No fixed point is solved for: the output is $x_k$ and the gradient that of $x_k$, which is the
    fixed point's once k is large. Memory grows with k; with `recompute` only the iterates are
    kept, and f is evaluated again in the backward pass. That works in the layers and models of this
    library, whose maps say what they depend on.

    Raises:
        ValueError: `steps` is not an integer >= 1; in `attach`, `recompute` is asked for a map
            without `explicit` and `inputs`.
    """

    steps: int = 10
    recompute: bool = False

    needs_solution = False

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.steps, int) and self.steps >= 1,
            "`steps` must be an integer >= 1.",
            steps=self.steps,
        )

    def attach(self, f, x_star: tf.Tensor, recorded=None, report=None) -> tf.Tensor:
        x, step = tf.stop_gradient(x_star), self._recomputing(f) if self.recompute else f
        for _ in range(self.steps - 1):
            x = step(x)
        return (recorded or step)(x)

    def _recomputing(self, f):
        """Gives f its dependencies as arguments: the gradients by a closure's would be lost."""
        check(
            hasattr(f, "explicit"),
            "`recompute` needs a map with attributes `explicit`, a function of (x, *inputs) that "
            "reads nothing else but variables, and `inputs`.",
            f=f,
        )
        recomputed = recompute(f.explicit)
        return lambda x: recomputed(x, *f.inputs)

    def get_config(self) -> dict:
        return dataclasses.asdict(self)
