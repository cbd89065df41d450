"""A Keras model whose output is the fixed point of a map T(x; d): what all of ours share."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_jfb import _replicas
from tf_jfb._compat import KERAS_3, Model, full_precision, loss_scaled
from tf_jfb._types import Solution, Status
from tf_jfb._validate import check, plain
from tf_jfb.gradients import JFB, Estimator
from tf_jfb.losses import SquaredError
from tf_jfb.metrics import PSNR
from tf_jfb.models._kept import Folds, Memory, Solves
from tf_jfb.models._laws import REFERENCE
from tf_jfb.models._measurement import (
    Measurement,
    as_scene,
    check_kernels,
    check_noise,
    measurement,
)
from tf_jfb.operators import BlurEach, Frame, Operator
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

    A subclass supplies `equilibrium_map(m, network)`, which returns the start x0, T as a function
    `T(x, *inputs, observe=False)` that does not change within a solve, and `inputs`, all that T
    knows of the images: tensors with one entry per image. `m` is a `Measurement`; `network` is
    the network with its normalisations computed. `observe=True` marks the one recorded evaluation
    of a training step, in which batch statistics may move. Where x is more than the image, the
    subclass also supplies `state_of` and `image_of`.

    The model takes d, or a dict of `image` = d and of what else it needs: `kernel` [B, k1, k2]
    where `operator` is None, for circular blurs that come with the images; `noise` [B], the
    standard deviation, there and where the network is conditional; `index` for a warm start. With
    `photo`, such images are frames of scenes that go on beyond them (see `operators.Frame`): what
    is solved for is the scene, what is returned and learned from the frame.

    `call` is differentiable through `gradient`. Its value, and that of `predict` and `restore`, is
    the iterate that the solve ended with and whose residual is reported. `fit` and `evaluate` log,
    beside loss and metrics, the mean evaluations, mean residual (over images that have a finite
    one) and share of converged images; with a gradient that solves an adjoint equation, `fit` also
    logs those of that solve, as `adjoint_...`.

    With `warm_start` = N, `fit` takes ({"image": d, "index": i}, x), i [B] in [0, N) naming the
    example, and a solve starts where the last of the same example ended. It pays where an example
    is the same in every epoch: with crops or noise drawn anew it would be another problem's.
    """

    def __init__(
        self,
        operator: Operator | None,
        network,
        solver: Solver | None = None,
        gradient: Estimator | None = None,
        regularizers: tuple = (),
        warm_start: int = 0,
        photo: bool = False,
        **kwargs,
    ):
        super().__init__(**full_precision(kwargs))
        warm_start = plain(warm_start)
        check(
            isinstance(warm_start, int) and warm_start >= 0,
            "`warm_start` must be the number of training examples, or 0.",
            warm_start=warm_start,
        )
        self.warm_start, self._memory = warm_start, Memory(warm_start)
        check(
            operator is None or not photo,
            "`photo` must be left out: `operator` has a boundary of its own.",
            photo=photo,
        )
        self.operator, self.network, self.photo = operator, network, photo
        self._channels = None  # of the images, once known
        self.regularizers = tuple(regularizers)
        self._set(Anderson() if solver is None else solver, JFB() if gradient is None else gradient)
        self.penalty_metrics = {r.name: keras.metrics.Mean(name=r.name) for r in self.regularizers}
        self._solves = Solves()
        self.solve_metrics = _record_metrics("")
        self._adjoint_metrics = _record_metrics("adjoint_")
        self._folds = Folds(network)

    @property
    def solver(self) -> Solver:
        """How the fixed point is found; may be set anew at any time."""
        return self._solver

    @solver.setter
    def solver(self, solver: Solver):
        self._set(solver, self.gradient)

    @property
    def gradient(self) -> Estimator:
        """The estimator behind `call`; may be set anew at any time."""
        return self._gradient

    @gradient.setter
    def gradient(self, gradient: Estimator):
        self._set(self.solver, gradient)

    def _set(self, solver, gradient) -> None:
        """Takes both, and traces anew what was traced with others."""
        _check_parts(self.operator, self.network, solver, gradient, self.regularizers)
        self._solver, self._gradient = solver, gradient
        self._restore = tf.function(self.solved, reduce_retracing=True, autograph=False)
        self.train_function = self.test_function = self.predict_function = None

    def equilibrium_map(self, m: Measurement, network) -> tuple:
        """(x0, T, inputs) for one batch."""
        raise NotImplementedError

    def state_of(self, image: tf.Tensor) -> tf.Tensor:
        """A start x0 of the solve for an image to start from."""
        return image

    def image_of(self, state: tf.Tensor) -> tf.Tensor:
        """The image in a fixed point."""
        return state

    def _shown(self, state: tf.Tensor, solved: Measurement, given: Measurement) -> tf.Tensor:
        """`image_of`; where a scene was `solved` for, the frame of it that was `given`."""
        return self.image_of(state) if solved.seen is None else self.frame_of(state, given.image)

    def frame_of(self, state: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """`image_of`, of which only what `image` [B, H, W, C] shows."""
        height, width = tf.unstack(tf.shape(image)[1:3])
        return tf.ensure_shape(self.image_of(state)[:, :height, :width], image.shape)

    def bound_map(self, inputs, training: bool = False) -> tuple:
        """(x0, T) with T a function of x alone, and `observe`."""
        m = self._scene(self.measurement(inputs))
        x0, T, known = self.equilibrium_map(m, self.network.frozen(training=training))  # noqa: N806
        return x0, lambda x, observe=False: T(x, *known, observe=observe)

    def measurement(self, inputs) -> Measurement:
        """What the model was given, checked to be what it takes."""
        wanted = [name for name in ("kernel", "noise") if getattr(self, f"takes_{name}")]
        return measurement(inputs, wanted, bool(self.warm_start), self.variable_dtype)

    def _scene(self, m: Measurement) -> Measurement:
        return as_scene(m) if self.photo and m.seen is None else m

    @property
    def takes_kernel(self) -> bool:
        """Whether the blur comes with the images."""
        return self.operator is None

    @property
    def takes_noise(self) -> bool:
        """Whether the noise level comes with the images."""
        return self.takes_kernel or is_conditional(self.network)

    def forward_model(self, m: Measurement) -> tuple:
        """(make, tensors): `make(*tensors)` is A of the images whose entries the tensors hold."""
        if self.operator is not None:
            return lambda: self.operator, ()
        transfer = BlurEach(m.kernel).transfer(m.image)
        if m.seen is None:
            return BlurEach.from_transfer, (transfer,)
        return lambda t, seen: Frame(BlurEach.from_transfer(t), seen), (transfer, m.seen)

    def backprojection(self, m: Measurement, operator: Operator) -> tf.Tensor:
        """Where solves start: A^T d, or a d that holds a guess of what was not seen."""
        return operator.adjoint(m.image) if m.seen is None else m.image

    def noise_of(self, m: Measurement) -> tf.Tensor:
        """Noise level of every image, [B]; that of reference for a model that is told none."""
        level = tf.constant(REFERENCE, m.image.dtype)
        return tf.fill(tf.shape(m.image)[:1], level) if m.noise is None else m.noise

    def denoise(self, network, x, level, observe) -> tf.Tensor:
        """D(x) = x - R(x); a conditional network is told the level [B]."""
        told = (level,) if is_conditional(self.network) else ()
        return x - tf.cast(network(x, *told, observe=observe), x.dtype)

    def folded(self):
        """The network's normalisations, for `solved`.

        None in a graph, where `solved` computes them, and for a network without `folded`.
        """
        known = tf.executing_eagerly() and hasattr(self.network, "folded")
        return self._folds.current() if known else None

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """As in Keras; default loss `losses.SquaredError`, default metric PSNR on [0, 1]."""
        optimizer, loss = loss_scaled(optimizer, self.network), loss or SquaredError()
        super().compile(optimizer, loss, metrics=[PSNR()] if metrics is None else metrics, **kwargs)
        # A step that makes variables would be traced twice.
        if self.built and hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def build(self, input_shape):
        if isinstance(input_shape, dict):
            input_shape = input_shape["image"]
        if not self.network.built:
            self.network.build(tuple(input_shape))
        self._channels = self._channels or input_shape[-1]
        self.built = True

    def get_build_config(self):
        return {"input_shape": (None, None, None, self._channels)} if self.built else None

    def build_from_config(self, config):
        self.build(config["input_shape"])

    def call(self, inputs, training=None):
        given = self.measurement(inputs)
        m = self._scene(given)
        x0, T = self.bound_map(m, bool(training))  # noqa: N806
        names = ("image", "kernel", "noise", "seen")
        told = [name for name in names if getattr(m, name) is not None]
        T.inputs = tuple(getattr(m, name) for name in told)
        T.explicit = lambda x, *new: self.bound_map(Measurement(**dict(zip(told, new))))[1](x)  # noqa: B905
        observed = lambda x: T(x, observe=bool(training))  # noqa: E731
        report = lambda solution: _log(self.adjoint_metrics, solution)  # noqa: E731
        if self.gradient.needs_solution:
            warm = training and self.warm_start
            check(
                not warm or m.index is not None,
                "`index` [B], which names the examples, must be given in training: the model has a "
                "`warm_start`.",
                inputs=told,
            )
            solution = solve(T, self._memory.recall(m.index, x0) if warm else x0, self.solver)
            if warm:
                self._memory.keep(m.index, solution)
            _log(self.solve_metrics, solution)
            if training and self.regularizers:
                self._solves.keep(Solved(T, x0, solution.x, self.solver, self._step()))
            fixed = self.gradient.attach(T, solution.x, observed, report)
            return self._shown(fixed, m, given)
        x = self.gradient.attach(T, x0, observed, report)
        # What was iterated without a solver is judged by one evaluation more.
        last = solve(T, tf.stop_gradient(x), self.solver, max_evaluations=1)
        _log(self.solve_metrics, last._replace(evaluations=last.evaluations + self.gradient.steps))
        return self._shown(x, m, given)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """The compiled loss and, in training, the weighted regularisers."""
        base = super().compute_loss
        total = base(x, y, y_pred, sample_weight, **kwargs)
        solved = self._solves.take()
        if solved is None:
            return total
        replicas = _replicas.count()  # Keras divides by it, for it adds their gradients

        def loss(state):
            return replicas * base(x, y, self.frame_of(state, y), sample_weight, **kwargs)

        for regularizer in self.regularizers:
            penalty = regularizer.penalty(solved, loss)
            self.penalty_metrics[regularizer.name].update_state(penalty)
            total += regularizer.weight / replicas * penalty
        return total

    if not KERAS_3:  # which logs the compiled loss alone

        def get_metrics_result(self):
            logs = super().get_metrics_result()
            for r in self.regularizers:
                logs["loss"] += r.weight * logs.get(r.name, 0.0)
            return logs

    def _step(self):
        optimizer = getattr(self, "optimizer", None)
        return tf.constant(0) if optimizer is None else tf.convert_to_tensor(optimizer.iterations)

    def predict_step(self, data):
        inputs = data[0] if isinstance(data, tuple) else data
        return self.solved(inputs, compact=not self.jit_compile).image

    def restore(
        self,
        blurred,
        rtol=None,
        max_evaluations=None,
        trace=False,
        start=None,
        kernel=None,
        noise=None,
        photo=None,
    ) -> Restoration:
        """Restores a batch and reports, per image, how the solve went.

        Args:
            blurred: [B, H, W, C] in [0, 1].
            rtol: relative tolerance; default the solver's. A model that was trained unrolled
                returns x_k, as it was trained to, unless a tolerance or a cap is asked for.
            max_evaluations: cap on evaluations of T; default the solver's.
            trace: also return the residual of every evaluation.
            start: images to start from, such as an earlier restoration that is to be refined, or
                that of the frame before; default the model's own start.
            kernel: [k1, k2] for all or [B, k1, k2], for a model without an operator of its own.
            noise: standard deviation in [0, 1] units, a number or [B], for a model told of it.
            photo: whether the scene goes on beyond the images, as it does for a camera (see
                `operators.Frame`); otherwise they wrap around. For a model without an operator;
                default the model's own.

        Raises:
            ValueError: `blurred` or `start` has the wrong shape, dtype or value range, or holds
                NaN; `rtol` or `max_evaluations` is outside its range; `kernel` or `noise` is
                missing, unusable or of no use to this model, or `photo` is.
        """
        blurred = _check_images("blurred", blurred)
        self.build(blurred.shape)
        check(
            self._channels in (None, blurred.shape[-1]),
            f"`blurred` must have the {self._channels} channels of the model.",
            shape=tuple(blurred.shape),
        )
        rtol, cap = self._options(rtol, max_evaluations, trace)
        if start is not None:
            start = _check_images("start", start)
            shape = blurred if self.operator is None else self.operator.adjoint(blurred)
            check(
                start.shape == shape.shape,
                "`start` must have the shape of the restored images.",
                start=tuple(start.shape),
                restored=tuple(shape.shape),
            )
        check(
            self.takes_kernel or not photo,
            "`photo` must be left out: the model's operator has a boundary of its own.",
            photo=photo,
        )
        inputs, compact = self._told(blurred, kernel, noise), len(blurred) > 1
        photo = self.photo if photo is None else bool(photo)
        options = (rtol, cap, bool(trace), compact, start, self.folded(), photo)
        return self._restore(inputs, *options)

    def _options(self, rtol, cap, trace) -> tuple:
        """Tolerance and cap of a solve, checked; None for an iterate that is not solved for."""
        if rtol is None and cap is None and not self.gradient.needs_solution:
            return None, None
        rtol = self.solver.rtol if rtol is None else rtol
        cap = self.solver.max_evaluations if cap is None else cap
        type(self.solver)(**{**self.solver.get_config(), "rtol": rtol, "max_evaluations": cap})
        return tf.constant(rtol, tf.float32), int(cap) if trace else tf.constant(cap)

    def _told(self, blurred, kernel, noise):
        """`blurred` and what else the model takes, for every image, checked."""
        given = {"kernel": kernel, "noise": noise}
        for name, value in given.items():
            takes = getattr(self, f"takes_{name}")
            check(
                takes == (value is not None),
                f"`{name}` must {'be given' if takes else 'be left out'} for this model.",
                **{name: None if value is None else np.shape(value)},
            )
        inputs, batch = {"image": blurred}, len(blurred)
        if kernel is not None:
            inputs["kernel"] = check_kernels(kernel, batch)
        if noise is not None:
            inputs["noise"] = check_noise(noise, batch)
        return inputs if len(inputs) > 1 else blurred

    def solved(
        self,
        inputs,
        rtol=None,
        max_evaluations=None,
        trace=False,
        compact=False,
        start=None,
        folded=None,
        photo=None,
        mask=None,
    ) -> Restoration:
        """`restore` without checks, for use inside a graph; the options may be tensors.

        With `compact`, images that stop leave the batch (see `solve`); not under XLA. `folded` is
        what `folded()` returned, or None to compute it here. `mask` [B, H, W, 1], with `photo`, is
        0 at pixels not to be trusted.
        """
        m = given = self.measurement(inputs)
        self.build(m.image.shape)
        if self.photo if photo is None else photo:
            m = as_scene(m, mask)
            start = None if start is None else as_scene(given._replace(image=start)).image
        known = {} if folded is None else {"folded": folded}
        network = self.network.frozen(training=False, **known)
        x0, T, told = self.equilibrium_map(m, network)  # noqa: N806
        options = {"rtol": rtol, "max_evaluations": max_evaluations, "trace": trace}
        x0 = x0 if start is None else self.state_of(tf.cast(start, x0.dtype))
        if self.gradient.needs_solution or rtol is not None or max_evaluations is not None:
            s = solve(T, x0, self.solver, told, compact=compact, **options)
        else:
            s = self._iterated(T, x0, told, trace)
        image = self._shown(s.x, m, given)
        return Restoration(image, s.evaluations, s.residual, s.status, s.trace)

    def _iterated(self, T, x0, told, trace) -> Solution:  # noqa: N803
        """What was trained without a solver: x_k, judged by one evaluation more."""
        steps = self.gradient.steps
        x = tf.while_loop(lambda i, _: i < steps, lambda i, x: (i + 1, T(x, *told)), (0, x0))[1]
        last = solve(T, x, self.solver, told, max_evaluations=1, trace=trace)
        return last._replace(evaluations=last.evaluations + steps)

    @property
    def adjoint_metrics(self) -> dict:
        """{name: metric} of the solves for the gradient, where it makes any."""
        return self._adjoint_metrics if self.gradient.solves_adjoint else {}

    @property
    def metrics(self):
        groups = (self.solve_metrics, self.adjoint_metrics, self.penalty_metrics)
        own = [metric for group in groups for metric in group.values()]
        # Keras may already have found them among the attributes.
        found = {id(m) for m in (*own, *self._adjoint_metrics.values())}
        return [m for m in super().metrics if id(m) not in found] + own

    def train_step(self, data):
        groups = (self.solve_metrics, self.adjoint_metrics, self.penalty_metrics)
        results = dict(super().train_step(data))
        for group in groups:
            results |= _results(group)
        return results

    def test_step(self, data):
        logs = {**super().test_step(data), **_results(self.solve_metrics)}
        for group in (self.adjoint_metrics, self.penalty_metrics):  # they are of training alone
            for metric in group.values():
                logs.pop(metric.name, None)
        return logs

    def get_config(self) -> dict:
        parts = {name: getattr(self, name) for name in _PARTS}
        saved = {k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}
        penalties = [keras.saving.serialize_keras_object(r) for r in self.regularizers]
        own = {"warm_start": self.warm_start, "photo": self.photo, "name": self.name}
        own |= {"dtype": self.variable_dtype, "trainable": self.trainable}
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


def is_conditional(network) -> bool:
    """Whether the network is told the noise level, as a second argument."""
    return getattr(network, "conditional", False)


_PARTS = ("operator", "network", "solver", "gradient")


def _check_parts(operator, network, solver, gradient, regularizers) -> None:
    check(
        operator is None or isinstance(operator, Operator),
        "`operator` must be a tf_jfb.operators.Operator, or None.",
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
