"""The layer: values, gradients, saving, and a classifier trained with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from problems import check_recomputed

from tf_jfb._compat import KERAS_3, value
from tf_jfb._types import Status
from tf_jfb.gradients import Implicit, Neumann, Unrolled
from tf_jfb.layers import FixedPoint
from tf_jfb.solvers import Anderson, Picard

zeros_like = keras.ops.zeros_like if KERAS_3 else tf.zeros_like  # of a symbolic tensor
TIGHT = Anderson(m=3, rtol=1e-6)


@keras.saving.register_keras_serializable("tests")
class Cell(keras.layers.Layer):
    """`tanh(0.3 x W + d)`; counts in `calls` how often it ran in training."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.training_calls = units, 0

    def build(self, *shapes, **named):
        self.w = self.add_weight(shape=(self.units, self.units), name="w", initializer="orthogonal")

    def call(self, x, d, training=None):
        self.training_calls += bool(training)
        return tf.tanh(0.3 * tf.matmul(x, self.w) + d)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def batch(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def test_function_of_an_input():
    layer = FixedPoint(lambda x, d: 0.5 * x + d, TIGHT)
    np.testing.assert_allclose(layer(tf.zeros([2, 3]), batch(2, 3)), 2 * batch(2, 3), atol=1e-5)


def test_unbuilt_keras_layer_runs_in_inference_mode():
    cell = Cell(3)
    layer, d = FixedPoint(cell, TIGHT), batch(2, 3)
    x = layer(tf.zeros([2, 3]), d, training=True)
    assert cell.built and cell.training_calls == 0
    np.testing.assert_allclose(x, cell(x, d), atol=1e-5)
    assert [v.name for v in layer.trainable_variables] == [cell.w.name]


def test_gradient_to_weights_and_inputs_but_not_the_start():
    layer, x0, d = FixedPoint(Cell(3), TIGHT), tf.zeros([2, 3]), batch(2, 3)
    x = layer(x0, d)
    with tf.GradientTape() as tape:
        tape.watch([x0, d])
        loss = tf.reduce_sum(layer(x0, d))
    to_w, to_d, to_x0 = tape.gradient(loss, [value(layer.f.w), d, x0])
    slope = 1.0 - x.numpy() ** 2
    np.testing.assert_allclose(to_d, slope, atol=1e-4)
    np.testing.assert_allclose(to_w, 0.3 * x.numpy().T @ slope, atol=1e-4)
    assert to_x0 is None


def test_gradient_estimator_is_used():
    d = tf.ones([1, 1])
    layer = FixedPoint(lambda x, d: 0.5 * x + d, TIGHT, Neumann(2))
    with tf.GradientTape() as tape:
        tape.watch(d)
        x = layer(tf.zeros([1, 1]), d)
    np.testing.assert_allclose(tape.gradient(x, d), [[1.75]], rtol=1e-6)


def test_solution_reports_the_solve():
    layer = FixedPoint(lambda x, d: 0.5 * x + d, Picard())
    s = layer.solution(tf.zeros([2, 1]), tf.ones([2, 1]), rtol=1e-5, trace=True)
    assert (s.status.numpy() == Status.CONVERGED).all() and s.trace.shape == (2, 50)
    capped = layer.solution(tf.zeros([2, 1]), tf.ones([2, 1]), rtol=1e-5, max_evaluations=3)
    np.testing.assert_array_equal(capped.evaluations, [3, 3])


def test_configuration_round_trip():
    layer = FixedPoint(Cell(3), Picard(rtol=1e-4, damping=0.5), Neumann(2), name="equilibrium")
    config = layer.get_config()
    copy, again = FixedPoint.from_config(config), FixedPoint.from_config(config)
    assert again.solver == layer.solver  # the first left the dictionary as it was
    assert copy.solver == layer.solver and copy.gradient == layer.gradient
    assert copy.f.units == 3 and copy.name == "equilibrium"


@keras.saving.register_keras_serializable("tests")
class Square(keras.layers.Layer):
    """`0.5 x + 1`, of one argument."""

    def call(self, x):
        return 0.5 * x + 1.0


def functional():
    d = keras.Input((3,))
    return keras.Model(d, FixedPoint(Cell(3), TIGHT)(zeros_like(d), d))


def sequential():
    return keras.Sequential([keras.Input((3,)), FixedPoint(Square(), TIGHT)])


FORGETS = pytest.mark.skipif(
    not KERAS_3, reason="Keras 2 does not save that a layer was called on several inputs"
)


@pytest.mark.parametrize("make", [pytest.param(functional, marks=FORGETS), sequential])
def test_saved_model_gives_the_same_output(make, tmp_path):
    model, d = make(), batch(2, 3)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(copy(d), model(d), atol=1e-6)
    if make is sequential:
        np.testing.assert_allclose(model(d), 2.0, atol=1e-4)


@FORGETS
@pytest.mark.parametrize("warm_start", [False, True])
def test_an_export_needs_nothing_that_the_gradient_keeps(warm_start, tmp_path):
    inputs = keras.Input((3,))
    gradient = Implicit(TIGHT, warm_start=warm_start)
    model = keras.Model(inputs, FixedPoint(Cell(3), TIGHT, gradient)(inputs, inputs))
    model.export(tmp_path / "1", verbose=False)
    loaded, d = tf.saved_model.load(tmp_path / "1"), batch(2, 3)
    np.testing.assert_allclose(loaded.serve(d), model(d), atol=1e-6)


@pytest.mark.parametrize(
    "f, given",
    [
        (lambda x: 0.5 * x, 2),
        (lambda x, d: 0.5 * x + d, 1),
        (Cell(3), 1),
        (keras.layers.Dense(3), 2),  # of `training` by its place
        (keras.Sequential([keras.layers.Dense(3)]), 2),
    ],
)
def test_a_map_of_other_inputs_is_refused(f, given):
    d = batch(2, 3)
    with pytest.raises(ValueError, match=f"`f` must take what .* tensors={given}"):
        FixedPoint(f)(*[d] * given)


def test_a_classifier_learns_digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16.0).astype(np.float32), y[order]
    pixels = keras.Input((64,))
    d = keras.layers.Dense(32)(pixels)
    state = FixedPoint(Cell(32), Anderson(m=3, rtol=1e-3, max_evaluations=15))(zeros_like(d), d)
    model = keras.Model(pixels, keras.layers.Dense(10)(state))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    model.fit(x[:1400], y[:1400], batch_size=100, epochs=10, verbose=0)
    assert model.evaluate(x[1400:], y[1400:], verbose=0)[1] > 0.9


@pytest.mark.parametrize("name", ["f", "solver", "gradient"])
def test_errors(name):
    parts = {"f": lambda x: x, name: 3}
    with pytest.raises(ValueError, match=f"`{name}` must be a .*Received: {name}=3"):
        FixedPoint(**parts)


def test_layers_that_a_function_names_are_trained():
    dense = keras.layers.Dense(2, kernel_initializer="zeros")
    layer = FixedPoint(lambda x, d: 0.5 * tf.tanh(dense(x)) + d, TIGHT)
    model = keras.Sequential([keras.Input((2,)), Started(layer)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    d, before = batch(4, 2), dense.get_weights()[1].copy()
    logs = model.fit(d, d + 1.0, epochs=1, verbose=0).history
    assert np.abs(dense.get_weights()[1] - before).max() > 1e-3
    name = layer.name
    assert logs[f"{name}_converged"] == [1.0] and logs[f"{name}_residual"][0] < 1e-6
    assert logs[f"{name}_evaluations"][0] >= 1


class Started(keras.layers.Layer):
    """The fixed point from zero for an input d."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, d):
        return self.layer(tf.zeros_like(d), d)


def test_variables_that_keras_would_not_train_are_refused():
    hidden = {"parts": Started(keras.layers.Dense(2))}

    class Holder:
        dense = keras.layers.Dense(2, name="lost")

    layer = FixedPoint(lambda x, h=Holder: 0.5 * tf.tanh(h.dense(x)), TIGHT)
    with pytest.raises(ValueError, match="`f` must be a Keras layer that holds .*kernel"):
        layer(tf.zeros([1, 2]))
    assert FixedPoint(lambda x: hidden["parts"].layer(x)).named_layers == [hidden["parts"]]


class Noisy(keras.layers.Layer):
    """Names no `training`, as layers of one's own often do not."""

    def __init__(self):
        super().__init__()
        self.drop, self.norm = keras.layers.Dropout(0.5), keras.layers.BatchNormalization()

    def build(self, x_shape, d_shape=None):
        self.norm.build(x_shape)

    def call(self, x, d):
        return self.drop(0.3 * self.norm(x) + d)


class Frozen(Noisy):
    def frozen(self, training):
        return self.call


def test_nothing_within_the_map_is_in_training_and_all_after_it_is():
    drop, noisy, ones = keras.layers.Dropout(0.5), Noisy(), tf.ones([40, 1])
    maps = [lambda x, d: drop(0.3 * x + d), noisy, keras.Sequential([keras.layers.Dense(1)])]
    maps.append(Frozen())
    for f in maps:
        layer, x0 = FixedPoint(f, TIGHT), [ones] if f is maps[2] else [ones, ones]
        still = layer(*x0)
        np.testing.assert_allclose(layer(*x0, training=True), still, atol=1e-6)
        if f is maps[3]:
            continue

        class After(keras.Model):
            def __init__(self, layer):
                super().__init__()
                self.layer, self.drop = layer, keras.layers.Dropout(0.5)

            def call(self, x0):
                return self.drop(1.0 + 0.0 * self.layer(*x0))

        assert set(After(layer)(x0, training=True).numpy().ravel()) == {0.0, 2.0}
    np.testing.assert_array_equal(noisy.norm.get_weights()[2], 0.0)  # the moving mean


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 builds in the first call")
def test_layers_that_a_function_names_are_built_with_the_model():
    inputs, dense = keras.Input((2,)), keras.layers.Dense(2)
    model = keras.Model(inputs, FixedPoint(lambda x, d: tf.tanh(dense(x)) + d)(inputs, inputs))
    assert model.count_params() == 6 and dense.built


def test_variables_and_tensors_that_a_function_names():
    w, d, table = tf.Variable([[0.5]], name="lost"), tf.ones([1, 1]), {1: 0.5, "a": 0.1}
    named = FixedPoint(lambda x: tf.matmul(x, w) + 1.0, TIGHT)
    np.testing.assert_allclose(named(tf.zeros([1, 1])), 2.0, rtol=1e-5)
    if KERAS_3:
        with pytest.raises(ValueError, match="Keras 3 would not train.*lost"):
            named(tf.zeros([1, 1]), training=True)
    np.testing.assert_allclose(FixedPoint(lambda x: table[1] * x + d, TIGHT)(d), 2.0, rtol=1e-5)
    again = FixedPoint(lambda x: 0.5 * x + d, TIGHT, Unrolled(3, recompute=True))
    with pytest.raises(ValueError, match="take the tensors it reads as inputs"):
        again(tf.zeros([1, 1]))


def test_a_function_that_names_the_model_around_it_is_told_what_to_name():
    class Own(keras.Model):
        def __init__(self, own):
            super().__init__()
            self.dense = dense = keras.layers.Dense(3)
            named = lambda x, d: tf.tanh(0.1 * dense(x) + d)  # noqa: E731
            self.fixed = FixedPoint(named if own else lambda x, d: tf.tanh(0.1 * self.dense(x) + d))

        def call(self, d):
            return self.fixed(tf.zeros_like(d), d)

    model = Own(True)
    assert model(batch(2, 3)).shape == (2, 3) and len(model.trainable_variables) == 2
    with pytest.raises(ValueError, match="`f` must not name `self`.* Received: self='Own'"):
        Own(False)


@keras.saving.register_keras_serializable("test_fixed_point")
class Chosen(keras.layers.Layer):
    """Not built before it is called, with a mask and indices beside x."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(3)

    def call(self, x, mask, which):
        return tf.where(mask, 0.1 * self.dense(x) + tf.one_hot(which, 3), 0.0)


@pytest.mark.parametrize("symbolic", [False, True])
def test_masks_and_indices_are_inputs_too(symbolic):
    given = [np.zeros((2, 3), np.float32), np.array([[True, False, True]] * 2), np.array([0, 1])]
    layer = FixedPoint(Chosen())
    if symbolic:
        asked = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in given]
        layer = keras.Model(asked, layer(*asked))
        found = layer([tf.constant(x) for x in given])
    else:
        found = layer(*[tf.constant(x) for x in given])
    assert found.shape == (2, 3) and float(tf.reduce_max(tf.abs(found[:, 1]))) == 0.0
    assert float(found[0, 0]) > 0.5 and len(layer.trainable_variables) == 2


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 does not tell which losses an evaluation added")
def test_losses_that_every_evaluation_would_add_are_refused():
    of_activity, of_weights = (
        keras.layers.Dense(3, **{kind: "l2"})
        for kind in ("activity_regularizer", "kernel_regularizer")
    )
    with pytest.raises(ValueError, match="`f` must add no losses, .* Received: losses=1"):
        FixedPoint(lambda x, d: tf.tanh(0.1 * of_activity(x) + d))(batch(2, 3), batch(2, 3))
    layer = FixedPoint(lambda x, d: tf.tanh(0.1 * of_weights(x) + d))
    assert layer(batch(2, 3), batch(2, 3)).shape == (2, 3) and len(layer.losses) == 1


@pytest.mark.parametrize("gradient", [Neumann(0), Unrolled(2)])
def test_a_map_whose_shape_is_not_known_is_solved_for_in_a_graph(gradient):
    def half(x, d):
        return tf.numpy_function(lambda a, b: 0.5 * a + b, [x, d], tf.float32)

    layer, d = FixedPoint(half, gradient=gradient), batch(2, 3)
    solved = tf.function(lambda d: layer.solution(tf.zeros_like(d), d).x)(d)
    assert solved.shape == (2, 3) and np.abs(solved).max() > np.abs(d).max()


@pytest.mark.parametrize("momentum", [1.0, 0.5])
def test_recomputation_gives_the_same_gradient_where_statistics_move(momentum):
    from tf_jfb.networks import DnCNN

    d = batch(2, 8, 8, 1)

    def made(recompute):
        keras.utils.set_random_seed(0)
        network = DnCNN(3, 4, gain=0.5, momentum=momentum, lipschitz=0.9)
        layer = FixedPoint(network, gradient=Unrolled(3, recompute=recompute))
        layer(d)
        return layer

    check_recomputed(made, d, d)


def test_a_functional_model_of_two_inputs():
    x, d = keras.Input((2,)), keras.Input((2,))
    f = keras.Model([x, d], keras.layers.Add()([keras.layers.Rescaling(0.5)(x), d]))
    got = FixedPoint(f, TIGHT)(tf.zeros([1, 2]), tf.ones([1, 2]))
    np.testing.assert_allclose(got, 2.0, rtol=1e-5)


def test_a_frozen_map_moves_its_statistics_once_per_training_step():
    from tf_jfb.networks import DnCNN

    network = DnCNN(3, 4, gain=0.01, momentum=0.5)
    layer, x0 = FixedPoint(network, TIGHT), batch(1, 8, 8, 1)
    layer(x0)
    variance = network.convs[1].moving_variance
    before = value(variance).numpy().copy()
    layer(x0, training=True)
    moved = value(variance).numpy().copy()
    layer(x0, training=False)
    assert np.abs(moved - before).max() > 1e-6
    np.testing.assert_array_equal(value(variance).numpy(), moved)
