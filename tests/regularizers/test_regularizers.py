"""Penalties against what they estimate, and in a training step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import models, networks, operators, solvers
from tf_jfb._types import FixedPointProblem
from tf_jfb.gradients import Unrolled
from tf_jfb.regularizers import Correction, Jacobian, Regularizer

MATRIX = np.random.default_rng(0).standard_normal((40, 40)) / 10.0


def penalty(jacobian, matrix, batch=64, step=0):
    """Of f(x) = M x at the fixed point 0."""
    matrix = tf.convert_to_tensor(matrix)
    x = tf.zeros([batch, len(matrix)], matrix.dtype)
    problem = FixedPointProblem(lambda x: tf.matmul(x, matrix, transpose_b=True), x)
    return jacobian.penalty(problem, x, tf.constant(step))


def test_hutchinson_estimates_the_mean_squared_singular_value():
    got = float(penalty(Jacobian(), MATRIX, 4000))
    assert got == pytest.approx((MATRIX**2).sum() / 40, rel=0.02)


def test_power_steps_approach_the_largest_singular_value():
    symmetric = (MATRIX + MATRIX.T) / 2
    largest = np.linalg.norm(symmetric, 2) ** 2
    values = [float(penalty(Jacobian(power=k), symmetric)) for k in (0, 2, 60)]
    assert values[0] < values[1] < values[2] <= largest * (1 + 1e-9)
    assert values[2] == pytest.approx(largest, rel=0.02)


def test_where_nothing_passes_there_is_no_direction_and_no_penalty():
    matrix = tf.Variable(np.zeros([40, 40]))
    with tf.GradientTape() as tape:
        got = penalty(Jacobian(power=2), matrix, 3)
    assert float(got) == 0.0 and np.isfinite(tape.gradient(got, matrix)).all()


def test_below_the_bound_nothing_is_penalised():
    assert float(penalty(Jacobian(bound=10.0), MATRIX)) == 0.0


def test_each_step_draws_another_vector():
    values = {float(penalty(Jacobian(), MATRIX, 1, step=i)) for i in (0, 1, 1)}
    assert len(values) == 2


def test_gradient_lowers_the_jacobian():
    matrix = tf.Variable(MATRIX)
    with tf.GradientTape() as tape:
        squared = penalty(Jacobian(), matrix, 4000)
    np.testing.assert_allclose(tape.gradient(squared, matrix), 2 * MATRIX / 40, atol=2e-3)


def test_correction_is_the_loss_of_early_iterates():
    def f(x):
        return 0.5 * x + 1.0

    x0 = tf.zeros([1, 1], tf.float64)
    problem, solver = FixedPointProblem(f, x0), solvers.Picard(rtol=0.0)
    got = Correction(evaluations=(1, 3)).penalty_by_loss(problem, solver, tf.reduce_sum)
    # The best of k evaluated iterates is the last one: 0 and 1.5; one application each.
    assert float(got) == pytest.approx((1.0 + 1.75) / 2)


def make(*regularizers, gradient=None):
    model = models.DEGrad(
        operators.GaussianBlur(3, 0.4),
        networks.DnCNN(3, 4, gain=0.1),
        solvers.Anderson(m=3, max_evaluations=20),
        gradient,
        eta=0.5,
        regularizers=regularizers,
    )
    model.compile()
    return model


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_fit_adds_and_logs_them(jit_compile):
    rng = np.random.default_rng(0)
    sharp = (0.25 + 0.5 * rng.random((4, 12, 12, 3))).astype(np.float32)
    model = make(Jacobian(0.1), Correction(0.5, (2,)))
    model.compile(jit_compile=jit_compile)
    logs = model.fit(sharp, sharp, batch_size=4, epochs=1, verbose=0).history
    assert {"jacobian", "correction"} <= set(logs)
    plain = make()
    plain.build((None, None, None, 3))
    assert "jacobian" not in plain.evaluate(sharp, sharp, verbose=0, return_dict=True)
    assert 0 < logs["jacobian"][0] < 4
    expected = 0.1 * logs["jacobian"][0] + 0.5 * logs["correction"][0]
    assert logs["loss"][0] > expected > 0


def test_configuration_round_trip():
    copy = models.DEGrad.from_config(make(Jacobian(0.1, 0.5, 2), Correction(0.2)).get_config())
    assert copy.regularizers == (Jacobian(0.1, 0.5, 2), Correction(0.2))
    saved = keras.saving.serialize_keras_object(Correction(0.2, (1, 4)))
    assert keras.saving.deserialize_keras_object(saved) == Correction(0.2, (1, 4))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Jacobian(0), "`weight` must be positive. Received: weight=0"),
        (lambda: Jacobian(bound=-1.0), "`bound` must be >= 0. Received: bound=-1.0"),
        (lambda: Jacobian(power=-1), "`power` must be an integer >= 0. Received: power=-1"),
        (lambda: Correction(evaluations=()), "`evaluations` must be a tuple of integers >= 1"),
        (lambda: make(Jacobian(), Jacobian(2.0)), "at most one of a name"),
        (lambda: make("jacobian"), "`regularizers` must be"),
        (lambda: make(Jacobian(), gradient=Unrolled(2)), "need a gradient at a fixed point"),
    ],
)
def test_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_they_share_a_base():
    assert issubclass(Jacobian, Regularizer) and issubclass(Correction, Regularizer)
