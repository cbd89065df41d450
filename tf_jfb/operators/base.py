"""The linear forward model of an imaging system."""

import numpy as np
import tensorflow as tf

from tf_jfb._numerics import per_image_norm
from tf_jfb._validate import check


class Operator:
    r"""Linear operator A on image batches [B, H, W, C], with its adjoint $A^T$.

    A subclass supplies `apply(x)` and `apply_adjoint(y)`, each on a batch of floating images,
    and `get_config`; it must treat images independently, at any size.
    """

    def apply(self, x: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def apply_adjoint(self, y: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def __call__(self, x) -> tf.Tensor:
        """A x. Raises ValueError unless `x` is [B, H, W, C] of a floating dtype."""
        return self.apply(image_batch("x", x))

    def adjoint(self, y) -> tf.Tensor:
        """A^T y. Raises ValueError unless `y` is [B, H, W, C] of a floating dtype."""
        return self.apply_adjoint(image_batch("y", y))

    def norm(self, height: int, width: int, channels: int = 1, iterations: int = 200) -> float:
        r"""Operator norm $|A|_2$ at one image size, by power iteration on $A^T A$."""
        start = np.random.default_rng(0).standard_normal((1, height, width, channels))
        return float(self._power_iteration(tf.constant(start), iterations))

    @tf.function
    def _power_iteration(self, x, iterations):
        for _ in tf.range(iterations):
            x = self.apply_adjoint(self.apply(x))
            x = x / tf.maximum(per_image_norm(x), 1e-300)
        return per_image_norm(self.apply(x))[0]

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Operator":
        return cls(**config)


def image_batch(name: str, x) -> tf.Tensor:
    """`x` as a tensor, checked to be [B, H, W, C] of a floating dtype."""
    x = tf.convert_to_tensor(x)
    check(x.dtype.is_floating, f"`{name}` must have a floating dtype, with values in [0, 1].",
          dtype=x.dtype.name)
    check(x.shape.rank in (4, None), f"`{name}` must be a batch of images [B, H, W, C].",
          shape=tuple(x.shape))
    return x
