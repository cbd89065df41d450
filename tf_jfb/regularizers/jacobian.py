"""Keeps the map contracting where it is solved."""

import dataclasses

import tensorflow as tf

from tf_jfb import _replicas
from tf_jfb._compat import register
from tf_jfb._numerics import per_image, per_image_norm, per_image_unit
from tf_jfb._validate import check
from tf_jfb.gradients.base import transposed_jacobian
from tf_jfb.regularizers.base import Regularizer


@register
@dataclasses.dataclass(frozen=True)
class Jacobian(Regularizer):
    r"""$\max(0, |J^T u|^2 / |u|^2 - b^2)$, mean over the images, J the Jacobian of f at x*.

    With `power` = 0, u is standard normal, and the quotient estimates $|J|_F^2 / n$ (Hutchinson):
    the mean squared singular value. Each step of the power method, $u \leftarrow J^T u / |J^T u|$,
    moves the quotient towards the largest: what decides whether an iteration converges.

    Args:
        weight: factor on the penalty, > 0.
        bound: b >= 0; what lies below is not penalised.
        power: steps of the power method, >= 0, one vector-Jacobian product each.
        seed: of u, together with the number of the training step.

    Raises:
        ValueError: an argument is outside its range.

    Source: Bai, Koltun and Kolter (2021), arXiv 2106.14342.
    """

    bound: float = 0.0
    power: int = 0
    seed: int = 0

    name = "jacobian"

    def __post_init__(self):
        super().__post_init__()
        check(self.bound >= 0, "`bound` must be >= 0.", bound=self.bound)
        check(
            isinstance(self.power, int) and self.power >= 0,
            "`power` must be an integer >= 0.",
            power=self.power,
        )

    def penalty(self, problem, x_star, step) -> tf.Tensor:
        product = transposed_jacobian(problem.at, x_star)
        seed = tf.stack([tf.cast(self.seed, tf.int64), tf.cast(step, tf.int64)])
        u = _replicas.normal(tf.shape(x_star), seed, x_star.dtype)
        for _ in range(self.power):
            v = product(u)
            # Of an image whose Jacobian takes u to nothing there is no direction to follow.
            known = per_image(per_image_norm(v) > 0, v)
            u = tf.stop_gradient(tf.where(known, per_image_unit(v), u))
        squared = tf.square(per_image_norm(product(u)) / per_image_norm(u))
        return tf.reduce_mean(tf.nn.relu(squared - self.bound**2))
