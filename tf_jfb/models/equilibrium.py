"""A Keras model whose output is the fixed point of a map T(x; d): what all of ours share."""

import functools

import keras
import tensorflow as tf

from tf_jfb._compat import full_precision
from tf_jfb._numerics import cast, parted, per_image
from tf_jfb._types import FixedPointProblem, Solution, Status
from tf_jfb._validate import check, plain
from tf_jfb.gradients import JFB, Estimator
from tf_jfb.gradients.base import check_solve
from tf_jfb.layers.solve_metrics import for_mode, log_solve
from tf_jfb.models._kept import Folds, Memory
from tf_jfb.models._measurement import Measurement, as_scene
from tf_jfb.models.restoring import Options, check_images, checked_inputs, checked_options
from tf_jfb.models.trained import TrainedModel
from tf_jfb.networks import Network
from tf_jfb.operators import Operator
from tf_jfb.solvers import Anderson, Solver

_PARTS = ("operator", "network", "solver", "gradient")


class Equilibrium(TrainedModel):
    r"""Reconstruction $x^* = T_\theta(x^*; d)$ from the measurement $d = A x + e$.

    A subclass supplies `equilibrium_map(m, network)`, which returns the start x0, T as a function
    `T(x, *inputs, observe=False)` that does not change within a solve, and `inputs`, all that T
    knows of the images: tensors with one entry per image. `m` is a `Measurement`; `network` is
    the network with its normalisations computed. `observe=True` marks the one recorded evaluation
    of a training step, in which batch statistics may move. Where x is more than the image, the
    subclass also supplies `state_of` and `image_of`; `continued` where there is a better start.

    The model takes d, or a dict of `image` = d and of what else it needs: `kernel` [B, k1, k2]
    where `operator` is None, for circular blurs that come with the images; `noise` [B], the
    standard deviation, there and where the network is conditional; `index` for a warm start. With
    `boundary` "photo", such images are frames of scenes that go on beyond them (see
    `operators.Frame`): what is solved for is the scene, what is returned and learned from is the
    frame.

    `call` is differentiable through `gradient`. Its value, and that of `predict` and `restore`, is
    the iterate that the solve ended with and whose residual is reported. `fit` and `evaluate` log,
    beside loss and metrics, the mean evaluations, mean residual (over images that have a finite
    one) and share of converged images; with a gradient that solves an adjoint equation, `fit` also
    logs those of that solve, as `adjoint_...`; with regularisers each of them, and `data_loss`,
    the loss without them.

    With `warm_start` = N, `fit` takes ({"image": d, "index": i}, x), i [B] in [0, N) naming the
    example, and a solve starts where the last of the same example ended. It pays where an example
    is the same in every epoch: with crops or noise drawn anew it would be another problem's.
    `unconverged_weight` in [0, 1] is a factor on the gradient of images whose solve failed, at
    which no estimate of a fixed point's gradient is justified.
    """

    def __init__(
        self,
        operator: Operator | None,
        network,
        solver: Solver | None = None,
        gradient: Estimator | None = None,
        regularizers: tuple = (),
        warm_start: int = 0,
        boundary: str | None = None,
        unconverged_weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(operator, network, boundary, regularizers, **full_precision(kwargs))
        warm_start, unconverged_weight = plain(warm_start), plain(unconverged_weight)
        check(
            isinstance(warm_start, int) and warm_start >= 0,
            "`warm_start` must be the number of training examples, or 0.",
            warm_start=warm_start,
        )
        check(
            isinstance(unconverged_weight, (int, float)) and 0 <= unconverged_weight <= 1,
            "`unconverged_weight` must lie in [0, 1].",
            unconverged_weight=unconverged_weight,
        )
        self.warm_start, self._memory = warm_start, Memory(warm_start)
        self.unconverged_weight = unconverged_weight
        self._set(Anderson() if solver is None else solver, JFB() if gradient is None else gradient)
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
        self._check_parts(solver, gradient)
        self._solver, self._gradient = solver, gradient
        self._restore = tf.function(self._solved, reduce_retracing=True, autograph=False)
        self.train_function = self.test_function = self.predict_function = None

    def _check_parts(self, solver, gradient) -> None:
        """Refuses what does not fit the model, before it is taken."""
        check(
            isinstance(self.network, Network),
            "`network` must be a tf_jfb.networks.Network, like DnCNN.",
            network=self.network,
        )
        check_solve(solver, gradient)
        check(
            gradient.at_fixed_point or not self.regularizers and self.unconverged_weight == 1,
            "`regularizers` and `unconverged_weight` need a gradient at a fixed point.",
            gradient=gradient,
            unconverged_weight=self.unconverged_weight,
        )

    def equilibrium_map(self, m: Measurement, network) -> tuple:
        """(x0, T, inputs) for one batch."""
        raise NotImplementedError

    def state_of(self, image: tf.Tensor) -> tf.Tensor:
        """A start x0 of the solve for an image to start from."""
        return image

    def image_of(self, state: tf.Tensor) -> tf.Tensor:
        """The image in a fixed point."""
        return state

    def frame_of(self, state: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        """`image_of`, of which only what `image` [B, H, W, C] shows."""
        height, width = tf.unstack(tf.shape(image)[1:3])
        return tf.ensure_shape(self.image_of(state)[:, :height, :width], image.shape)

    def _shown(self, state: tf.Tensor, solved: Measurement, given: Measurement) -> tf.Tensor:
        """`image_of`; where a scene was `solved` for, the frame of it that was `given`."""
        return self.image_of(state) if solved.seen is None else self.frame_of(state, given.image)

    def continued(self, m: Measurement, network, x0, cap) -> tuple:
        """A start from x0 that takes evaluations, fewer than `cap`, and how many they are."""
        return x0, 0

    def problem(self, inputs, training=False, folded=None, cap=None) -> FixedPointProblem:
        """The equation x = T(x; d) for what the model was given; a `Measurement` as it stands.

        With the `cap` of the solve, one number for all or [B], its start is `continued`.
        """
        ready = isinstance(inputs, Measurement)
        m = inputs if ready else self.scene(self.measurement(inputs))
        folded = self.network.folded(training) if folded is None else folded
        known = {} if folded is None else {"folded": folded}
        network = self.network.frozen(training=training, **known)
        folds, whole = parted(folded)  # of now: what is recorded moves statistics
        x0, T, told = self.equilibrium_map(m, network)
        x0, spent = (x0, 0) if cap is None else self.continued(m, network, x0, cap)
        names = [n for n in ("image", "kernel", "noise", "seen") if getattr(m, n) is not None]

        def remade(x, *sources):
            again = Measurement(**dict(zip(names, sources, strict=False)))
            return self.problem(again, folded=whole(sources[len(names) :])).at(x)

        recorded = functools.partial(T, observe=True) if training else None
        sources = (*(getattr(m, name) for name in names), *folds)
        return FixedPointProblem(T, x0, told, recorded, remade, sources, spent)

    def denoise(self, network, x, level, observe) -> tf.Tensor:
        """D(x) = x - R(x); a conditional network is told the level [B]."""
        return self.network.denoised(network, x, level, observe)

    def folded(self):
        """The network's normalisations, for `solved`; None in a graph, which computes them."""
        return self._folds.current() if tf.executing_eagerly() else None

    def call(self, inputs, training=None):
        given = self.measurement(inputs)
        m = self.scene(given)
        problem = self.problem(m, bool(training), cap=self.solver.max_evaluations)
        warm = training and self.warm_start
        if warm:
            check(
                m.index is not None,
                "`index` [B], which names the examples, must be given in training: the model has a "
                "`warm_start`.",
                inputs=[name for name in m._fields if getattr(m, name) is not None],
            )
            problem = problem._replace(x0=self._memory.recall(m.index, problem.x0))
        gradient, report = for_mode(self.gradient, self.adjoint_metrics, training)
        # Under somebody else's compilation by XLA shapes could not change.
        compact = self.in_training_step and not self.jit_compile
        x, solution = gradient.fixed_point(problem, self.solver, report, compact)
        if warm:
            self._memory.keep(m.index, solution)
        log_solve(self.solve_metrics, solution)
        if training:
            self.penalise(problem, solution.x)
            x = self._weighted(x, solution.status)
        return self._shown(x, m, given)

    def _weighted(self, x, status) -> tf.Tensor:
        """`x`, with the gradient of images that failed times their weight."""
        if self.unconverged_weight == 1.0:
            return x
        converged = per_image(status == int(Status.CONVERGED), x)
        weight = tf.where(converged, cast(1.0, x.dtype), cast(self.unconverged_weight, x.dtype))
        return tf.stop_gradient(x) + weight * (x - tf.stop_gradient(x))

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
        boundary=None,
    ) -> Solution:
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
            boundary: "photo", the scene goes on beyond the images, as it does for a camera (see
                `operators.Frame`), or "circular", they wrap around; for a model without an
                operator. Default the model's own, else "circular".

        Raises:
            ValueError: `blurred` or `start` has the wrong shape, dtype or value range, or holds
                NaN; `rtol` or `max_evaluations` is outside its range; `kernel` or `noise` is
                missing, unusable or of no use to this model, or `boundary` is; the kernel is larger
                than the images.
        """
        blurred = check_images("blurred", blurred)
        self.build(tuple(blurred.shape))
        check(
            self._channels in (None, blurred.shape[-1]),
            f"`blurred` must have the {self._channels} channels of the model.",
            shape=tuple(blurred.shape),
        )
        options = Options(rtol, max_evaluations, trace, start=start, boundary=boundary)
        options = checked_options(self, blurred, options)._replace(folded=self.folded())
        return self._restore(checked_inputs(self, blurred, kernel, noise), options)

    def solved(self, inputs, **options) -> Solution:
        """`restore` without checks, for use inside a graph; `options` are fields of `Options`."""
        return self._solved(inputs, Options(**options))

    def _solved(self, inputs, options: Options) -> Solution:
        m = given = self.measurement(inputs)
        self.build(tuple(m.image.shape))
        start = options.start
        if (options.boundary or self.boundary) == "photo":
            m = as_scene(m, options.mask)
            start = None if start is None else as_scene(given._replace(image=start)).image
        cap = options.max_evaluations
        cap = self.solver.max_evaluations if cap is None else cap
        problem = self.problem(m, folded=options.folded, cap=cap if start is None else None)
        if start is not None:
            problem = problem._replace(x0=self.state_of(tf.cast(start, problem.x0.dtype)))
        names = ("rtol", "max_evaluations", "trace", "compact")
        how = {name: getattr(options, name) for name in names}
        s = self.gradient.solution(problem, self.solver, **how)
        return s._replace(x=self._shown(s.x, m, given))

    def get_config(self) -> dict:
        parts = {name: getattr(self, name) for name in _PARTS}
        saved = {k: keras.saving.serialize_keras_object(v) for k, v in parts.items()}
        penalties = [keras.saving.serialize_keras_object(r) for r in self.regularizers]
        names = ("warm_start", "boundary", "name", "trainable", "unconverged_weight")
        own = {n: getattr(self, n) for n in names} | {"dtype": self.variable_dtype}
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
