"""How good the gradient estimator in use is, measured on the user's own model and data."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from tf_jfb._compat import paths, value
from tf_jfb._numerics import per_image_norm, per_image_unit, shaped
from tf_jfb._validate import check
from tf_jfb.gradients.base import transposed_jacobian
from tf_jfb.gradients.implicit import Implicit
from tf_jfb.gradients.neumann import JFB, Neumann
from tf_jfb.solvers import GMRES, solve

ORDERS = range(1, 6)  # of the Neumann series


@dataclasses.dataclass(frozen=True)
class GradientAudit:
    """What `audit_gradient` measured; `str` of it is a page for a reader."""

    cosine: dict  # {estimator: {group: cosine with the exact gradient}}; group "all" joins them
    norm_ratio: dict  # {estimator: {group: |estimate| / |exact|}}
    spectral_radius: np.ndarray  # [B], of J at x*
    contraction: np.ndarray  # [B], |J|_2 at x*
    condition: float  # lower bound on the condition number of M M^T, M = df/dtheta
    forward: np.ndarray  # int [B], Status of the solve for x*
    adjoint: np.ndarray  # int [B], Status of the exact adjoint solve
    adjoint_residual: np.ndarray  # [B]

    @property
    def exact_is_known(self) -> bool:
        """Whether both solves converged, so that there is an exact gradient to compare with."""
        return bool((self.forward == 0).all() and (self.adjoint == 0).all())

    @property
    def descent_is_not_refuted(self) -> bool:
        r"""Whether $\gamma < 1$ and $\kappa(M M^T) < 1 / \gamma$: then JFB is a descent direction.

        Sufficient, by no means necessary (Fung et al., 2022). Only a bound on $\kappa$ from below
        is measured, so that True proves nothing.
        """
        gamma = float(self.contraction.max())
        return gamma < 1.0 and self.condition < 1.0 / max(gamma, 1e-12)

    @property
    def jfb_is_safe(self) -> bool:
        """Whether T contracts asymptotically and JFB points downhill."""
        downhill = self.exact_is_known and self.cosine["jfb"]["all"] > 0.0
        return bool(self.spectral_radius.max() < 1.0) and downhill

    @property
    def advice(self) -> str:
        """One sentence."""
        radius, cosine = float(self.spectral_radius.max()), self.cosine["jfb"]["all"]
        if radius >= 1.0:
            return (
                f"JFB is not safe: the spectral radius of J at x* is {radius:.3g}, so T does not "
                "contract; bound the network with `lipschitz`, penalise its Jacobian, or lower eta."
            )
        if not self.exact_is_known:
            return (
                "The exact gradient is unknown, for a solve missed its tolerance: raise the cap "
                "of the model's solver or of the audit."
            )
        if cosine <= 0.0:
            return (
                f"JFB points uphill here (cosine {cosine:.2f}): use implicit, or neumann of an "
                "order whose cosine is positive."
            )
        better = [name for name, row in self.cosine.items() if row["all"] > 0.9]
        if cosine > 0.9 or not better:
            return f"JFB is a descent direction here (cosine {cosine:.2f}): keep it."
        return (
            f"JFB is a descent direction here (cosine {cosine:.2f}); {better[0]} is closer to the "
            f"exact gradient (cosine {self.cosine[better[0]]['all']:.2f})."
        )

    def __str__(self) -> str:
        groups = list(next(iter(self.cosine.values())))
        width = max(len(g) for g in groups)
        condition = "not refuted" if self.descent_is_not_refuted else "fails"
        lines = [
            f"spectral radius of J at x*   {self.spectral_radius.max():.4f} (largest image)",
            f"contraction factor |J|_2     {self.contraction.max():.4f}",
            f"condition number of M M^T    at least {self.condition:.3g}",
            f"sufficient condition for JFB {condition}",
            f"adjoint residual             {self.adjoint_residual.max():.1e}",
            "",
            f"{'cosine with the exact gradient':{max(width, 30)}s} " + " ".join(groups),
        ]
        for name, row in self.cosine.items():
            cells = " ".join(f"{row[g]:{max(len(g), 5)}.2f}" for g in groups)
            lines.append(f"{name:{max(width, 30)}s} {cells}")
        return "\n".join([*lines, "", self.advice])


def audit_gradient(
    model, batch, *, rtol: float = 1e-6, max_evaluations: int = 200, iterations: int = 30
) -> GradientAudit:
    r"""Compares gradient estimators with the exact gradient of `model` on one batch.

    At the fixed point x* of every image, with $v = \partial\ell/\partial x$ and
    $J = \partial T/\partial x$, each estimator's gradient $(\partial T/\partial\theta)^T w$ is
    compared with that of $w = (I - J^T)^{-1} v$, solved by GMRES. Of J, the spectral radius and
    the largest singular value are measured by power iteration, image by image.

    Args:
        model: a built and compiled equilibrium model, which is left as it was.
        batch: (blurred, sharp), [B, H, W, C] each.
        rtol: of the solves for x* and for the exact adjoint.
        max_evaluations: cap of both.
        iterations: of the power method.

    Returns:
        A `GradientAudit`; its `advice` is one sentence.

    Raises:
        ValueError: `model` is no compiled equilibrium model, or `batch` no pair.
    """
    options: dict = {"rtol": rtol, "max_evaluations": max_evaluations, "iterations": iterations}
    return auditor(model, **options)(batch)


def auditor(
    model, *, rtol: float = 1e-6, max_evaluations: int = 200, iterations: int = 30
) -> typing.Callable:
    """`audit_gradient` of `model` as a function of the batch, traced once per shape of it."""
    check(
        hasattr(model, "equilibrium_map") and getattr(model, "optimizer", None) is not None,
        "`model` must be a compiled equilibrium model.",
        model=type(model).__name__,
    )
    solver = dataclasses.replace(model.solver, rtol=rtol, max_evaluations=max_evaluations)
    exact = Implicit(GMRES(rtol=rtol, max_evaluations=max_evaluations), "fallback")
    series = {"jfb": JFB(), **{f"neumann:{k}": Neumann(k) for k in ORDERS}}
    known = not model.gradient.at_fixed_point or model.gradient in series.values()
    in_use = {} if known else {"in use": _alone(model.gradient)}
    measure = tf.function(
        lambda d, sharp: _measure(model, d, sharp, solver, exact, in_use, iterations),
        autograph=False,
    )

    def audit(batch) -> GradientAudit:
        check(
            isinstance(batch, (tuple, list)) and len(batch) == 2,
            "`batch` must be a pair (blurred, sharp).",
            batch=type(batch).__name__,
        )

        def cast(part):
            return tf.cast(part, model.variable_dtype)

        d, sharp = tf.nest.map_structure(cast, tuple(batch))
        return _report(measure(d, sharp), [*series, *in_use], model)

    return audit


def _alone(gradient):
    """The estimator without a memory of its solves, and without an error where one fails."""
    gradient = gradient.stateless()
    if isinstance(gradient, Implicit):
        gradient = dataclasses.replace(gradient, on_failure="fallback")
    return gradient


def _measure(model, d, sharp, solver, exact, in_use, iterations) -> dict:
    d, sharp = tf.nest.map_structure(tf.stop_gradient, (d, sharp))
    weights = [value(v) for v in model.trainable_variables]
    problem = model.problem(d, cap=solver.max_evaluations)
    T = problem.at
    forward = solve(T, problem.x0, solver, spent=problem.spent)
    with tf.GradientTape(persistent=True) as tape:
        fx = model.problem(d).at(forward.x)  # folds the weights within the tape
    with tf.GradientTape() as loss_tape:
        loss_tape.watch(fx)
        loss = model.compute_loss(x=d, y=sharp, y_pred=model.frame_of(fx, sharp))
    v = loss_tape.gradient(loss, fx)
    product = transposed_jacobian(T, forward.x)
    w, adjoint = exact.adjoint(T, forward.x, v)
    used = [e.reweight(T, forward.x, v) for e in in_use.values()]
    # All through one traced copy of each product: a copy per estimator would take a minute.
    estimates = tf.concat([_neumann(product, v), tf.stack([*used, w])], 0)

    def to_weights(w):
        parts = tape.gradient(fx, weights, output_gradients=w, unconnected_gradients="zero")
        return tf.concat([tf.reshape(part, [-1]) for part in parts], 0)

    radius, norm = _spectrum(product, forward.x, iterations)
    return {
        "forward": forward.status,
        "adjoint": adjoint.status,
        "adjoint_residual": adjoint.residual,
        "spectral_radius": radius,
        "contraction": norm,
        "condition": _condition(to_weights, fx, iterations),
        "gradients": tf.map_fn(to_weights, estimates, parallel_iterations=1),  # exact: the last
    }


def _neumann(product, v):
    """Estimates of JFB and of the Neumann series of all `ORDERS`, [1 + orders, B, ...]."""
    count = len(ORDERS) + 1

    def step(k, term, total, sums):
        sums = sums.write(k, total)
        term = product(term)
        return k + 1, term, total + term, sums

    sums = tf.TensorArray(v.dtype, count, element_shape=v.shape)
    return tf.while_loop(lambda k, *_: k < count, step, (0, v, v, sums))[3].stack()


def _spectrum(transposed, x, iterations) -> tuple:
    """Spectral radius and largest singular value of J at `x`, each [B]; `transposed`: J^T."""
    start = tf.random.stateless_normal(tf.shape(x), [0, 0], dtype=x.dtype, alg="philox")
    forward = transposed_jacobian(transposed, start)  # J^T u is linear in u: its own is J
    half = iterations // 2

    def grow(i, u, growth):
        u = transposed(per_image_unit(u))
        rate = tf.math.log(tf.maximum(per_image_norm(u), 1e-30))
        # The mean rate of the second half, since a complex pair makes the norm oscillate.
        return i + 1, u, growth + tf.where(i < half, tf.zeros_like(rate), rate)

    zeros = tf.zeros_like(x[:, 0, 0, 0])
    growth = tf.while_loop(lambda i, *_: i < iterations, grow, (0, start, zeros))[2]

    def square(i, z):
        return (i + 1, forward(transposed(per_image_unit(z))))

    z = tf.while_loop(lambda i, _: i < iterations, square, (0, start))[1]
    return tf.exp(growth / (iterations - half)), tf.sqrt(per_image_norm(z))


def _condition(to_weights, fx, iterations):
    """Lower bound on the condition number of M M^T: Rayleigh quotients, largest over smallest."""
    ones = tf.ones_like(fx)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(ones)
        gradients = to_weights(ones)

    def gram(u):  # M M^T u; M^T u, being linear in u, is the product of its own Jacobian
        g = tape.gradient(gradients, ones, output_gradients=to_weights(u))
        return shaped(g, fx.shape)

    def step(i, u, first):
        image = gram(u)
        # The quotient of a random vector is at least the least eigenvalue.
        quotient = tf.reduce_sum(u * image) / tf.reduce_sum(u * u)
        return i + 1, image / tf.norm(image), tf.where(i == 0, quotient, first)

    u = tf.random.stateless_normal(tf.shape(fx), [0, 1], dtype=fx.dtype, alg="philox")
    start = (0, u, tf.zeros([], u.dtype))
    _, u, smallest = tf.while_loop(lambda i, *_: i <= iterations, step, start)
    largest = tf.norm(gram(u))
    return largest / tf.maximum(smallest, 1e-30)


def _groups(model) -> dict:
    """{layer: indices of its trainable weights}."""
    groups = {}
    for i, path in enumerate(paths(model.trainable_variables, model)):
        path = path.split("/")
        groups.setdefault(
            path[-2] if len(path) > 1 and path[-1] != "log_eta" else path[-1], []
        ).append(i)
    return groups


def _report(out, names, model) -> GradientAudit:
    out = tf.nest.map_structure(lambda t: t.numpy(), out)
    *estimates, exact = out.pop("gradients").astype(np.float64)
    ends = np.cumsum([0] + [int(np.prod(v.shape)) for v in model.trainable_variables])
    places = np.arange(ends[-1])
    groups = {"all": places}
    for group, part in _groups(model).items():
        groups[group] = np.concatenate([places[ends[i] : ends[i + 1]] for i in part])
    tiny = np.finfo(np.float64).tiny

    def norm(a):
        return max(np.linalg.norm(a), tiny)

    cosine, ratio = {}, {}
    for name, estimate in zip(names, estimates, strict=True):
        pairs = {group: (estimate[part], exact[part]) for group, part in groups.items()}
        cosine[name] = {g: float(a @ b / norm(a) / norm(b)) for g, (a, b) in pairs.items()}
        ratio[name] = {g: float(norm(a) / norm(b)) for g, (a, b) in pairs.items()}
    return GradientAudit(cosine, ratio, condition=float(out.pop("condition")), **out)
