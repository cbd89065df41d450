"""The published code's faults beside ours: a stopping rule, a solver, a network, an operator.

Every measurement returns {key: [with the fault, without it]}, and curves where it has any.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tf_jfb import data, models, networks, operators, solvers
from tf_jfb._types import FixedPointProblem
from tf_jfb.metrics import psnr
from tf_jfb.operators import kernels

TOLERANCE, CAP = 1e-3, 50  # of the paper
SMALL_ETA = 1e-3  # of the published code, at first
RIDGE = 1e-4 / 4  # 1e-4 where images lie in [-1, 1], whose squared residuals are four times ours
TOLERANCES, LONG = (1e-3, 1e-4, 1e-5), 100  # and the evaluations given to reach them
SLOW = 0.01
ASYMMETRIC = "shake:15:2"


def solved(problem, solver, **options) -> solvers.Solution:
    return solvers.solve(problem.f, problem.x0, solver, problem.inputs, **options)


def traced(problem, solver) -> tuple:
    """(x, residuals [B, cap]) of a solve that goes on to its cap."""
    solution = solved(problem, dataclasses.replace(solver, rtol=0.0), trace=True)
    return solution.x, solution.trace.numpy()


def mean_psnr(x, sharp) -> float:
    return float(np.mean(psnr(x, sharp)))


def norms(x) -> np.ndarray:
    return np.linalg.norm(np.reshape(x, [len(x), -1]), axis=1)


def average(traces) -> list:
    """Geometric mean over the images that are finite, per evaluation."""
    with np.errstate(divide="ignore"):
        logs = np.ma.masked_invalid(np.log(traces))
    return np.exp(logs.mean(axis=0).filled(np.nan)).tolist()


def reached(traces, tolerance) -> float:
    """Mean evaluations to a residual below `tolerance`, all of them where it is never reached."""
    below = traces <= tolerance
    counts = np.where(below.any(axis=1), below.argmax(axis=1) + 1, traces.shape[1])
    return float(counts.mean())


# 1. The step is scaled by eta, and the largest of the batch decides.


def stopping(model, d, sharp) -> dict:
    """At eta = 1e-3, and of the batch's maximum alone at the eta of the model.

    Fixed points do not depend on eta: the residual told is |A^T (A x - d) + R(x)| / |x|.
    """
    usual, eta = model.problem(d), float(model.eta)
    each = solved(usual, solvers.Anderson(rtol=TOLERANCE, max_evaluations=CAP))
    count, x = by_batch_maximum(at_eta(model, d, SMALL_ETA))
    of_each = float(np.mean(each.evaluations))
    residuals = [float(np.mean(norms(usual.at(y) - y) / norms(y) / eta)) for y in (x, each.x)]
    return {
        "stop_evaluations": [count, of_each],
        "stop_residual": residuals,
        "stop_psnr": [mean_psnr(x, sharp), mean_psnr(each.x, sharp)],
        "batch_evaluations": [by_batch_maximum(usual)[0], of_each],
    }


def at_eta(model, d, eta):
    """The problem of `model` with another step size."""
    learned = model.log_eta.numpy()
    model.log_eta.assign(np.log(eta))
    problem = model.problem(d)
    model.log_eta.assign(learned)
    return problem


def by_batch_maximum(problem) -> tuple:
    """(evaluations, x) where the largest residual of the batch meets the tolerance."""
    solver = solvers.Anderson(rtol=0.0, max_evaluations=CAP)
    count = int(reached(traced(problem, solver)[1].max(axis=0, keepdims=True), TOLERANCE))
    return count, solved(problem, solver, max_evaluations=count).x


# 2. The ridge of Anderson's method is absolute.


@dataclasses.dataclass(frozen=True)
class Ridged(solvers.Anderson):
    """Anderson's method as in textbooks; `absolute` adds to the ridge, which is relative."""

    absolute: float = 0.0

    def step(self, x, fx, state):
        residual, count = fx - x, tf.minimum(state.count + 1, self.m)
        mixed = (x + self.beta * residual, *state.mixed[:-1])
        residuals = (residual, *state.residuals[:-1])
        flat = tf.stack([tf.reshape(r, [tf.shape(r)[0], -1]) for r in residuals], axis=1)
        gram = tf.cast(tf.matmul(flat, flat, transpose_b=True), tf.float64)
        used = tf.cast(tf.range(self.m) < count[:, None], tf.float64)
        ridge = self.absolute + self.ridge * tf.linalg.trace(gram)[:, None] + 1e-30
        system = gram + tf.linalg.diag(tf.where(used > 0, ridge, 1.0))  # unused rows are zero
        alpha = tf.linalg.solve(system, used[..., None])[..., 0]
        alpha = tf.cast(alpha / tf.reduce_sum(alpha, axis=1, keepdims=True), x.dtype)
        x_next = tf.einsum("bm,mb...->b...", alpha, tf.stack(mixed))
        return x_next, state._replace(count=count, mixed=mixed, residuals=residuals)


def ridges(operator, d) -> dict:
    """On a slow map, the paper's with R(x) = `SLOW` x: its fixed point is Tikhonov's."""
    right = operator.adjoint(d)

    def T(x, right):
        return x - (operator.adjoint(operator(x)) - right + SLOW * x)

    problem = FixedPointProblem(T, right, (right,))
    absolute = traced(problem, Ridged(max_evaluations=LONG, ridge=0.0, absolute=RIDGE))[1]
    relative = traced(problem, Ridged(max_evaluations=LONG))[1]
    counts = {f"ridge_{t:g}": [reached(absolute, t), reached(relative, t)] for t in TOLERANCES}
    return counts | {"ridge_curves": [average(absolute), average(relative)]}


# 3. Batch statistics are those of every evaluation.


def partners(model, d, sharp) -> dict:
    """How far the first image's result moves, of 255, when the others of its batch change."""
    half = len(d) // 2
    batches = d[:half], np.concatenate([d[:1], d[half : 2 * half - 1]])
    solver = solvers.Anderson(rtol=TOLERANCE, max_evaluations=CAP)

    def faulty(d):
        def network(x, observe=False):
            return model.network(x, training=True)

        x0, T, inputs = model.equilibrium_map(model.measurement(d), network)
        return model.problem(d)._replace(f=T, x0=x0, inputs=inputs)

    moved, scores = [], []
    for problem in (faulty, model.problem):
        first, second = (solved(problem(batch), solver).x[0] for batch in batches)
        moved.append(255 * float(np.sqrt(np.mean((first - second) ** 2))))
        scores.append(mean_psnr(solved(problem(d), solver).x, sharp))
    return {"partners_rms": moved, "partners_psnr": scores}


# 4. Batch normalisation follows the bound, and what is bounded is a reshaped matrix.


def operator_norm(kernel, side: int = 32, iterations: int = 100) -> float:
    """Of the convolution by `kernel` [k, k, C_in, C_out], zero padding, by power iteration."""
    x = tf.constant(np.random.default_rng(0).standard_normal([1, side, side, kernel.shape[2]]))
    kernel = tf.cast(kernel, x.dtype)
    for _ in range(iterations):
        y = tf.nn.conv2d(x / tf.norm(x), kernel, 1, "SAME")
        x = tf.nn.conv2d_transpose(y, kernel, x.shape, 1, "SAME")
    return float(tf.norm(y))


def matrix_norm(kernel) -> float:
    """Of `kernel` [k, k, C_in, C_out] reshaped to one row per output channel."""
    return float(np.linalg.norm(np.reshape(kernel, [-1, kernel.shape[-1]]), 2))


def layer_norms(network) -> dict:
    """Largest operator norm of the inner layers, each of which is promised to have at most 1.

    Normalising after the bound divides by the deviation of what the bounded kernel gives, so that
    the bound cancels: what is left is the folded kernel of the network without a bound.
    """
    bounded = networks.DnCNN(network.depth, network.channels, lipschitz=1.0)
    bounded.build((None, None, None, 3))
    for ours, theirs in zip(bounded.convs, network.convs, strict=True):
        for name in ("kernel", "gamma", "beta", "moving_mean", "moving_variance"):
            if hasattr(theirs, name):
                getattr(ours, name).assign(getattr(theirs, name).numpy())
    ours, theirs = ([f.kernel.numpy() for f in n.folded()[1:-1]] for n in (bounded, network))
    largest = max(operator_norm(kernel) for kernel in ours)
    return {
        "norm_folded": [max(operator_norm(kernel) for kernel in theirs), largest],
        "norm_matrix": [max(operator_norm(k / matrix_norm(k)) for k in theirs), largest],
    }


# 5. A transpose stands for the adjoint.


class Transposed(operators.Blur):
    """A blur whose adjoint is taken for the blur by the transposed kernel."""

    def __init__(self, kernel):
        super().__init__(kernel)
        self._transposed = operators.Blur(np.transpose(self.kernel))

    def apply_adjoint(self, y):
        return self._transposed.apply(y)


def adjoint_error(operator, side: int = 32, pairs: int = 256) -> float:
    """Root mean square of <A x, y> - <x, A^T y> over that of <A x, y>, x and y white."""
    x, y = np.random.default_rng(0).standard_normal([2, pairs, side, side, 1])
    forward = np.sum(operator(x) * y, axis=(1, 2, 3))
    backward = np.sum(x * operator.adjoint(y), axis=(1, 2, 3))
    return float(np.sqrt(np.mean((forward - backward) ** 2) / np.mean(forward**2)))


def adjoints(model, sharp, noise) -> dict:
    kernel = kernels.parse(ASYMMETRIC)
    d = data.Fixed(operators.Blur(kernel), noise).measure(sharp, 0)[0]
    found = {"adjoint_error": [], "adjoint_psnr": [], "adjoint_converged": []}
    curves = []
    for operator in (Transposed(kernel), operators.Blur(kernel)):
        problem = models.DEGrad(operator, model.network, eta=float(model.eta)).problem(d)
        x, traces = traced(problem, solvers.Anderson(max_evaluations=CAP))
        found["adjoint_error"].append(adjoint_error(operator))
        found["adjoint_psnr"].append(mean_psnr(x, sharp))
        found["adjoint_converged"].append(float((traces <= TOLERANCE).any(axis=1).mean()))
        curves.append(average(traces))
    return found | {"adjoint_curves": curves}


# 6. PSNR with peak 1 on images in [-1, 1].


def peak(x, sharp) -> dict:
    return {"peak": [mean_psnr(2 * x - 1, 2 * sharp - 1), mean_psnr(x, sharp)]}


def all_of(model, d, sharp, noise) -> dict:
    """All of them, of a trained model."""
    kept, results = model.get_weights(), {}
    for part in (
        stopping(model, d, sharp),
        ridges(model.operator, d),
        partners(model, d, sharp),
        layer_norms(model.network),
        adjoints(model, sharp, noise),
        peak(model.restore(d).x, sharp),
    ):
        results |= part
    same = all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights(), strict=True))
    assert same, "a measurement has changed the model"
    return results
