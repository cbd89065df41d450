"""A Keras model whose output is the fixed point of a map T(x; d): what all of ours share."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_jfb import _replicas
from tf_jfb._compat import Model
from tf_jfb._types import Solution, Status
from tf_jfb._validate import check
from tf_jfb.gradients import JFB, Estimator
from tf_jfb.metrics import PSNR
from tf_jfb.models._kept import Folds, Memory, Solves
from tf_jfb.operators import Operator
from tf_jfb.operators.base import image_batch
from tf_jfb.regularizers import Regularizer
from tf_jfb.regularizers.base import Solved
from tf_jfb.solvers import Anderson, Solver, solve


class Restoration(NamedTuple):
    """What `restore` returns, one entry per image."""

    image: tf.Tensor  # [B, H, W, C]
    evaluations: tf.Tensor  # int32 [B]
    residual: tf.Tensor  # [B], |T(x) - x| / |T(x)| at the returned image
    status: tf.Tensor  # int32 [B], a Status
    trace: tf.Tensor | None = None  # [B, max_evaluations], NaN once the image stopped


class Equilibrium(Model):
    r"""Reconstruction $x^* = T_\theta(x^*; d)$ from the measurement $d = A x + e$.

    A subclass supplies `equilibrium_map(d, network)`, which returns the start x0, T as a function
    `T(x, *inputs, observe=False)` that does not change within a solve, and `inputs`, all that T
    knows of the images: tensors with one entry per image. `network(x, observe)` is the network
    with its normalisations computed; `observe=True` marks the one recorded evaluation of a
    training step, in which batch statistics may move.

    `call` is differentiable through `gradient`. `predict` and `restore` return the solved
    iterate itself. `fit` and `evaluate` log, beside loss and metrics, the mean evaluations, mean
    residual (over images that have a finite one) and share of converged images; with a gradient
    that solves an adjoint equation, `fit` also logs those of that solve, as `adjoint_...`.

    With `warm_start` = N, `fit` takes ((d, index), x), index [B] in [0, N) naming the example, and
    a solve starts where the last of the same example ended. It pays where an example is the same
    in every epoch: with crops or noise drawn anew, the last solution is another problem's.
    """

    def __init__(
        self,
        operator: Operator,
        network,
        solver: Solver | None = None,
        gradient: Estimator | None = None,
        regularizers: tuple = (),
        warm_start: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check(
            isinstance(warm_start, int) and warm_start >= 0,
            "`warm_start` must be the number of training examples, or 0.",
            warm_start=warm_start,
        )
        self.warm_start, self._memory = warm_start, Memory(warm_start)
        self.operator, self.network = operator, network
        self._channels = None  # of the images, once known
        self.solver = Anderson() if solver is None else solver
        self.gradient = JFB() if gradient is None else gradient
        self.regularizers = tuple(regularizers)
        _check_parts(self.operator, self.network, self.solver, self.gradient, self.regularizers)
        self.penalty_metrics = {r.name: keras.metrics.Mean(name=r.name) for r in self.regularizers}
        self._solves = Solves()
        self.solve_metrics = _record_metrics("")
        self.adjoint_metrics = _record_metrics("adjoint_") if self.gradient.solves_adjoint else {}
        self._folds = Folds(network)
        self._restore = tf.function(self.solved, reduce_retracing=True)

    def equilibrium_map(self, d: tf.Tensor, network) -> tuple:
        """(x0, T, inputs) for the measurement `d` [B, H, W, C]."""
        raise NotImplementedError

    def bound_map(self, d: tf.Tensor, training: bool = False) -> tuple:
        """(x0, T) with T a function of x alone, and `observe`."""
        network = self.network.frozen(training=training)
        x0, T, inputs = self.equilibrium_map(d, network)  # noqa: N806
        return x0, lambda x, observe=False: T(x, *inputs, observe=observe)

    def folded(self):
        """The network's normalisations, for `solved`.

        None in a graph, where `solved` computes them, and for a network without `folded`.
        """
        known = tf.executing_eagerly() and hasattr(self.network, "folded")
        return self._folds.current() if known else None

    def compile(self, optimizer="adam", loss="mse", metrics=None, **kwargs):
        """As in Keras; default loss mean squared error, default metric PSNR on [0, 1]."""
        super().compile(optimizer, loss, metrics=[PSNR()] if metrics is None else metrics, **kwargs)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built and hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    def build(self, input_shape):
        if isinstance(input_shape[0], (tuple, list)):
            input_shape = input_shape[0]  # of (d, index)
        if not self.network.built:
            self.network.build(tuple(input_shape))
        self._channels = self._channels or input_shape[-1]
        self.built = True

    def call(self, d, training=None):
        d, index = self._measured(d)
        x0, T = self.bound_map(d, bool(training))  # noqa: N806
        T.explicit, T.inputs = lambda x, d: self.bound_map(d)[1](x), (d,)
        observed = lambda x: T(x, observe=bool(training))  # noqa: E731
        report = lambda solution: _log(self.adjoint_metrics, solution)  # noqa: E731
        if self.gradient.needs_solution:
            warm = training and self.warm_start
            solution = solve(T, self._memory.recall(index, x0) if warm else x0, self.solver)
            if warm:
                self._memory.keep(index, solution)
            _log(self.solve_metrics, solution)
            if training and self.regularizers:
                self._solves.keep(Solved(T, x0, solution.x, self.solver, self._step()))
            return self.gradient.attach(T, solution.x, observed, report)
        x = self.gradient.attach(T, x0, observed, report)
        # What was iterated without a solver is judged by one evaluation more.
        last = solve(T, tf.stop_gradient(x), self.solver, max_evaluations=1)
        _log(self.solve_metrics, last._replace(evaluations=last.evaluations + self.gradient.steps))
        return x

    def _measured(self, inputs) -> tuple:
        """(d, index of the examples or None)."""
        pair = isinstance(inputs, (tuple, list))
        check(
            pair == bool(self.warm_start),
            "With `warm_start` the model takes (d, index), without it d alone.",
            warm_start=self.warm_start,
            inputs=type(inputs).__name__,
        )
        d, index = inputs if pair else (inputs, None)
        return tf.cast(d, self.variable_dtype), index

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """The compiled loss and, in training, the weighted regularisers."""
        base = super().compute_loss
        total = base(x, y, y_pred, sample_weight, **kwargs)
        solved = self._solves.take()
        if solved is None:
            return total
        replicas = _replicas.count()  # Keras divides by it, for it adds their gradients
        loss = lambda image: replicas * base(x, y, image, sample_weight, **kwargs)  # noqa: E731
        for regularizer in self.regularizers:
            penalty = regularizer.penalty(solved, loss)
            self.penalty_metrics[regularizer.name].update_state(penalty)
            total += regularizer.weight / replicas * penalty
        return total

    def _step(self):
        optimizer = getattr(self, "optimizer", None)
        return tf.constant(0) if optimizer is None else tf.convert_to_tensor(optimizer.iterations)

    def predict_step(self, data):
        d = data[0] if isinstance(data, tuple) else data
        d = d[0] if isinstance(d, tuple) else d
        return self.solved(d, compact=not self.jit_compile).image

    def restore(
        self, blurred, rtol=None, max_evaluations=None, trace=False, start=None
    ) -> Restoration:
        """Restores a batch and reports, per image, how the solve went.

        Args:
            blurred: [B, H, W, C] in [0, 1].
            rtol: relative tolerance; default the solver's.
            max_evaluations: cap on evaluations of T; default the solver's.
            trace: also return the residual of every evaluation.
            start: images to start from, such as an earlier restoration that is to be refined, or
                that of the frame before; default the model's own start.

        Raises:
            ValueError: `blurred` or `start` has the wrong shape, dtype or value range, or holds
                NaN; `rtol` or `max_evaluations` is outside its range.
        """
        blurred = _check_images("blurred", blurred)
        self.build(blurred.shape)
        check(
            self._channels in (None, blurred.shape[-1]),
            f"`blurred` must have the {self._channels} channels of the model.",
            shape=tuple(blurred.shape),
        )
        rtol = self.solver.rtol if rtol is None else rtol
        cap = self.solver.max_evaluations if max_evaluations is None else max_evaluations
        type(self.solver)(**{**self.solver.get_config(), "rtol": rtol, "max_evaluations": cap})
        cap, rtol = int(cap) if trace else tf.constant(cap), tf.constant(rtol, tf.float32)
        if start is not None:
            start = _check_images("start", start)
            check(
                start.shape == blurred.shape,
                "`start` must have the shape of `blurred`.",
                start=tuple(start.shape),
                blurred=tuple(blurred.shape),
            )
        compact = len(blurred) > 1
        return self._restore(blurred, rtol, cap, bool(trace), compact, start, self.folded())

    def solved(
        self,
        d,
        rtol=None,
        max_evaluations=None,
        trace=False,
        compact=False,
        start=None,
        folded=None,
    ) -> Restoration:
        """`restore` without checks, for use inside a graph; the options may be tensors.

        With `compact`, images that stop leave the batch (see `solve`); not under XLA. `folded` is
        what `folded()` returned, or None to compute it here.
        """
        d = tf.cast(d, self.variable_dtype)
        self.build(d.shape)
        known = {} if folded is None else {"folded": folded}
        network = self.network.frozen(training=False, **known)
        x0, T, inputs = self.equilibrium_map(d, network)  # noqa: N806
        options = {"rtol": rtol, "max_evaluations": max_evaluations, "trace": trace}
        x0 = x0 if start is None else tf.cast(start, x0.dtype)
        s = solve(T, x0, self.solver, inputs, compact=compact, **options)
        return Restoration(s.x, s.evaluations, s.residual, s.status, s.trace)

    @property
    def metrics(self):
        groups = (self.solve_metrics, self.adjoint_metrics, self.penalty_metrics)
        own = [metric for group in groups for metric in group.values()]
        # Keras may already have found them among the attributes.
        return [m for m in super().metrics if all(m is not o for o in own)] + own

    def train_step(self, data):
        groups = (self.solve_metrics, self.adjoint_metrics, self.penalty_metrics)
        results = dict(super().train_step(data))
        for group in groups:
            results |= _results(group)
        return results

    def test_step(self, data):
        return {**super().test_step(data), **_results(self.solve_metrics)}

    def get_config(self) -> dict:
        parts = {name: getattr(self, name) for name in _PARTS}
        saved = {k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}
        penalties = [keras.saving.serialize_keras_object(r) for r in self.regularizers]
        own = {"warm_start": self.warm_start, "name": self.name}
        return {**saved, "regularizers": penalties, **own}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "Equilibrium":
        config = dict(config)
        for name in _PARTS:
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        config["regularizers"] = [
            keras.saving.deserialize_keras_object(r, custom_objects) for r in config["regularizers"]
        ]
        return cls(**config)


def _record_metrics(prefix) -> dict:
    names = ("evaluations", "residual", "converged")
    return {name: keras.metrics.Mean(name=prefix + name) for name in names}


def _log(metrics: dict, solution: Solution) -> None:
    """Adds a solve to the means, the residual over the images that have a finite one."""
    known = tf.cast(tf.math.is_finite(solution.residual), tf.float32)
    residual = tf.where(known > 0, tf.cast(solution.residual, tf.float32), 0.0)
    metrics["evaluations"].update_state(solution.evaluations)
    metrics["residual"].update_state(residual, sample_weight=known)
    metrics["converged"].update_state(solution.status == int(Status.CONVERGED))


def _results(metrics: dict) -> dict:
    return {metric.name: metric.result() for metric in metrics.values()}


_PARTS = ("operator", "network", "solver", "gradient")


def _check_parts(operator, network, solver, gradient, regularizers) -> None:
    check(
        isinstance(operator, Operator),
        "`operator` must be a tf_jfb.operators.Operator.",
        operator=operator,
    )
    check(
        hasattr(network, "frozen"),
        "`network` must be a Keras layer with a method `frozen(training)`, like DnCNN.",
        network=network,
    )
    check(isinstance(solver, Solver), "`solver` must be a tf_jfb.solvers.Solver.", solver=solver)
    check(
        isinstance(gradient, Estimator),
        "`gradient` must be a tf_jfb.gradients.Estimator.",
        gradient=gradient,
    )
    check(
        all(isinstance(r, Regularizer) for r in regularizers)
        and len({r.name for r in regularizers}) == len(regularizers),
        "`regularizers` must be tf_jfb.regularizers, at most one of a name.",
        regularizers=regularizers,
    )
    check(
        gradient.needs_solution or not regularizers,
        "`regularizers` need a gradient at a fixed point, not an unrolled one.",
        gradient=gradient,
    )


def _check_images(name, images) -> tf.Tensor:
    images = image_batch(name, images)
    values = np.asarray(images)
    check(values.size > 0, f"`{name}` must not be empty.", shape=values.shape)
    check(
        bool(np.isfinite(values).all()),
        f"`{name}` must be finite.",
        non_finite_pixels=int((~np.isfinite(values)).sum()),
    )
    # Noise may carry a measurement a little outside [0, 1]; 8-bit values lie far outside.
    check(
        values.min() > -1.0 and values.max() < 2.0,
        f"`{name}` must hold values in [0, 1] (plus noise).",
        min=float(values.min()),
        max=float(values.max()),
    )
    return images
