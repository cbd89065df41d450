"""The conformance table of estimators: on an affine map each has a closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb._types import FixedPointProblem
from tf_jfb.gradients import JFB, Estimator, Implicit, Neumann, Phantom, Unrolled, named
from tf_jfb.layers import FixedPoint
from tf_jfb.solvers import GMRES, Anderson, BiCGSTAB, Broyden, Picard

N, L, EYE = 6, 0.5, np.eye(6)
TIGHT = {"rtol": 1e-12, "max_evaluations": 200}
LINEAR = [Picard(**TIGHT), Anderson(**TIGHT), Broyden(**TIGHT), GMRES(**TIGHT), BiCGSTAB(**TIGHT)]
EXACT = {f"implicit-{type(s).__name__}": Implicit(s) for s in LINEAR}
TABLE = {
    "jfb": JFB(),
    "neumann": Neumann(3),
    "phantom": Phantom(4, 0.7),
    "phantom-one": Phantom(1, 1.0),
    "unrolled": Unrolled(5),
    "unrolled-recomputed": Unrolled(5, recompute=True),
    **EXACT,
}
every = pytest.mark.parametrize("name", TABLE)


def first(names, kept):
    """Those `kept` in every run, the others where slow: their compilation takes long."""
    marks = {name: () if name in kept else pytest.mark.slow for name in names}
    return [pytest.param(name, marks=mark) for name, mark in marks.items()]


COMPILED = [n for n in TABLE if n not in EXACT] + ["implicit-GMRES"]
MODES = [
    pytest.param(n, mode, marks=() if mode != "xla" or n in COMPILED else pytest.mark.slow)
    for n in TABLE
    for mode in ("eager", "graph", "xla")
]


def matrix(seed=0, norm=L):
    m = np.random.default_rng(seed).standard_normal((N, N))
    return norm * m / np.linalg.norm(m, 2)


def vectors(seed=1, batch=2):
    return np.random.default_rng(seed).standard_normal((2, batch, N))


def closed_form(estimator, m, v):
    """What the estimator makes of v where J = m (rows are images)."""
    power = np.linalg.matrix_power
    if isinstance(estimator, Implicit):
        return v @ np.linalg.inv(EYE - m)
    if isinstance(estimator, Phantom):
        damped = (1 - estimator.damping) * EYE + estimator.damping * m
        return estimator.damping * sum(v @ power(damped, i) for i in range(estimator.steps))
    terms = estimator.steps if isinstance(estimator, Unrolled) else estimator.order + 1
    return sum(v @ power(m, i) for i in range(terms))


def gradient_by(estimator, m, theta0, v, mode):
    """d/dtheta of <v, x*> for f(x) = x M^T + theta through the layer."""
    theta = tf.Variable(theta0)
    layer = FixedPoint(
        lambda x: tf.matmul(x, tf.constant(m.T)) + theta,
        Picard(**TIGHT),
        estimator,
        dtype="float64",
    )

    def gradient():
        with tf.GradientTape() as tape:
            out = layer(tf.zeros_like(theta))
        return tape.gradient(out, theta, output_gradients=tf.constant(v))

    if mode == "eager":
        return gradient().numpy()
    return tf.function(gradient, jit_compile=mode == "xla", autograph=False)().numpy()


@pytest.mark.parametrize(("name", "mode"), MODES)
def test_closed_form_on_an_affine_map(name, mode):
    m, (theta, v) = matrix(), vectors()
    got = gradient_by(TABLE[name], m, theta, v, mode)
    np.testing.assert_allclose(got, closed_form(TABLE[name], m, v), rtol=1e-9)


@pytest.mark.parametrize("name", [n for n in TABLE if not n.startswith("unrolled")])
def test_reweight_is_what_attach_does(name):
    m, (theta, v) = matrix(), vectors()

    def f(x):
        return tf.matmul(x, tf.constant(m.T)) + theta

    got = TABLE[name].reweight(f, tf.constant(theta), tf.constant(v))
    np.testing.assert_allclose(got, closed_form(TABLE[name], m, v), rtol=1e-9)


class Tanh(keras.layers.Layer):
    """`f(x, d) = tanh(x W) + d`, a contraction by 0.5."""

    def build(self, *shapes):
        self.w = self.add_weight(
            shape=(N, N), name="w", initializer=lambda *_, **__: tf.constant(matrix(2))
        )
        self.built = True

    def call(self, x, d):
        return tf.tanh(tf.matmul(x, self.w)) + d


def tanh_layer(estimator):
    solver = Anderson(rtol=1e-13, max_evaluations=200)
    return FixedPoint(Tanh(dtype="float64"), solver, estimator, dtype="float64")


def value_and_gradients(layer, v):
    """The compiled function d -> <v, x*>, its gradients to d and to the layer's weight."""

    @tf.function(autograph=False)
    def program(d):
        with tf.GradientTape() as tape:
            tape.watch(d)
            value = tf.reduce_sum(v * layer(tf.zeros_like(d), d))
        return value, *tape.gradient(value, [d, layer.f.w])

    return lambda d: [part.numpy() for part in program(tf.constant(d))]


@pytest.mark.parametrize("name", first(EXACT, ("implicit-GMRES", "implicit-Anderson")))
def test_exact_unrolled_and_finite_differences_agree(name):
    d, v = vectors(3)
    layers = [tanh_layer(EXACT[name]), tanh_layer(Unrolled(40))]
    for layer in layers:
        layer(tf.zeros_like(d), d)  # builds
    program, unrolled = (value_and_gradients(layer, v) for layer in layers)
    exact = program(d)
    for a, b in zip(exact, unrolled(d), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-10)
    weight = layers[0].f.w
    for index, h in (((0, 0), 1e-6), ((2, 5), 1e-6)):
        values, before = [], weight.numpy()
        for sign in (1, -1):
            moved = before.copy()
            moved[index] += sign * h
            weight.assign(moved)
            values.append(program(d)[0])
        weight.assign(before)
        slope = (values[0] - values[1]) / (2 * h)
        assert exact[2][index] == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("order", [0, 1, 3, 6])
def test_error_of_the_neumann_series_is_within_its_bound(order):
    m, (theta, v) = matrix(4), vectors(5)
    error = gradient_by(Neumann(order), m, theta, v, "graph") - v @ np.linalg.inv(EYE - m)
    bound = L ** (order + 1) / (1 - L) * np.linalg.norm(v, axis=1)
    assert (np.linalg.norm(error, axis=1) <= bound).all()


def test_two_uses_in_one_model():
    d, v = vectors(6)
    layer = tanh_layer(EXACT["implicit-GMRES"])

    layer(tf.zeros_like(d), d)  # builds

    @tf.function(autograph=False)
    def twice(d):
        with tf.GradientTape() as tape:
            tape.watch(d)
            value = tf.reduce_sum(v * layer(tf.zeros_like(d), layer(tf.zeros_like(d), d)))
        return value, tape.gradient(value, d)

    h = np.zeros_like(d)
    h[1, 2] = 1e-6
    got = twice(tf.constant(d))[1].numpy()
    slope = (float(twice(d + h)[0]) - float(twice(d - h)[0])) / 2e-6
    assert got[1, 2] == pytest.approx(slope, rel=1e-6)


def failing(on_failure, **options):
    """An adjoint solve that cannot succeed: Picard on a map of spectral radius above 1."""
    return Implicit(Picard(rtol=1e-6, max_evaluations=20), on_failure, **options)


def expanding():
    return -2.0 * EYE, np.ones((2, N)), np.ones((2, N))


def test_a_failed_adjoint_falls_back_and_says_so():
    """To the Neumann series where that misses less, as here after one evaluation of the solve."""
    m, theta, v = 0.5 * EYE, np.ones((2, N)), np.ones((2, N))
    records = []

    def f(x):
        return tf.matmul(x, tf.constant(m.T)) + theta

    estimator = Implicit(Picard(rtol=1e-6, max_evaluations=1), "fallback", order=2)
    x = tf.Variable(2.0 * theta)
    with tf.GradientTape() as tape:
        tape.watch(x)
        shift = tf.Variable(np.zeros((2, N)))
        out = estimator.attach(lambda x: f(x) + shift, x, report=records.append)
    got = tape.gradient(out, shift, output_gradients=tf.constant(v))
    np.testing.assert_allclose(got, closed_form(Neumann(2), m, v))
    assert records[0].status.numpy().tolist() != [0, 0]


@pytest.mark.parametrize("graph", [False, True])
def test_a_failed_adjoint_is_kept_where_the_series_is_worse(graph):
    """J symmetric with a spectrum up to 0.99: capped, Anderson is far nearer than five terms."""
    spectrum, v = np.linspace(0.0, 0.99, 40), np.ones((1, 40))

    def f(x):
        return x * spectrum

    estimator = Implicit(Anderson(rtol=1e-12, max_evaluations=12), "fallback")

    def run():
        return estimator.reweight(f, tf.zeros_like(v), tf.constant(v))

    got = (tf.function(run, autograph=False) if graph else run)()
    series, exact = sum(spectrum**k for k in range(6)) * v, v / (1.0 - spectrum)

    def error(w):
        return np.linalg.norm(w - exact) / np.linalg.norm(exact)

    assert error(series) > 0.9 and error(got.numpy()) < 0.5


@pytest.mark.parametrize("graph", [False, True])
def test_a_failed_adjoint_raises(graph):
    m, theta, v = expanding()

    def f(x):
        return tf.matmul(x, tf.constant(m.T)) + theta

    def run():
        return failing("raise").reweight(f, tf.constant(theta), tf.constant(v))

    with pytest.raises(tf.errors.InvalidArgumentError, match="missed its tolerance"):
        (tf.function(run, autograph=False) if graph else run)()


def test_under_xla_a_failed_adjoint_is_nan_not_zero():
    m, theta, v = expanding()

    def f(x):
        return tf.matmul(x, tf.constant(m.T)) + theta

    def run():
        return failing("raise").reweight(f, tf.constant(theta), tf.constant(v))

    assert np.isnan(tf.function(run, jit_compile=True, autograph=False)().numpy()).all()


@pytest.mark.parametrize("graph", [False, True])
def test_a_failed_adjoint_warns(graph, capfd):
    m, theta, v = expanding()

    def f(x):
        return tf.matmul(x, tf.constant(m.T)) + theta

    def run():
        return failing("warn").reweight(f, tf.constant(theta), tf.constant(v))

    w = (tf.function(run, autograph=False) if graph else run)()
    assert np.isfinite(w.numpy()).all()
    assert "missed its tolerance" in capfd.readouterr().err


def test_a_gradient_that_is_no_number_stays_one_with_a_warm_start():
    gradients, layer = [], FixedPoint(lambda x, d: 0.5 * x + d, gradient=Implicit(warm_start=True))
    d = tf.ones([2, 1])
    for upstream in ([[1.0], [1.0]], [[np.nan], [5.0]], [[1.0], [1.0]]):
        with tf.GradientTape() as tape:
            tape.watch(d)
            x = layer(d, d, training=True)
        gradients.append(tape.gradient(x, d, tf.constant(upstream, tf.float32)).numpy().ravel())
    np.testing.assert_allclose(gradients, [[2, 2], [np.nan, 10], [2, 2]], rtol=1e-3)


def test_forward_mode_is_refused():
    d = tf.ones([2, 1])
    layer = FixedPoint(lambda x, d: 0.5 * x + d)
    with (
        pytest.raises(NotImplementedError, match="no forward-mode derivative"),
        tf.autodiff.ForwardAccumulator(d, d),
    ):
        layer(d, d)


def test_a_layers_estimator_may_be_set_anew():
    layer, d = FixedPoint(lambda x, d: 0.5 * x + d), tf.ones([2, 1])
    layer.gradient = Implicit()
    with tf.GradientTape() as tape:
        tape.watch(d)
        x = layer(d, d, training=True)
    np.testing.assert_allclose(tape.gradient(x, d), 2.0, rtol=1e-3)
    assert layer.adjoint_metrics["converged"].result() == 1.0
    with pytest.raises(ValueError, match="`gradient` must be"):
        layer.gradient = "implicit"
    with pytest.raises(ValueError, match="`gradient` must be set before the layer is built"):
        layer.gradient = JFB()


def test_warm_start_saves_evaluations():
    m, (theta, v) = matrix(), vectors()

    def f(x):
        return tf.matmul(x, tf.constant(m.T)) + theta

    for warm, fewer in ((False, False), (True, True)):
        estimator = Implicit(Picard(rtol=1e-8, max_evaluations=200), warm_start=warm)
        first, second = (
            estimator.adjoint(f, tf.constant(theta), tf.constant(v))[1] for _ in range(2)
        )
        assert (int(second.evaluations[0]) < int(first.evaluations[0])) == fewer


@pytest.mark.parametrize(
    ("text", "estimator"),
    [
        ("jfb", JFB()),
        ("neumann:3", Neumann(3)),
        ("phantom:5:0.25", Phantom(5, 0.25)),
        ("phantom", Phantom()),
        ("implicit", Implicit()),
        ("unrolled:4", Unrolled(4)),
    ],
)
def test_names(text, estimator):
    assert named(text) == estimator


@pytest.mark.parametrize("text", ["exact", "neumann:x", "jfb:1", "phantom:2:0.5:1", ""])
def test_other_names_are_refused(text):
    with pytest.raises(ValueError, match="`gradient` must be jfb, .* Received: gradient="):
        named(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Phantom(0), "`steps` must be an integer >= 1. Received: steps=0"),
        (lambda: Phantom(1, 0.0), r"`damping` must lie in \(0, 1\]. Received: damping=0.0"),
        (lambda: Unrolled(0), "`steps` must be an integer >= 1"),
        (lambda: Implicit("gmres"), "`solver` must be a tf_jfb.solvers.Solver"),
        (lambda: Implicit(on_failure="zeros"), "`on_failure` must be one of .*='zeros'"),
        (lambda: Implicit(order=-1), "`order` must be an integer >= 0"),
        (
            lambda: Unrolled(2, recompute=True).fixed_point(
                FixedPointProblem(lambda x: x, tf.zeros([1, 1])), Picard()
            ),
            "`recompute` needs a problem",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@every
def test_configuration_round_trip(name):
    saved = keras.saving.serialize_keras_object(TABLE[name])
    copy = keras.saving.deserialize_keras_object(saved)
    assert isinstance(copy, Estimator) and copy == TABLE[name]


def second_derivative(estimator):
    """Of x = 0.5 d x + 1 at d = 0.5, where it is 1.1852."""
    d = tf.constant([[0.5]], tf.float64)
    layer = FixedPoint(lambda x, d: 0.5 * d * x + 1.0, Picard(**TIGHT), estimator, dtype="float64")
    with tf.GradientTape() as outer:
        outer.watch(d)
        with tf.GradientTape() as inner:
            inner.watch(d)
            x = layer(tf.zeros_like(d), d)
        slope = inner.gradient(x, d)
    return outer.gradient(slope, d).numpy().item()


def test_second_derivatives_of_a_long_iteration_are_the_truth():
    assert second_derivative(Unrolled(60)) == pytest.approx(0.5 / 0.75**3, rel=1e-6)


@pytest.mark.parametrize("name", ["jfb", "neumann", "phantom", "implicit-GMRES"])
def test_other_gradients_refuse_to_be_differentiated_again(name):
    with pytest.raises(NotImplementedError, match="use `gradients.Unrolled`"):
        second_derivative(TABLE[name])


@pytest.mark.parametrize("compact", [False, True])
def test_the_recorded_evaluation_is_the_last_of_the_solve(compact):
    """Three images: one converges at once, one in time, one meets the cap."""
    rate, counted = tf.constant([[0.0], [0.3], [0.9]], tf.float64), tf.Variable(0)

    def f(x, rate):
        counted.assign_add(1)
        return rate * x + 1.0

    problem = FixedPointProblem(f, tf.zeros_like(rate), (rate,))
    solver = Picard(rtol=1e-3, max_evaluations=9)
    run = tf.function(lambda: JFB().fixed_point(problem, solver, compact=compact), autograph=False)
    x, solution = run()
    assert int(counted) == 9
    np.testing.assert_array_equal(solution.status, [0, 0, 1])
    np.testing.assert_array_equal(solution.evaluations, [2, 7, 9])
    limits = 1.0 / (1.0 - rate.numpy())
    np.testing.assert_allclose(x[2], limits[2] * (1 - 0.9**8))  # after eight steps
    residual = np.abs(0.9 * x[2] + 1.0 - x[2]) / (0.9 * x[2] + 1.0)
    np.testing.assert_allclose(solution.residual[2], residual[0])


def test_a_pending_iterate_that_would_be_worse_is_not_taken():
    def f(x):
        return -3.0 * x + 1.0

    problem = FixedPointProblem(f, tf.constant([[0.3]], tf.float64))
    x, solution = JFB().fixed_point(problem, Picard(max_evaluations=4))
    np.testing.assert_allclose(x, [[0.3]])
    np.testing.assert_allclose(solution.residual, [2.0])
