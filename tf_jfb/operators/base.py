"""The linear forward model of an imaging system."""

import functools
import numbers

import numpy as np
import tensorflow as tf

from tf_jfb._numerics import cast, per_image, per_image_norm, shaped
from tf_jfb._validate import check
from tf_jfb.operators._chebyshev import chebyshev

# Of a data step without closed form. With those of a preconditioner the map is another one, whose
# solves fail where rho is small.
PROX_ITERATIONS = 10


class Operator:
    r"""Linear operator A on image batches [B, H, W, C], with its adjoint $A^T$.

    A subclass supplies `apply(x)` and `apply_adjoint(y)`, each on a batch of floating images,
    and `get_config`; it must treat images independently, at any size and in the dtype of its
    argument. Models that hold it can be saved once it is registered with Keras
    (`keras.saving.register_keras_serializable`). An operator holds no variables.

    >>> class Negative(Operator):
    ...     def apply(self, x):
    ...         return -x
    ...     def apply_adjoint(self, y):
    ...         return -y
    >>> round(Negative().norm(8, 8), 6)
    1.0
    """

    def apply(self, x: tf.Tensor) -> tf.Tensor:
        """A x for a checked tensor [B, H, W, C]."""
        raise NotImplementedError

    def apply_adjoint(self, y: tf.Tensor) -> tf.Tensor:
        """A^T y for a checked tensor [B, H, W, C]."""
        raise NotImplementedError

    def __call__(self, x) -> tf.Tensor:
        """A x. Raises ValueError unless `x` is [B, H, W, C] of a floating dtype."""
        return self.apply(image_batch("x", x))

    def adjoint(self, y) -> tf.Tensor:
        """A^T y. Raises ValueError unless `y` is [B, H, W, C] of a floating dtype."""
        return self.apply_adjoint(image_batch("y", y))

    def norm(self, height: int, width: int, channels: int = 1, iterations: int = 200) -> float:
        r"""Operator norm $|A|_2$ at one image size, by power iteration on $A^T A$ in float64.

        It approaches from below. The error falls with `iterations`; a blur that keeps images
        non-negative starts close to its leading singular vector (below 1e-4 after 200).

        Raises:
            ValueError: a size or `iterations` is not positive.
        """
        sizes = {"height": height, "width": width, "channels": channels, "iterations": iterations}
        check(all(size > 0 for size in sizes.values()), "Sizes must be positive.", **sizes)
        shape = (1, height, width, channels)
        # Positive and smooth, as the leading singular vector of a blur, plus a part along all.
        start = 1.0 + 0.1 * np.random.default_rng(0).standard_normal(shape)
        with tf.init_scope():  # a number, also while a graph is being traced
            return float(self._power_iteration(tf.constant(start), tf.constant(iterations)))

    def norm_bound(self, height: int, width: int, channels: int = 1) -> float:
        """An upper bound on `norm`, for step sizes; default `norm` and one per cent.

        A number, or [B] where images have operators of their own.
        """
        return 1.01 * self.norm(height, width, channels)

    def inverse(self, g, rho, iterations: int = 6) -> tf.Tensor:
        r"""$(A^T A + \rho I)^{-1} g$ by a Chebyshev polynomial of $A^T A$.

        Linear, symmetric and positive definite whatever `iterations`: fit to precondition. The
        relative error is at most $2 q^n$, $q = (\sqrt\kappa - 1) / (\sqrt\kappa + 1)$, where
        $\kappa = 1 + b^2 / \rho$ and b is `norm_bound` at the size of `g`. Each iteration after
        the first applies A and its adjoint once.

        Args:
            g: [B, H, W, C].
            rho: > 0, a number, a scalar or one value per image [B].
            iterations: n >= 1.

        Raises:
            ValueError: `g` is no batch of floating images, or `rho` or `iterations` a number that
                is not positive.

        Source: Golub and Varga (1961).
        """
        g = image_batch("g", g)
        check(iterations >= 1, "`iterations` must be >= 1.", iterations=iterations)
        return self._chebyshev_for(g)(g, rho, iterations)

    def inverse_for(self, like):
        """`inverse` for many images of the size of `like` [B, H, W, C]: its norm is bounded once.

        Where the size is unknown until the graph runs, an operator without a `norm_bound` of its
        own has its norm measured there, by 200 applications of A and its adjoint.
        """
        closed = type(self).inverse is not Operator.inverse
        return self.inverse if closed else self._chebyshev_for(like)

    def _chebyshev_for(self, like):
        if None in like.shape[1:] and type(self).norm_bound is Operator.norm_bound:
            shape = [1, *tf.unstack(tf.shape(like)[1:])]
            part = tf.random.stateless_normal(shape, [0, 0], dtype=tf.float64)
            norm = self._power_iteration(1.0 + 0.1 * part, tf.constant(200))
            bound = tf.cast(1.01 * norm, like.dtype)
        else:
            bound = self.norm_bound(*like.shape[1:])
        bound = tf.square(weight(bound, like))

        def inverse(g, rho, iterations=6):
            return chebyshev(lambda: self, (), g, weight(rho, g), bound, iterations)

        return inverse

    def normal_map(self, like) -> tuple:
        r"""(enter, N, leave), $A^T A\, x$ = leave(N(enter(x))) for images of the size of `like`.

        N and its sums with the identity may be applied again and again in between: where A is made
        of Fourier transforms, they are left there.
        """

        def normal(x):
            return self.apply_adjoint(self.apply(x))

        return _itself, normal, _itself

    def prox_map(self, d, rho) -> tuple:
        r"""$z \mapsto \arg\min_x |A x - d|^2 + \rho\,|x - z|^2$, prepared for many z.

        Here $z + Q A^T (d - A z)$ with $Q \approx (A^T A + \rho I)^{-1}$ of `inverse`, with
        `PROX_ITERATIONS`: whatever the quality of Q, a z that explains d is left alone.

        Args:
            d: the measurement [B, H', W', C].
            rho: > 0, a number, a scalar or one value per image [B].

        Returns:
            (P, inputs): the function `P(z, *inputs)`, and tensors with one entry per image.
        """
        d = image_batch("d", d)
        rho = tf.broadcast_to(tf.reshape(cast(rho, d.dtype), [-1]), tf.shape(d)[:1])
        inverse = self.inverse_for(self.adjoint(d))

        def step(z, d, rho):
            return z + inverse(self.adjoint(d - self(z)), rho, PROX_ITERATIONS)

        return step, (d, rho)

    @functools.partial(tf.function, autograph=False)
    def _power_iteration(self, x, iterations):
        def body(i, x):
            x = shaped(self.apply_adjoint(self.apply(x)), x.shape)
            return i + 1, x / tf.maximum(per_image_norm(x), 1e-300)

        _, x = tf.while_loop(lambda i, _: i < iterations, body, (0, x))
        return per_image_norm(self.apply(x))[0]

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Operator":
        return cls(**config)


def _itself(x):
    return x


def image_batch(name: str, x) -> tf.Tensor:
    """`x` as a tensor, checked to be [B, H, W, C] of a floating dtype."""
    x = tf.convert_to_tensor(x)
    check(
        x.dtype.is_floating,
        f"`{name}` must have a floating dtype, with values in [0, 1].",
        dtype=x.dtype.name,
    )
    if x.shape.rank is None:
        return tf.ensure_shape(x, [None, None, None, None])
    check(
        x.shape.rank == 4, f"`{name}` must be a batch of images [B, H, W, C].", shape=tuple(x.shape)
    )
    return x


def weight(rho, like: tf.Tensor) -> tf.Tensor:
    """`rho`, a number, a scalar or one value per image [B], to broadcast against `like`.

    Raises ValueError if `rho` is a number that is not positive.
    """
    check(not isinstance(rho, numbers.Real) or float(rho) > 0, "`rho` must be positive.", rho=rho)
    rho = cast(rho, like.dtype)
    return per_image(rho, like) if rho.shape.rank == 1 else rho
