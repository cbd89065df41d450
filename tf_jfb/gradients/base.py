"""The place where every gradient estimator is attached to a fixed point."""

import tensorflow as tf

from tf_jfb._gradients import custom_gradient


class Estimator:
    r"""Replaces $(I - J^T)^{-1} v$ in the gradient of a fixed point, $J = \partial f/\partial x$.

    A subclass supplies `reweight`. `attach` applies f once, differentiably, at the fixed point:
    that one recorded application yields $\partial f/\partial\theta$, and an identity on its
    output carries `reweight` through `tf.custom_gradient`. The value is that of x*.
    """

    # False: `attach` does not take the fixed point but iterates by itself, from the start x0.
    needs_solution = True
    # True: the backward pass makes a solve, which `report` is told of.
    solves_adjoint = False

    def attach(self, f, x_star: tf.Tensor, recorded=None, report=None) -> tf.Tensor:
        """Returns x* [B, ...] with the estimator's backward pass; the argument gets no gradient.

        `recorded` stands for f in the one recorded application, where f has effects (moving
        batch statistics, say) that must happen once. `report(solution)` is called in the backward
        pass with the `Solution` of an adjoint solve, by the estimators that make one.
        """
        x_star = tf.stop_gradient(x_star)

        # Only an identity is decorated: it reads no variables, so `grad` needs no `variables`
        # argument and mixed precision cannot interfere.
        @custom_gradient
        def reweighted(fx):
            def grad(v):
                w, solution = self.adjoint(f, x_star, v)
                if report is not None and solution is not None:
                    report(solution)
                return w

            return tf.identity(fx), grad

        y = reweighted((recorded or f)(x_star))
        return x_star + (y - tf.stop_gradient(y))  # NaN where f(x*) is, as after a wild step

    def adjoint(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tuple:
        """`reweight`, and the `Solution` of the solve behind it or None."""
        return self.reweight(f, x_star, v), None

    def reweight(self, f, x_star: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        """Estimate of (I - J^T)^{-1} v, [B, ...]."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Estimator":
        return cls(**config)


def transposed_jacobian(f, x: tf.Tensor):
    """The function u -> J^T u, J the Jacobian of f at `x`; f is evaluated once, here."""
    x = tf.stop_gradient(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        fx = f(x)

    def product(u):
        g = tape.gradient(fx, x, output_gradients=u, unconnected_gradients="zero")
        return tf.ensure_shape(g, x.shape)

    return product
