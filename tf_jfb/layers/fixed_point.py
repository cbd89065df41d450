"""A Keras layer whose output is the fixed point of any map."""

import inspect

import keras
import tensorflow as tf

from tf_jfb._compat import KERAS_3, full_precision, register
from tf_jfb._types import Solution
from tf_jfb._validate import check
from tf_jfb.gradients import JFB, Estimator
from tf_jfb.solvers import Anderson, Solver, solve


@register
class FixedPoint(keras.layers.Layer):
    r"""Solves $x^* = f(x^*, *inputs)$ and differentiates it by a gradient estimator.

    `layer(x0, *inputs)` returns $f(x^*)$, differentiable in the weights of `f` and in `inputs`
    but not in the start `x0`. A Keras layer `f` runs with `training=False`, so that the map does
    not change within a solve; if it has a method `frozen(training)`, that is called once per
    solve and returns the map to iterate, with its normalisations already computed. Keras 2 does
    not save a functional model whose layer has further inputs in a way that it can load.

    Args:
        f: Keras layer or function of (x, *inputs) that returns the shape and dtype of x; what a
            layer in mixed precision returns is cast to that dtype.
        solver: a `Solver`; default `Anderson()`.
        gradient: an `Estimator`; default `JFB()`.

    Raises:
        ValueError: `solver` or `gradient` is not one of ours, or `f` is not callable.

    >>> import tensorflow as tf
    >>> layer = FixedPoint(lambda x, d: 0.5 * x + d)
    >>> float(layer(tf.zeros([1, 1]), tf.ones([1, 1]))[0, 0])  # doctest: +ELLIPSIS
    2.0...
    """

    def __init__(
        self, f, solver: Solver | None = None, gradient: Estimator | None = None, **kwargs
    ):
        super().__init__(**full_precision(kwargs))
        self.f = f
        self.solver = Anderson() if solver is None else solver
        self.gradient = JFB() if gradient is None else gradient
        _check_parts(self.f, self.solver, self.gradient)

    def build(self, x0_shape, inputs_shape=None):
        if KERAS_3 and isinstance(self.f, keras.layers.Layer) and not self.f.built:
            shapes = [x0_shape, *(inputs_shape or ())]
            self.f(*(keras.KerasTensor(tuple(s), dtype=self.compute_dtype) for s in shapes))
        self.built = True

    def call(self, x0, *inputs, training=None):
        return self._attached(x0, inputs, training)

    if not KERAS_3:  # which takes a `training` after *inputs for the second argument

        def call(self, x0, *inputs, **options):
            return self._attached(x0, inputs, options.get("training"))

    def _attached(self, x0, inputs, training):
        f = self._map(x0, inputs, training)
        start = solve(f, x0, self.solver).x if self.gradient.needs_solution else x0
        return self.gradient.attach(f, start)

    def solution(self, x0, *inputs, **options) -> Solution:
        """The solve alone, not differentiable: `Solution` per image; `options` as in `solve`."""
        return solve(self._map(x0, inputs, False), x0, self.solver, **options)

    def _map(self, x0, inputs, training):
        if isinstance(self.f, keras.layers.Layer) and not self.f.built:
            self.f(x0, *inputs, **_inference(self.f))  # weights cannot be created inside the loop
        mapped = self._explicit()
        if hasattr(self.f, "frozen"):
            frozen = self.f.frozen(training=bool(training))
            f = lambda x: tf.cast(frozen(x, *inputs), x.dtype)  # noqa: E731
        else:
            f = lambda x: mapped(x, *inputs)  # noqa: E731
        f.explicit, f.inputs = mapped, inputs
        return f

    def _explicit(self):
        """The map as a function of (x, *inputs) that reads nothing else but variables."""
        if hasattr(self.f, "frozen"):
            frozen = lambda x, *inputs: self.f.frozen(training=False)(x, *inputs)  # noqa: E731
            return lambda x, *inputs: tf.cast(frozen(x, *inputs), x.dtype)
        if isinstance(self.f, keras.layers.Layer):
            options = _inference(self.f)
            return lambda x, *inputs: tf.cast(self.f(x, *inputs, **options), x.dtype)
        return self.f

    def compute_output_shape(self, x0_shape, inputs_shape=None):
        return x0_shape

    def get_config(self) -> dict:
        parts = {"f": self.f, "solver": self.solver, "gradient": self.gradient}
        saved = {k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}
        return {**super().get_config(), **saved}

    @classmethod
    def from_config(cls, config: dict) -> "FixedPoint":
        parts = {
            k: keras.saving.deserialize_keras_object(config[k]) for k in ("f", "solver", "gradient")
        }
        return cls(**{**config, **parts})


def _inference(layer) -> dict:
    """`training=False` where the layer's call takes it."""
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}


def _check_parts(f, solver, gradient) -> None:
    check(callable(f), "`f` must be a Keras layer or a function of (x, *inputs).", f=f)
    check(isinstance(solver, Solver), "`solver` must be a tf_jfb.solvers.Solver.", solver=solver)
    check(
        isinstance(gradient, Estimator),
        "`gradient` must be a tf_jfb.gradients.Estimator.",
        gradient=gradient,
    )
