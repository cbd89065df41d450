"""A Keras layer whose output is the fixed point of any map."""

import inspect

import keras
import tensorflow as tf

from tf_jfb._compat import KERAS_3, full_precision, inference, register, value
from tf_jfb._numerics import parted
from tf_jfb._types import FixedPointProblem, Solution
from tf_jfb._validate import check
from tf_jfb.gradients import JFB, Estimator
from tf_jfb.gradients.base import check_solve
from tf_jfb.layers._maps import check_apart, check_takes, inference_of, named_by, still
from tf_jfb.layers.solve_metrics import for_mode, log_solve, solve_metrics
from tf_jfb.solvers import Anderson, Solver


@register
class FixedPoint(keras.layers.Layer):
    r"""Solves $x^* = f(x^*, *inputs)$ and differentiates it by a gradient estimator.

    `layer(x0, *inputs)` returns $x^*$, differentiable in the weights of `f` and in `inputs` but
    not in the start `x0`. Keras layers run in `f` with `training=False`, so that the map does not
    change within a solve; if a layer `f` has a method `frozen(training)`, that is called once per
    solve and returns the map to iterate, with its normalisations already computed; if that map
    takes `observe`, the one recorded evaluation of a training step has `observe=True`, and may move
    statistics. `fit` and `evaluate` log the mean evaluations, residual and share converged, under
    the layer's name. Keras 2 does not save a functional model whose layer has further inputs in a
    way that it can load.

    Args:
        f: Keras layer or function of (x, *inputs) that returns the shape and dtype of x; what a
            layer in mixed precision returns is cast to that dtype. A functional model takes them
            as its list of inputs. Keras layers that a function names are trained with this one.
        solver: a `Solver`; default `Anderson()`.
        gradient: an `Estimator`; default `JFB()`.

    Raises:
        ValueError: `solver` or `gradient` is not one of ours, or `f` is not callable or names
            `self`; in the first call, `f` does not take as many tensors, adds losses, or reads
            variables that Keras would not train.

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
        check(callable(f), "`f` must be a Keras layer or a function of (x, *inputs).", f=f)
        self.gradient = JFB() if gradient is None else gradient
        check_apart(f)
        named = named_by(f)
        self.named_layers = [v for v in named if isinstance(v, keras.layers.Layer)]
        self._own_variables = [v for v in named if isinstance(v, tf.Variable)]
        self._ownership_checked = False
        self._uncast: dict = {}  # dtypes of masks and indices among the tensors, by their place
        self.solve_metrics = solve_metrics(f"{self.name}_")

    @property
    def gradient(self) -> Estimator:
        """The estimator; may be set anew until the layer is built."""
        return self._gradient

    @gradient.setter
    def gradient(self, gradient: Estimator):
        check_solve(self.solver, gradient)
        check(
            not self.built, "`gradient` must be set before the layer is built.", gradient=gradient
        )
        self._gradient = gradient
        solves = gradient.adjoint_solver is not None
        self.adjoint_metrics = solve_metrics(f"{self.name}_adjoint_") if solves else {}

    def build(self, x0_shape, inputs_shape=None):
        whole = isinstance(self.f, keras.layers.Layer)
        if KERAS_3:
            check_takes(self.f, 1 + len(inputs_shape or ()))
        if KERAS_3 and not all(part.built for part in ([self.f] if whole else self.named_layers)):
            from keras.src.backend import compute_output_spec

            shapes = [x0_shape, *(inputs_shape or ())]
            given = [
                keras.KerasTensor(tuple(shape), dtype=self._uncast.get(i, self.compute_dtype))
                for i, shape in enumerate(shapes)
            ]
            if whole:
                self.f(*given)
            else:
                compute_output_spec(self._map(), *given)
        self.built = True

    if KERAS_3:

        def __call__(self, *given, **options):
            if not self.built:  # of `build`, which is told none
                kinds = [tf.as_dtype(getattr(t, "dtype", self.compute_dtype)) for t in given]
                self._uncast = {i: k.name for i, k in enumerate(kinds) if not k.is_floating}
            return super().__call__(*given, **options)

    def call(self, x0, *inputs, training=None):
        return self._fixed_point(x0, inputs, training)

    if not KERAS_3:  # which takes a `training` after *inputs for the second argument

        def call(self, x0, *inputs, **options):  # type: ignore[misc]
            return self._fixed_point(x0, inputs, options.get("training"))

    def _fixed_point(self, x0, inputs, training):
        lost = [v.name for v in self._own_variables if training and KERAS_3 and v.trainable]
        check(
            not lost,
            "`f` must name Keras layers in training, not variables of TensorFlow's own, which "
            "Keras 3 would not train.",
            variables=lost,
        )
        problem = self.problem(x0, *inputs, training=bool(training))

        gradient, report = for_mode(self.gradient, self.adjoint_metrics, training)
        x, solution = gradient.fixed_point(problem, self.solver, report)
        log_solve(self.solve_metrics, solution)
        return x

    def solution(self, x0, *inputs, **options) -> Solution:
        """The solve alone, not differentiable: `Solution` per image; `options` as in `solve`."""
        return self.gradient.solution(self.problem(x0, *inputs), self.solver, **options)

    def problem(self, x0, *inputs, training: bool = False) -> FixedPointProblem:
        """What is solved for."""
        check_takes(self.f, 1 + len(inputs))
        f = self._map()
        if isinstance(self.f, keras.layers.Layer) and not self.f.built:
            with inference():  # weights cannot be made inside the loop
                self.f(x0, *inputs, **inference_of(self.f))
        self._check_remade()
        if not self._ownership_checked:
            self._check_ownership(f, x0, inputs)
        if not hasattr(self.f, "frozen"):
            return FixedPointProblem(f, x0, inputs, remade=f, sources=inputs)
        # Of now, since what is recorded may move statistics: for one that is made again.
        folded = self.f.folded(training) if hasattr(self.f, "folded") else None
        known = {} if folded is None else {"folded": folded}
        frozen, (folds, whole) = self.f.frozen(training=training, **known), parted(folded)
        observes = training and "observe" in inspect.signature(frozen).parameters
        effects = {"observe": True} if observes else {}

        @still
        def recorded(x, *inputs):
            return tf.cast(frozen(x, *inputs, **effects), x.dtype)

        @still
        def constant(x, *inputs):
            return tf.cast(frozen(x, *inputs), x.dtype)

        @still
        def remade(x, *sources):
            given, own = sources[: len(inputs)], whole(sources[len(inputs) :])
            again = self.f.frozen(training=False, **({} if own is None else {"folded": own}))
            return tf.cast(again(x, *given), x.dtype)

        return FixedPointProblem(constant, x0, inputs, recorded, remade, (*inputs, *folds))

    def _map(self):
        """The map as a function of (x, *inputs), its layers in inference."""
        if hasattr(self.f, "frozen"):

            def fresh(*arguments):
                return self.f.frozen(training=False)(*arguments)

        elif isinstance(self.f, keras.layers.Layer):
            options, whole = inference_of(self.f), len(getattr(self.f, "inputs", None) or ()) > 1

            def fresh(*given):
                return self.f(*([given] if whole else given), **options)

        else:
            return still(self.f)
        return still(lambda x, *inputs: tf.cast(fresh(x, *inputs), x.dtype))

    def _check_remade(self) -> None:
        """Refuses an f that names tensors whose gradients a second evaluation would lose."""
        again = getattr(self.gradient, "recompute", False)
        named = named_by(self.f) if again else []
        stray = [tuple(v.shape) for v in named if isinstance(v, tf.Tensor)]
        check(
            not stray,
            "`f` must take the tensors it reads as inputs where the gradient is to `recompute` it.",
            shapes=stray,
        )

    def _check_ownership(self, f, x0, inputs) -> None:
        """Raises ValueError where f reads variables that are neither this layer's nor named."""
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            return  # there the tape sees a replica's copy
        layers = [self.f] if isinstance(self.f, keras.layers.Layer) else self.named_layers
        losses = sum(len(layer.losses) for layer in layers)
        with tf.GradientTape() as tape:
            f(x0, *inputs)
        losses = sum(len(layer.losses) for layer in layers) - losses
        check(
            losses == 0 or not KERAS_3,  # Keras 2 counts those of weights that were made here
            "`f` must add no losses, as an `activity_regularizer` does: every evaluation would.",
            losses=losses,
        )
        owned = {id(value(v)) for v in self.variables} | {id(v) for v in self._own_variables}
        # Under a mixed policy Keras 2 wraps them.
        owned |= {id(getattr(value(v), "_variable", v)) for v in self.variables}
        stray = sorted(v.name for v in tape.watched_variables() if id(v) not in owned)
        check(
            not stray,
            "`f` must be a Keras layer that holds the variables it reads, or name their layers: "
            "Keras would not train them.",
            variables=stray,
        )
        self._ownership_checked = True

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
