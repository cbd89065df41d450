"""What training logs of its solves."""

import functools

import keras
import tensorflow as tf

from tf_jfb._types import Solution, Status


def solve_metrics(prefix: str = "") -> dict:
    """{name: metric}: mean evaluations, mean residual and share converged, over images."""
    names = ("evaluations", "residual", "converged")
    return {name: keras.metrics.Mean(name=prefix + name) for name in names}


def for_mode(gradient, metrics: dict, training) -> tuple:
    """(`gradient`, its report of adjoint solves to `metrics`) as training or inference takes them.

    An export holds the gradient of inference, too, which must have no state to export.
    """
    if training:
        return gradient, functools.partial(log_solve, metrics)
    return gradient.stateless(), None


def log_solve(metrics: dict, solution: Solution) -> None:
    """Adds a solve to the means, the residual over the images that have a finite one."""
    known = tf.cast(tf.math.is_finite(solution.residual), tf.float32)
    residual = tf.where(known > 0, tf.cast(solution.residual, tf.float32), 0.0)
    metrics["evaluations"].update_state(solution.evaluations)
    metrics["residual"].update_state(residual, sample_weight=known)
    metrics["converged"].update_state(solution.status == int(Status.CONVERGED))
