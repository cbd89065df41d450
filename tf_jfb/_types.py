"""Records shared by every layer of the library: a fixed-point problem, its solution, a status."""

import enum
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Status(enum.IntEnum):
    """How the solve of one image ended; `advice` says what to do about it."""

    CONVERGED = 0
    CAP = 1
    DIVERGED = 2

    @property
    def advice(self) -> str:
        return _ADVICE[self]


_ADVICE = {
    Status.CONVERGED: "converged: the residual is within the tolerance",
    Status.CAP: (
        "reached the evaluation cap before the tolerance: raise `max_evaluations`, loosen "
        "`rtol`, or lower the step size of the map"
    ),
    Status.DIVERGED: (
        "diverged (the iterates blew up or became NaN; the best finite iterate is returned): "
        "check the input for NaN, then lower the step size or bound the network with `lipschitz`"
    ),
}


class Solution(NamedTuple):
    """Result of a fixed-point solve, or the images that it restored, one entry per image."""

    x: tf.Tensor  # [B, ...] evaluated iterate with the smallest |f(x) - x|
    evaluations: tf.Tensor  # int32 [B], evaluations of f spent on the image
    residual: tf.Tensor  # [B], |f(x) - x| / |f(x)| at the returned x; inf where none was finite
    status: tf.Tensor  # int32 [B], a Status
    trace: tf.Tensor | None = None  # [B, max_evaluations] residual per evaluation, NaN where none

    @property
    def image(self):
        """x, where it is images [B, H, W, C]."""
        return self.x


class FixedPointProblem(NamedTuple):
    """x = f(x, *inputs) from the start x0: what solvers, estimators and regularisers are given."""

    f: Callable  # of (x, *inputs); does not change during a solve
    x0: tf.Tensor  # [B, ...]
    inputs: tuple = ()  # tensors [B, ...], all that f knows of an image
    recorded: Callable | None = None  # f where it is evaluated with effects, once per training step
    remade: Callable | None = None  # of (x, *sources): f, made from variables and `sources` alone
    sources: tuple = ()  # tensors
    spent: object = 0  # evaluations that x0 has cost, one number for all or [B]

    def at(self, x: tf.Tensor) -> tf.Tensor:
        """f(x) of these inputs."""
        return self.f(x, *self.inputs)

    def recorded_at(self, x: tf.Tensor) -> tf.Tensor:
        """f(x), with its effects."""
        return (self.recorded or self.f)(x, *self.inputs)
