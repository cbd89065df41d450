"""What an equilibrium model asks of its network."""

from typing import Any

import keras
import tensorflow as tf

from tf_jfb._compat import value


class Network(keras.layers.Layer):
    """An estimate R of the noise in an image, [B, H, W, C] -> [B, H, W, C]; D = I - R denoises.

    A subclass supplies `call` and `frozen`; one that is told the noise level, [B] as a second
    argument, sets `conditional`.
    """

    conditional = False
    last: Any  # the convolution whose output is R

    def folded(self, training: bool = False):
        """What the normalisations amount to, a structure of tensors; None where there are none."""
        return None

    def frozen(self, training: bool = False, folded=None):
        """R as a function (x, [level], observe=False) that does not change within a solve.

        It is asked for once per solve. `folded` is an earlier result of `folded()` whose weights
        still hold. `observe=True` marks the one evaluation of a training step in which batch
        statistics may move.
        """
        raise NotImplementedError

    def scale(self, factor: float) -> None:
        """Multiplies R by `factor`, in the weights of `last`, which is linear."""
        kernel = value(self.last.kernel)
        kernel.assign(kernel * factor)

    def denoised(self, frozen, x: tf.Tensor, level=None, observe: bool = False) -> tf.Tensor:
        """D(x) = x - R(x), R a result of `frozen`; `level` [B] is left out where R takes none."""
        told = (level,) if self.conditional else ()
        return x - tf.cast(frozen(x, *told, observe=observe), x.dtype)
