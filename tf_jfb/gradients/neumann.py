"""Truncated Neumann series; its order 0 is Jacobian-free backpropagation."""

import dataclasses

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import shaped
from tf_jfb._validate import check, make_plain
from tf_jfb.gradients.base import Estimator, transposed_jacobian


@register
@dataclasses.dataclass(frozen=True)
class Neumann(Estimator):
    r"""Replaces $(I - J^T)^{-1} v$ by $\sum_{i \le k} (J^T)^i v$, k = `order`.

    If f is L-Lipschitz in x, L < 1, the error is at most $L^{k+1} / (1 - L) \, |v|$. Costs k
    vector-Jacobian products beyond one backward pass of f.

    Raises:
        ValueError: `order` is negative or not an integer.
    """

    order: int = 1

    def __post_init__(self):
        make_plain(self)
        check(
            isinstance(self.order, int) and self.order >= 0,
            "`order` must be an integer >= 0.",
            order=self.order,
        )

    def reweight(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        if self.order == 0:
            return v
        return series(transposed_jacobian(f, x_star), v, self.order)

    def get_config(self) -> dict:
        return {"order": self.order}


@register
class JFB(Neumann):
    r"""Jacobian-free backpropagation: $(I - J^T)^{-1}$ is replaced by the identity.

    The order-0 Neumann truncation (Fung et al., 2022, arXiv 2103.12803); one backward pass of f.
    A descent direction if f contracts and is well conditioned.
    """

    def __init__(self):
        super().__init__(order=0)

    def get_config(self) -> dict:
        return {}


def series(product, v: tf.Tensor, order) -> tf.Tensor:
    """sum_{i <= order} (J^T)^i v by Horner's rule, from the function u -> J^T u.

    `order` is an integer, or a tensor if it is only known when the graph runs.
    """
    if isinstance(order, int):
        u = v
        for _ in range(order):
            u = v + product(u)
        return u

    def step(i, u):
        return (i + 1, shaped(v + product(u), v.shape))

    return tf.while_loop(lambda i, u: i < order, step, (0, v))[1]
