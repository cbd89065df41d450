"""The place where every gradient estimator is attached to a fixed point."""

import tensorflow as tf


class Estimator:
    r"""Replaces $(I - J^T)^{-1} v$ in the gradient of a fixed point, $J = \partial f/\partial x$.

    A subclass supplies `reweight`. `attach` applies f once, differentiably, at the fixed point:
    that one recorded application yields $\partial f/\partial\theta$, and an identity on its
    output carries `reweight` through `tf.custom_gradient`.
    """

    def attach(self, f, x_star: tf.Tensor, recorded=None) -> tf.Tensor:
        """Returns f(x*) [B, ...] whose backward pass is the estimator's; x* gets no gradient.

        `recorded` stands for f in the one recorded application, where f has effects (moving
        batch statistics, say) that must happen once.
        """
        x_star = tf.stop_gradient(x_star)

        # Only an identity is decorated: it reads no variables, so `grad` needs no `variables`
        # argument and mixed precision cannot interfere.
        @tf.custom_gradient
        def reweighted(fx):
            def grad(v):
                return self.reweight(f, x_star, v)

            return tf.identity(fx), grad

        return reweighted((recorded or f)(x_star))

    def reweight(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """Estimate of (I - J^T)^{-1} v, [B, ...]."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Estimator":
        return cls(**config)
