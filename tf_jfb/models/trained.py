"""The training step of an equilibrium model: what it penalises, and what it logs."""

import contextlib
import functools
import threading

import keras
import tensorflow as tf

from tf_jfb import _replicas
from tf_jfb._compat import KERAS_3
from tf_jfb._validate import check
from tf_jfb.layers.solve_metrics import solve_metrics
from tf_jfb.models.imaging import ImagingModel
from tf_jfb.regularizers import Regularizer


class TrainedModel(ImagingModel):
    """An imaging model with a solver, an estimator of its gradient, and penalties on its map.

    A subclass has `solver`, `gradient` and `frame_of`, and calls `penalise` in a training call.
    """

    def __init__(self, operator, network, boundary, regularizers: tuple, **kwargs):
        super().__init__(operator, network, boundary, **kwargs)
        check(
            isinstance(regularizers, (tuple, list))
            and all(isinstance(r, Regularizer) for r in regularizers)
            and len({r.name for r in regularizers}) == len(regularizers),
            "`regularizers` must be a tuple of tf_jfb.regularizers, at most one of a name.",
            regularizers=regularizers,
        )
        self.regularizers = tuple(regularizers)
        self.penalty_metrics = {r.name: keras.metrics.Mean(name=r.name) for r in self.regularizers}
        if self.regularizers:
            self.penalty_metrics["data_loss"] = keras.metrics.Mean(name="data_loss")
        self.solve_metrics = solve_metrics()
        self._adjoint_metrics = solve_metrics("adjoint_")
        self._training = threading.local()  # `problem`: that of the step; replicas have threads

    @property
    def in_training_step(self) -> bool:
        """Whether the model's own training step is what calls it."""
        return hasattr(self._training, "problem")

    @contextlib.contextmanager
    def training_step(self):
        """Within it a training call and `compute_loss` belong together, as in `train_step`.

        For training loops of one's own, where a regulariser asks for the loss.
        """
        self._training.problem = None
        try:
            yield
        finally:
            del self._training.problem

    def penalise(self, problem, x_star) -> None:
        """Adds the penalties that need no loss; the others are added by `compute_loss`."""
        for r in self.regularizers:
            if r.needs_loss:
                check(
                    self.in_training_step,
                    f"`{type(r).__name__}` asks for the loss: it needs the model's own `fit`, or, "
                    "in a training loop of yours, `with model.training_step():`.",
                    regularizers=self.regularizers,
                )
                self._training.problem = problem
                continue
            penalty = r.penalty(problem, x_star, self._step())
            self.penalty_metrics[r.name].update_state(penalty)
            dtype = keras.backend.floatx() if KERAS_3 else penalty.dtype  # of Keras' own
            self.add_loss(tf.cast(r.weight * penalty, dtype))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """The compiled loss and, in training, the weighted regularisers."""
        base = functools.partial(super().compute_loss, x, y)
        total, replicas = base(y_pred, sample_weight, **kwargs), _replicas.count()
        if not self.in_training_step or not self.regularizers:
            return total
        losses = (tf.cast(one, total.dtype) for one in self.losses)
        added = tf.add_n([tf.zeros([], total.dtype), *losses])

        def loss(state):  # Keras divides by the replicas, for it adds their gradients
            return replicas * base(self.frame_of(state, y), sample_weight, **kwargs) - added

        self.penalty_metrics["data_loss"].update_state(replicas * total - added)
        for r in self.regularizers:
            if r.needs_loss:
                penalty = r.penalty_by_loss(self._training.problem, self.solver, loss)
                self.penalty_metrics[r.name].update_state(penalty)
                total += tf.cast(r.weight / replicas * penalty, total.dtype)
        return total

    def _step(self):
        optimizer = getattr(self, "optimizer", None)
        return tf.constant(0) if optimizer is None else tf.convert_to_tensor(optimizer.iterations)

    @property
    def adjoint_metrics(self) -> dict:
        """{name: metric} of the solves for the gradient, where it makes any."""
        return {} if self.gradient.adjoint_solver is None else self._adjoint_metrics

    @property
    def _of_training(self) -> list:
        """The metrics that only a training step updates."""
        return [*self.adjoint_metrics.values(), *self.penalty_metrics.values()]

    @property
    def metrics(self):
        own = [*self.solve_metrics.values(), *self._of_training]
        # Keras may already have found them among the attributes.
        found = {id(m) for m in (*own, *self._adjoint_metrics.values())}
        return [m for m in super().metrics if id(m) not in found] + own

    def train_step(self, data):
        with self.training_step():
            logs = super().train_step(data)
        return {**logs, **_results(self.solve_metrics.values()), **_results(self._of_training)}

    def test_step(self, data):
        logs = {**super().test_step(data), **_results(self.solve_metrics.values())}
        unused = {metric.name for metric in self._of_training}
        return {name: log for name, log in logs.items() if name not in unused}


def _results(metrics) -> dict:
    return {metric.name: metric.result() for metric in metrics}
