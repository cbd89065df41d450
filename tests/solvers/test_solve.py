"""The loop: known answers, per-image stopping, independence of the batch, and what is reported."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import problems
import pytest
import tensorflow as tf

from tf_jfb.solvers import GMRES, Anderson, BiCGSTAB, Broyden, Picard, Status, solve

PICARD, ANDERSON = Picard(max_evaluations=50), Anderson(m=3, max_evaluations=50)
ANY_MAP = {"picard": PICARD, "anderson": ANDERSON, "broyden": Broyden(m=3, max_evaluations=50)}
AFFINE_ONLY = {"gmres": GMRES(m=6), "bicgstab": BiCGSTAB()}
SOLVERS = pytest.mark.parametrize("solver", ANY_MAP.values(), ids=ANY_MAP)
ALL_SOLVERS = pytest.mark.parametrize(
    "solver", [*ANY_MAP.values(), *AFFINE_ONLY.values()], ids=[*ANY_MAP, *AFFINE_ONLY]
)
ACCELERATED = pytest.mark.parametrize(
    "solver",
    [ANDERSON, ANY_MAP["broyden"], *AFFINE_ONLY.values()],
    ids=["anderson", "broyden", *AFFINE_ONLY],
)
DTYPES = pytest.mark.parametrize("dtype, rtol", [(tf.float32, 1e-5), (tf.float64, 1e-10)])
CONTRACTIONS = {"affine": problems.contraction(), "cosine": problems.cosine()}
MODES = {
    "eager": lambda f: f,
    "graph": lambda f: tf.function(f, autograph=False),
    "xla": lambda f: tf.function(f, jit_compile=True, autograph=False),
}


def relative_residual(f, x):
    fx = f(x).numpy()
    return np.linalg.norm(fx - x.numpy(), axis=1) / np.linalg.norm(fx, axis=1)


@pytest.mark.parametrize(
    "name, solver",
    [(name, solver) for name in CONTRACTIONS for solver in ANY_MAP]
    + [("affine", solver) for solver in AFFINE_ONLY],
)
@DTYPES
def test_finds_the_known_fixed_point(name, solver, dtype, rtol):
    problem, solver = CONTRACTIONS[name], {**ANY_MAP, **AFFINE_ONLY}[solver]
    solution = solve(problem.f, problem.start(dtype), solver, rtol=rtol)
    assert solution.x.dtype == dtype
    assert (solution.status.numpy() == Status.CONVERGED).all()
    np.testing.assert_allclose(solution.x, problem.answer, rtol=0, atol=20 * rtol)


@ALL_SOLVERS
@pytest.mark.parametrize(
    "dtype, rtol",
    [(tf.float32, 1e-5), pytest.param(tf.float64, 1e-10, marks=pytest.mark.slow)],
)
def test_eager_graph_and_xla_agree(solver, dtype, rtol):
    problem = problems.contraction(batch=2)

    def run(x0):
        return solve(problem.f, x0, solver, rtol=rtol)[:4]

    eager, graph, xla = (wrap(run)(problem.start(dtype)) for wrap in MODES.values())
    for other in (graph, xla):
        np.testing.assert_allclose(eager[0], other[0], rtol=0, atol=20 * rtol)
        np.testing.assert_allclose(eager[1], other[1], atol=1)
        np.testing.assert_array_equal(eager[3], other[3])
    np.testing.assert_array_equal(eager[1], graph[1])


@ACCELERATED
def test_near_rotation_defeats_picard_alone(solver):
    problem = problems.rotation()
    plain = solve(problem.f, problem.start(), PICARD, rtol=1e-6)
    mixed = solve(problem.f, problem.start(), solver, rtol=1e-6)
    assert (plain.status.numpy() == Status.CAP).all() and plain.residual.numpy().min() > 0.1
    assert (mixed.status.numpy() == Status.CONVERGED).all()
    np.testing.assert_allclose(mixed.x, problem.answer, atol=1e-5)


@ACCELERATED
def test_the_affine_map_that_picard_runs_away_from(solver):
    problem = problems.doubling()
    assert (solve(problem.f, problem.start(), PICARD).status.numpy() == Status.DIVERGED).all()
    mixed = solve(problem.f, problem.start(), solver, rtol=1e-8)
    np.testing.assert_allclose(mixed.x, problem.answer, atol=1e-6)


def test_picard_divergence_is_noticed_at_the_stated_factor():
    problem = problems.doubling()
    solution = solve(problem.f, problem.start(), PICARD)
    # The residual doubles: 2^20 is the first power of two beyond 1e6.
    np.testing.assert_array_equal(solution.evaluations, [21, 21])
    assert np.isfinite(solution.x.numpy()).all()


@ALL_SOLVERS
def test_shapes_unknown_at_trace_time(solver):
    kernel = tf.random.stateless_normal([3, 3, 2, 2], [0, 0]) / 12.0

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 2])], autograph=False)
    def run(x0):
        return solve(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME") + 1.0, x0, solver).x

    for shape in ([1, 4, 5, 2], [3, 6, 4, 2]):
        x = run(tf.zeros(shape))
        assert x.shape == shape
        np.testing.assert_allclose(
            tf.nn.conv2d(x, kernel, 1, "SAME") + 1.0, x, atol=2e-3 * np.abs(x).max() * 20
        )


@ALL_SOLVERS
def test_a_map_that_loses_static_shape(solver):
    @tf.function(autograph=False)
    def run(x0):
        def f(x):
            return tf.py_function(lambda z: 0.5 * z + 1.0, [x], x.dtype)

        return solve(f, x0, solver).x

    x = run(tf.zeros([2, 3]))
    assert x.shape == (2, 3)
    np.testing.assert_allclose(x, 2.0, rtol=1e-2)


@SOLVERS
def test_each_image_stops_on_its_own_residual(solver):
    rates = tf.constant([[0.0], [0.1], [0.9]], tf.float64)
    weights = tf.constant([1.0, 0.9, 0.8, 0.7], tf.float64)

    def f(x):
        return rates * weights * tf.sin(x) + 1.0

    solution = solve(f, tf.zeros([3, 4], tf.float64), solver, rtol=1e-8)
    evaluations = solution.evaluations.numpy()
    assert evaluations[0] == 2 and (np.diff(evaluations) > 0).all()
    alone = solve(
        lambda x: rates[1:2] * weights * tf.sin(x) + 1.0,
        tf.zeros([1, 4], tf.float64),
        solver,
        rtol=1e-8,
    )
    assert alone.evaluations[0] == evaluations[1]


def _rows(problem, rows, cubic=None):
    """The `cosine` problem of some rows, with a strength of the cubic term per row."""
    full = np.zeros((4, 1)) if cubic is None else cubic
    f = problems.cosine(batch=4, cubic=full).f
    order = np.array(rows)

    def g(x):
        scattered = tf.scatter_nd(order[:, None], x, [4, x.shape[1]])
        return tf.gather(f(scattered), order)

    return g, tf.gather(problem.start(), order)


@SOLVERS
def test_independent_of_the_batch(solver):
    problem = problems.cosine(batch=4)
    together = solve(problem.f, problem.start(), solver, rtol=1e-6)
    for rows in ([2], [3, 1, 0, 2], [1, 2]):
        f, x0 = _rows(problem, rows)
        part = solve(f, x0, solver, rtol=1e-6)
        np.testing.assert_allclose(part.x, tf.gather(together.x, rows), rtol=0, atol=1e-6)
        np.testing.assert_array_equal(part.evaluations, tf.gather(together.evaluations, rows))


@ALL_SOLVERS
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_images_that_stop_leave_the_batch(solver, graph):
    matrix = 0.5 * np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    answer, sizes = np.random.default_rng(1).standard_normal((4, 6)), []
    far = np.array([[0.0], [1e-4], [1.0], [1e3]])
    x0, offset = tf.constant(answer * (1.0 + far)), tf.constant(answer - answer @ matrix)

    def f(x, offset):
        tf.py_function(lambda n: sizes.append(int(n)), [tf.shape(x)[0]], [])
        return tf.matmul(x, tf.constant(matrix)) + offset

    def run(compact):
        return solve(f, x0, solver, (offset,), rtol=1e-6, trace=True, compact=compact)

    frozen = tf.function(run, autograph=False)(False)
    sizes.clear()
    left = (tf.function(run, autograph=False) if graph else run)(True)
    evaluations = frozen.evaluations.numpy()
    assert len(set(evaluations)) > 1
    assert sizes == [sum(evaluations > i) for i in range(max(evaluations))]
    np.testing.assert_array_equal(left.evaluations, evaluations)
    np.testing.assert_array_equal(left.status, frozen.status)
    np.testing.assert_allclose(left.x, frozen.x, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(left.trace, frozen.trace, rtol=1e-3, atol=1e-9)


@SOLVERS
@pytest.mark.parametrize("cubic", [1e3, np.nan], ids=["diverging", "nan"])
def test_independent_of_a_failing_partner(solver, cubic):
    problem = problems.cosine(batch=4)
    strength = np.array([[0.0], [cubic], [0.0], [0.0]])
    f = problems.cosine(batch=4, cubic=strength).f
    healthy = solve(problem.f, problem.start(), solver, rtol=1e-6)
    mixed = solve(f, problem.start(), solver, rtol=1e-6)
    np.testing.assert_array_equal(mixed.status, [0, Status.DIVERGED, 0, 0])
    others = [0, 2, 3]
    for a, b in zip(mixed[:3], healthy[:3], strict=True):
        np.testing.assert_allclose(tf.gather(a, others), tf.gather(b, others), rtol=0, atol=1e-6)
    assert np.isfinite(mixed.x.numpy()).all()


@ALL_SOLVERS
def test_nan_from_the_start_returns_the_start(solver):
    solution = solve(lambda x: x * np.nan, tf.ones([2, 3]), solver)
    np.testing.assert_array_equal(solution.x, np.ones([2, 3]))
    np.testing.assert_array_equal(solution.evaluations, [1, 1])
    assert np.isinf(solution.residual.numpy()).all()


def test_a_diverged_image_keeps_its_best_iterate():
    rates = iter([0.5, 0.5, np.inf])
    solution = solve(lambda x: next(rates) * x, tf.ones([1, 2]), PICARD)
    assert solution.status[0] == Status.DIVERGED and solution.evaluations[0] == 3
    np.testing.assert_allclose(solution.x, [[0.5, 0.5]])
    assert float(solution.residual[0]) == pytest.approx(1.0)


def test_the_best_iterate_of_a_growing_map_is_the_start():
    solution = solve(lambda x: 2.0 * x + 1.0, tf.ones([1, 2]), PICARD)
    assert solution.status[0] == Status.DIVERGED
    np.testing.assert_allclose(solution.x, [[1.0, 1.0]])


@ALL_SOLVERS
def test_cap(solver):
    problem = problems.contraction()
    solution = solve(problem.f, problem.start(), solver, rtol=1e-12, max_evaluations=4)
    np.testing.assert_array_equal(solution.status, [Status.CAP] * 3)
    np.testing.assert_array_equal(solution.evaluations, [4] * 3)


@SOLVERS
@pytest.mark.parametrize("cap", [1, 4, 50])
def test_reported_residual_belongs_to_the_returned_iterate(solver, cap):
    problem = problems.cosine()
    solution = solve(problem.f, problem.start(), solver, rtol=1e-5, max_evaluations=cap)
    np.testing.assert_allclose(
        solution.residual, relative_residual(problem.f, solution.x), rtol=1e-7
    )


def test_evaluations_are_those_of_the_map():
    problem, calls = problems.contraction(), []
    solution = solve(lambda x: calls.append(1) or problem.f(x), problem.start(), PICARD)
    assert len(calls) == int(tf.reduce_max(solution.evaluations)) > 3


def test_absolute_tolerance():
    problem = problems.contraction()
    solution = solve(problem.f, problem.start(), Picard(rtol=0.0, atol=1e-3))
    error = np.linalg.norm(problem.f(solution.x) - solution.x, axis=1)
    assert (error <= 1e-3).all() and (error > 1e-5).all()


@ALL_SOLVERS
def test_trace(solver):
    problem = problems.contraction()
    solution = solve(problem.f, problem.start(), solver, rtol=1e-4, max_evaluations=40, trace=True)
    trace, evaluations = solution.trace.numpy(), solution.evaluations.numpy()
    assert trace.shape == (3, 40)
    for row, count, residual in zip(trace, evaluations, solution.residual.numpy(), strict=True):
        assert np.isfinite(row[:count]).all() and np.isnan(row[count:]).all()
        assert row[count - 1] == residual == np.nanmin(row)
    assert solve(problem.f, problem.start(), solver).trace is None


SINGULAR = {
    "identity": lambda x: x,
    "constant_residual": lambda x: x + 1.0,
    "constant_map": lambda x: 0.0 * x + 3.0,
    "zero": lambda x: 0.0 * x,
    "two_cycle": lambda x: -x,
    "rank_one": lambda x: 0.5 * tf.reduce_mean(x, 1, keepdims=True) + 0.0 * x + 1.0,
}


@pytest.mark.parametrize(
    "solver",
    [Anderson(m=4, ridge=0.0), Anderson(m=4), Broyden(m=4), GMRES(m=4), BiCGSTAB()],
    ids=["no_ridge", "anderson", "broyden", "gmres", "bicgstab"],
)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_histories_stay_finite(name, dtype, solver):
    x0 = tf.constant(np.arange(1.0, 9.0).reshape(2, 4), dtype)
    solution = solve(SINGULAR[name], x0, solver, rtol=0.0, max_evaluations=15)
    assert np.isfinite(solution.x.numpy()).all()
    assert np.isfinite(solution.residual.numpy()).all()
    if name != "constant_residual":
        np.testing.assert_allclose(SINGULAR[name](solution.x), solution.x, atol=1e-5)


def trajectory(solver, steps=6):
    problem = problems.cosine(seed=1)
    return solve(
        problem.f, problem.start(), solver, rtol=0.0, max_evaluations=steps, trace=True
    ).trace.numpy()


@pytest.mark.parametrize(
    "base, changed",
    [
        (Anderson(m=3), Anderson(m=2)),
        (Anderson(m=3), Anderson(m=3, beta=0.6)),
        (Anderson(m=3), Anderson(m=3, ridge=1e-2)),
        (Picard(), Picard(damping=0.6)),
        (Broyden(m=3), Broyden(m=2)),
    ],
    ids=["m", "beta", "ridge", "damping", "broyden_m"],
)
def test_options_change_the_trajectory(base, changed):
    difference = np.abs(trajectory(base) - trajectory(changed))
    assert difference[:, -1].max() > 1e-3 * trajectory(base)[:, -1].max()


def test_anderson_without_history_is_damped_picard():
    np.testing.assert_allclose(
        trajectory(Anderson(m=1, beta=0.7)), trajectory(Picard(damping=0.7)), rtol=1e-9
    )


def test_a_misled_history_starts_anew():
    """Residuals of sizes 1, 1/2, then s: where s > 1/2 the next step is plain, and only there."""
    solver, plain = Anderson(m=2, beta=0.5, ridge=0.0), []
    x = tf.zeros([3, 2], tf.float64)
    state = solver.init(x)
    for sizes in ([1.0] * 3, [0.5] * 3, [0.4, 0.6, 2.0]):
        residual = tf.constant([[0.6 * s, -0.8 * s] for s in sizes], tf.float64)
        before = x
        x, state = solver.step(before, before + residual, state)
        plain.append(np.isclose(x, before + 0.5 * residual).all(axis=1).tolist())
    assert plain == [[True] * 3, [False] * 3, [False, True, True]]
    np.testing.assert_array_equal(state.count, [2, 1, 1])


def test_broyden_starts_with_a_step_of_picard():
    broyden, picard = trajectory(Broyden()), trajectory(Picard())
    np.testing.assert_array_equal(broyden[:, :2], picard[:, :2])
    assert (broyden[:, 5] < 0.5 * picard[:, 5]).all()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Anderson(m=0), "`m` must be an integer >= 1. Received: m=0"),
        (lambda: Anderson(m=2.5), "Received: m=2.5"),
        (lambda: Anderson(beta=0.0), "`beta` must lie in (0, 1]. Received: beta=0.0"),
        (lambda: Anderson(ridge=-1.0), "`ridge` must lie in [0, 1). Received: ridge=-1.0"),
        (lambda: Broyden(m=0), "`m` must be an integer >= 1. Received: m=0"),
        (lambda: GMRES(m=0), "`m` must be an integer >= 1. Received: m=0"),
        (lambda: GMRES(m=1.5), "Received: m=1.5"),
        (lambda: BiCGSTAB(rtol=-1.0), "Received: rtol=-1.0"),
        (lambda: Picard(damping=1.5), "`damping` must lie in (0, 1]. Received: damping=1.5"),
        (lambda: Picard(rtol=-1.0), "`rtol` must be a finite number >= 0. Received: rtol=-1.0"),
        (lambda: Picard(rtol=float("nan")), "Received: rtol=nan"),
        (lambda: Picard(atol=float("inf")), "Received: atol=inf"),
        (lambda: Picard(max_evaluations=0), "Received: max_evaluations=0"),
        (lambda: Picard(max_evaluations=True), "Received: max_evaluations=True"),
    ],
)
def test_option_errors(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


@pytest.mark.parametrize("solver", [Anderson, Broyden, GMRES, BiCGSTAB])
def test_unknown_options_are_refused(solver):
    with pytest.raises(TypeError, match="tolerance"):
        solver(tolerance=1e-3)


@pytest.mark.parametrize("name", ["integer", "scalar", "shape", "dtype"])
def test_argument_errors(name):
    x0, keep = tf.ones([2, 3]), lambda x: x
    call, message = {
        "integer": (lambda: solve(keep, tf.ones([2, 3], tf.int32), PICARD), "dtype='int32'"),
        "scalar": (lambda: solve(keep, tf.constant(1.0), PICARD), "batch axis"),
        "shape": (lambda: solve(lambda x: x[:, :2], x0, PICARD), r"result=\(\(2, 2\)"),
        "dtype": (lambda: solve(lambda x: tf.cast(x, tf.float64), x0, PICARD), "float64"),
    }[name]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x0": (tf.ones([2, 1]), tf.ones([2, 1]))}, "`x0` must be one tensor"),
        ({"f": lambda x: (x, x)}, r"`f\(x\)` must be one tensor"),
        ({"solver": "anderson"}, "`solver` must be a tf_jfb.solvers.Solver"),
        ({"rtol": -1.0}, "`rtol` must be >= 0. Received: rtol=-1.0"),
        ({"rtol": "a"}, "`rtol` must be a number >= 0, or "),
        ({"rtol": [1e-3, 1e-3, 1e-3]}, "`rtol` must be a number >= 0, or "),
        ({"max_evaluations": 0}, "`max_evaluations` must be >= 1. Received: max_evaluations=0"),
        ({"max_evaluations": 2.7}, "`max_evaluations` must be an integer >= 1, or "),
    ],
)
def test_what_would_be_taken_otherwise_than_meant_is_refused(options, message):
    given = {"f": tf.cos, "x0": tf.ones([2, 1]), "solver": PICARD} | options
    with pytest.raises(ValueError, match=message):
        solve(**given)


@ALL_SOLVERS
@pytest.mark.parametrize("unit", [1e-22, 1e20])
def test_a_residual_is_right_where_squares_leave_the_range_of_float32(solver, unit):
    solution = solve(lambda x: 0.5 * x + unit, tf.zeros([1, 3]), solver, rtol=1e-4)
    x = solution.x.numpy() / unit
    expected = np.linalg.norm(1.0 - 0.5 * x) / np.linalg.norm(0.5 * x + 1.0)
    assert solution.residual.numpy()[0] == pytest.approx(expected, rel=1e-2, abs=1e-6)
    assert (solution.status.numpy()[0] == Status.CONVERGED) == (expected <= 1e-4)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_overrides_may_be_tensors(graph):
    problem = problems.contraction()

    def run(rtol, cap):
        return solve(problem.f, problem.start(), ANDERSON, rtol=rtol, max_evaluations=cap)[:4]

    run = tf.function(run, autograph=False) if graph else run
    loose = run(tf.constant(1e-2), tf.constant(50))
    tight = run(tf.constant(1e-8), tf.constant(50))
    capped = run(tf.constant(1e-8), tf.constant(3))
    assert (loose[1].numpy() < tight[1].numpy()).all()
    assert (tight[2].numpy() <= 1e-8).all() and (loose[2].numpy() > 1e-8).all()
    np.testing.assert_array_equal(capped[1], [3] * 3)


@pytest.mark.parametrize("compact", [False, True])
def test_what_the_start_has_cost_counts(compact):
    x0, spent = tf.ones([3, 2]), [0, 2, 7]
    s = solve(lambda x: 0.5 * x, x0, Picard(rtol=0.0, max_evaluations=4), spent=spent, trace=True)
    own = solve(
        lambda x: 0.5 * x, x0, Picard(rtol=0.0, max_evaluations=4), spent=spent, compact=compact
    )
    np.testing.assert_array_equal(s.evaluations, [4, 4, 7])
    np.testing.assert_array_equal(own.evaluations, [4, 4, 7])
    np.testing.assert_array_equal(np.isfinite(s.trace), [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(own.x[:, 0], [0.125, 0.5, 1.0])
    np.testing.assert_array_equal(s.x, own.x)


@pytest.mark.parametrize("compact", [False, True])
def test_every_image_may_have_its_own_tolerance_and_cap(compact):
    offset = tf.constant([[1.0, 2.0], [0.5, 0.1], [3.0, 1.0]])
    caps, rtols = [50, 2, 50], [1e-2, 1e-8, 1e-6]

    @tf.function(autograph=False)
    def run(rtol, cap):
        options = {"rtol": rtol, "max_evaluations": cap, "trace": True, "compact": compact}

        def f(x, b):
            return 0.5 * tf.cos(x) + b

        return solve(f, tf.zeros([3, 2]), ANDERSON, (offset,), **options)

    together = run(tf.constant(rtols), tf.constant(caps))
    assert together.status.numpy().tolist() == [0, 1, 0]
    assert together.evaluations[1] == 2 < together.evaluations[0] < together.evaluations[2]
    for i in range(3):
        alone = run(tf.fill([3], rtols[i]), tf.fill([3], caps[i]))
        for own, other in zip(alone[:4], together[:4], strict=True):
            np.testing.assert_array_equal(own[i].numpy(), other[i].numpy())
        np.testing.assert_array_equal(alone.trace[i], together.trace[i, : caps[i]])


@ALL_SOLVERS
def test_configuration_round_trip(solver):
    assert type(solver).from_config(solver.get_config()) == solver
    saved = keras.saving.serialize_keras_object(solver)
    assert keras.saving.deserialize_keras_object(saved) == solver


@ALL_SOLVERS
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_no_gradient_flows_through(solver, graph):
    theta = tf.Variable(tf.ones([2, 3]))

    def gradients():
        x0 = tf.zeros([2, 3])
        with tf.GradientTape() as tape:
            tape.watch(x0)
            solution = solve(lambda x: 0.5 * x + theta, x0, solver)
            loss = tf.reduce_sum(solution.x) + tf.reduce_sum(solution.residual)
        return tape.gradient(loss, [theta, x0])

    assert [
        g is None for g in (tf.function(gradients, autograph=False) if graph else gradients)()
    ] == [True, True]


PEAK = """
import resource
import tensorflow as tf
from tf_jfb.solvers import Anderson, Broyden, solve
tf.config.threading.set_intra_op_parallelism_threads(1)
kernel = tf.Variable(tf.random.stateless_normal([3, 3, 16, 16], [0, 0]) / 50.0)
f = lambda x: tf.nn.tanh(tf.nn.conv2d(x, kernel, 1, "SAME")) + 1.0
for evaluations in (5, 5, 50):
    with tf.GradientTape() as tape:
        x = solve(f, tf.zeros([1, 128, 128, 16]), SOLVER(m=3, rtol=0.0), atol_cap).x
    print(int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
""".replace("atol_cap", "max_evaluations=evaluations")


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["Anderson", "Broyden"])
def test_memory_does_not_grow_with_the_iterations(solver):
    root = str(pathlib.Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", PEAK.replace("SOLVER", solver)],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    _, few, many = map(int, done.stdout.split())
    assert many <= 1.05 * few
