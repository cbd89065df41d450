"""The solvers for affine maps against linear algebra: answers, counts, independence, breakdown."""

import numpy as np
import problems
import pytest
import tensorflow as tf
from scipy.sparse import linalg

from tf_jfb.solvers import GMRES, Anderson, BiCGSTAB, Picard, Status, solve

SOLVERS = pytest.mark.parametrize("solver", [GMRES(m=12), BiCGSTAB()], ids=["gmres", "bicgstab"])


def contracting(n, rng):
    matrix = rng.standard_normal((n, n))
    return 0.8 * matrix / np.linalg.norm(matrix, 2)


def expanding(n, rng):
    """2 I - A in place of I - M, A of norm 1: the eigenvalues of M are around -1."""
    matrix = rng.standard_normal((n, n))
    return -np.eye(n) + matrix / np.linalg.norm(matrix, 2)


def definite(n, rng):
    """I - M is symmetric with eigenvalues from 1 to 8."""
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return np.eye(n) - basis * np.linspace(1.0, 8.0, n) @ basis.T


MATRICES = pytest.mark.parametrize("make", [contracting, expanding, definite])


def random_problem(make, n, batch=3, seed=0):
    rng = np.random.default_rng(seed)
    matrix = make(n, rng)
    offset, x0 = rng.standard_normal((2, batch, n))
    return matrix, offset, problems.affine(matrix, offset, x0)


@SOLVERS
@MATRICES
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_linear_algebra(solver, make, seed):
    matrix, offset, problem = random_problem(make, 12, seed=seed)
    solution = solve(problem.f, problem.start(), solver, rtol=1e-10)
    assert (solution.status.numpy() == Status.CONVERGED).all()
    assert solution.residual.numpy().max() <= 1e-10
    expected = np.linalg.solve(np.eye(12) - matrix, offset.T).T
    np.testing.assert_allclose(solution.x, expected, rtol=0, atol=1e-8)


def test_the_expanding_maps_defeat_picard():
    for make in (expanding, definite):
        matrix, _, problem = random_problem(make, 12)
        assert np.abs(np.linalg.eigvals(matrix)).max() > 1.0
        plain = solve(problem.f, problem.start(), Picard(max_evaluations=200))
        assert (plain.status.numpy() == Status.DIVERGED).all()


@MATRICES
@pytest.mark.parametrize("n", [1, 2, 5, 12, 25])
def test_gmres_ends_after_as_many_directions_as_dimensions(make, n):
    _, _, problem = random_problem(make, n)
    solution = solve(problem.f, problem.start(), GMRES(m=n), rtol=1e-10)
    assert (solution.status.numpy() == Status.CONVERGED).all()
    assert solution.evaluations.numpy().max() <= n + 2


@pytest.mark.parametrize("n", [4, 9])
def test_gmres_passes_total_stagnation(n):
    """I - M shifts cyclically: the residual stays until the space is whole, then vanishes."""
    matrix = np.eye(n) - np.roll(np.eye(n), 1, axis=0)
    problem = problems.affine(matrix, np.eye(n)[:1], np.zeros((1, n)))
    solution = solve(problem.f, problem.start(), GMRES(m=n), rtol=1e-10)
    assert solution.evaluations[0] <= n + 2
    np.testing.assert_allclose(solution.x, problem.answer, atol=1e-9)


def reference_count(method, matrix, offset, x0, tolerance, **options):
    """Products with I - M that SciPy's method spends, with the loop's first evaluation."""
    count = [0]

    def product(x):
        count[0] += 1
        return x - matrix @ x

    n = len(matrix)
    operator = linalg.LinearOperator((n, n), matvec=product, dtype=np.float64)
    _, failed = method(operator, offset, x0=x0, rtol=0.0, atol=tolerance, maxiter=200, **options)
    assert not failed
    return count[0]


@MATRICES
@pytest.mark.parametrize("m", [10, 40])
def test_gmres_spends_what_scipy_spends(make, m):
    matrix, offset, problem = random_problem(make, 40, batch=1)
    solution = solve(problem.f, problem.start(), GMRES(m=m, max_evaluations=200), rtol=1e-8)
    tolerance = 1e-8 * np.linalg.norm(problem.answer)
    expected = reference_count(linalg.gmres, matrix, offset[0], problem.x0[0], tolerance, restart=m)
    # SciPy's estimate within a cycle needs no evaluation of the iterate.
    assert int(solution.evaluations[0]) <= expected + 4


@MATRICES
def test_bicgstab_spends_what_scipy_spends(make):
    matrix, offset, problem = random_problem(make, 40, batch=1)
    solution = solve(problem.f, problem.start(), BiCGSTAB(max_evaluations=200), rtol=1e-8)
    tolerance = 1e-8 * np.linalg.norm(problem.answer)
    expected = reference_count(linalg.bicgstab, matrix, offset[0], problem.x0[0], tolerance)
    assert abs(int(solution.evaluations[0]) - expected) <= 6


def test_gmres_minimises_over_the_krylov_space():
    """After k directions the evaluation is of x + r, of residual M r, at GMRES's minimiser x."""
    matrix, offset, problem = random_problem(contracting, 15, batch=1)
    system = np.eye(15) - matrix
    start = offset[0] - system @ problem.x0[0]
    powers = [start]
    for k in range(1, 8):
        space = np.linalg.qr(np.stack(powers, axis=1))[0]
        fit = np.linalg.lstsq(system @ space, start, rcond=None)[0]
        minimum = start - system @ space @ fit
        x = problem.x0[0] + space @ fit
        solution = solve(
            problem.f, problem.start(), GMRES(), rtol=0.0, max_evaluations=k + 2, trace=True
        )
        probe = x + minimum
        residual = np.linalg.norm(matrix @ minimum) / np.linalg.norm(matrix @ probe + offset[0])
        np.testing.assert_allclose(solution.trace[0, k + 1], residual, rtol=1e-7)
        powers.append(system @ powers[-1])


@SOLVERS
@MATRICES
def test_alone_in_a_batch_and_shuffled(solver, make):
    matrix, offset, problem = random_problem(make, 12, batch=4)
    together = solve(problem.f, problem.start(), solver, rtol=1e-10)
    for rows in ([2], [3, 1, 0, 2], [1, 2]):
        part = problems.affine(matrix, offset[rows], problem.x0[rows])
        solution = solve(part.f, part.start(), solver, rtol=1e-10)
        np.testing.assert_allclose(solution.x, tf.gather(together.x, rows), rtol=0, atol=1e-9)
        np.testing.assert_array_equal(solution.evaluations, tf.gather(together.evaluations, rows))


@SOLVERS
def test_images_with_different_maps_restart_on_their_own(solver):
    """Image 0 stagnates or breaks down (I - M is skew), 1 is stiff, 2 is done at once."""
    skew = np.eye(4) - np.kron(np.eye(2), [[0.0, 1.0], [-1.0, 0.0]])
    stiff = definite(4, np.random.default_rng(0))
    matrices = np.stack([skew, stiff, np.zeros((4, 4))])
    offset = np.random.default_rng(1).standard_normal((3, 4))

    def run(rows):
        def f(x):
            return tf.linalg.matvec(matrices[rows], x) + offset[rows]

        return solve(f, tf.zeros([len(rows), 4], tf.float64), solver, rtol=1e-8)

    together = run([0, 1, 2])
    assert np.isfinite(together.x.numpy()).all()
    np.testing.assert_array_equal(together.status[1:], [Status.CONVERGED] * 2)
    assert together.evaluations[2] == 2
    for row in range(3):
        alone = run([row])
        np.testing.assert_allclose(alone.x[0], together.x[row], rtol=0, atol=1e-9)
        assert alone.evaluations[0] == together.evaluations[row]


@SOLVERS
@pytest.mark.parametrize("failing", [np.nan, 1e9], ids=["nan", "stiff"])
def test_a_failing_partner(solver, failing):
    matrix, offset, problem = random_problem(contracting, 12)
    factor = np.array([[1.0], [failing], [1.0]])
    healthy = solve(problem.f, problem.start(), solver, rtol=1e-8)
    mixed = solve(lambda x: factor * problem.f(x), problem.start(), solver, rtol=1e-8)
    assert np.isfinite(mixed.x.numpy()).all() and mixed.status[1] != Status.CONVERGED
    for a, b in zip(mixed[:3], healthy[:3], strict=True):
        np.testing.assert_allclose(a.numpy()[[0, 2]], b.numpy()[[0, 2]], rtol=0, atol=1e-9)


@SOLVERS
@pytest.mark.parametrize("make", [contracting, expanding])
def test_float32_far_past_convergence(solver, make):
    """Nothing is left to gain beyond rounding, and nothing may blow up there."""
    _, _, problem = random_problem(make, 12)

    def run(x0):
        return solve(problem.f, x0, solver, rtol=0.0, max_evaluations=200)[:4]

    _, _, residual, status = tf.function(run, autograph=False)(problem.start(tf.float32))
    assert (status.numpy() != Status.DIVERGED).all()
    assert residual.numpy().max() < 1e-6


@SOLVERS
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_the_problem_does_not_matter(solver, scale):
    matrix, offset, problem = random_problem(expanding, 12)
    scaled = problems.affine(matrix, scale * offset, scale * problem.x0)
    a = solve(problem.f, problem.start(), solver, rtol=1e-6)
    b = solve(scaled.f, scaled.start(), solver, rtol=1e-6)
    np.testing.assert_array_equal(a.evaluations, b.evaluations)
    np.testing.assert_allclose(b.x / scale, a.x, rtol=0, atol=1e-9)


@SOLVERS
def test_images_with_unknown_sizes_under_xla(solver):
    kernel = tf.random.stateless_normal([3, 3, 2, 2], [0, 0], dtype=tf.float64) / 12.0

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 2], tf.float64)],
        jit_compile=True,
        autograph=False,
    )
    def run(x0):
        def f(x):
            return tf.nn.conv2d(x, kernel, 1, "SAME") + 1.0

        return solve(f, x0, solver, rtol=1e-9).x

    x = run(tf.zeros([2, 5, 6, 2], tf.float64))
    residual = tf.nn.conv2d(x, kernel, 1, "SAME") + 1.0 - x
    assert np.abs(residual).max() < 1e-8 * np.abs(x).max()


def test_fewer_evaluations_than_anderson_on_a_stiff_map():
    _, _, problem = random_problem(definite, 12)

    def count(solver):
        program = tf.function(lambda x0: solve(problem.f, x0, solver, rtol=1e-8), autograph=False)
        return int(tf.reduce_max(program(problem.start()).evaluations))

    assert count(GMRES(m=12)) < count(Anderson(max_evaluations=100))


def test_memory_of_gmres_changes_the_trajectory():
    _, _, problem = random_problem(definite, 12)

    def run(m):
        return solve(
            problem.f, problem.start(), GMRES(m=m), rtol=0.0, max_evaluations=8, trace=True
        ).trace.numpy()

    assert np.abs(run(2) - run(3))[:, -1].min() > 1e-3 * run(3)[:, -1].max()
