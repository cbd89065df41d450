"""The paper's model as a Keras model: fitting, saving, restoring, and its gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from problems import check_recomputed
from tensorflow.python.eager import context

from tf_jfb import gradients, models, networks, operators, regularizers, solvers
from tf_jfb._compat import value

LOGS = {"loss", "psnr", "evaluations", "residual", "converged"}


def make(compiled=True, rtol=1e-3, lipschitz=None, eta=0.5, cap=30, **options):
    model = models.DEGrad(
        operator=operators.GaussianBlur(3, 0.4),
        network=networks.DnCNN(depth=3, channels=4, lipschitz=lipschitz, gain=0.1),
        solver=solvers.Anderson(m=3, rtol=rtol, max_evaluations=cap),
        eta=eta,
        **options,
    )
    model.build((None, None, None, 3))
    if compiled:
        model.compile()
    return model


class Damped(networks.Network):
    """0.1 x + R(x): strongly monotone, so that the fixed point is unique."""

    def __init__(self, network):
        super().__init__()
        self.network, self.built = network, True

    def frozen(self, training=False):  # and no `folded`, as in a network of the user's
        network = self.network.frozen(training)
        return lambda x, observe=False: 0.1 * x + network(x, observe)


def pairs(count=4, seed=0, side=12):
    sharp = np.random.default_rng(seed).random((count, side, side, 3)).astype(np.float32)
    sharp = 0.25 + 0.5 * sharp
    return operators.GaussianBlur(3, 0.4)(sharp).numpy(), sharp


def test_fit_and_evaluate_log_the_solve():
    model, (blurred, sharp) = make(), pairs()
    model.build((None, None, None, 3))
    before = [w.copy() for w in model.get_weights()]
    history = model.fit(blurred, sharp, batch_size=2, epochs=2, verbose=0).history
    assert set(history) == LOGS
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["loss"][1] < history["loss"][0]
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert sum(changed) >= 5  # every kernel, the scale and shift, the statistics, eta
    logs = model.evaluate(blurred, sharp, batch_size=2, verbose=0, return_dict=True)
    assert set(logs) == LOGS
    assert 1 < logs["evaluations"] <= 30 and 0 <= logs["converged"] <= 1


def test_fit_evaluate_predict_and_restore_are_about_one_image():
    """Far from a fixed point T(x) is another image than x: 5.63 for 25.86 dB once."""
    (blurred, sharp), model = pairs(), make(compiled=False)
    model = models.DEGrad(
        model.operator, model.network, solvers.Picard(max_evaluations=8), eta=6.0, name="diverges"
    )
    model.build((None, None, None, 3))
    model.compile(keras.optimizers.SGD(0.0))
    image = model.restore(blurred).image.numpy()
    assert (model.restore(blurred).residual.numpy() > 0.1).all()
    error = np.square(image - sharp).mean((1, 2, 3))
    logs = model.evaluate(blurred, sharp, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(error.mean(), rel=1e-4)
    assert logs["psnr"] == pytest.approx(-10 * np.log10(error).mean(), rel=1e-4)
    np.testing.assert_allclose(model.predict(blurred, verbose=0), image, atol=1e-5)
    weights = np.float32([1, 0, 2, 0])
    weighted = model.evaluate(blurred, sharp, sample_weight=weights, verbose=0, return_dict=True)
    assert weighted["loss"] == pytest.approx((weights * error).mean(), rel=1e-4)


def test_an_unrolled_model_predicts_what_it_learned():
    (blurred, sharp), model = pairs(), make(compiled=False)
    model = models.DEGrad(
        model.operator, model.network, eta=0.5, gradient=gradients.Unrolled(3), name="unrolled"
    )
    model.build((None, None, None, 3))
    model.compile(keras.optimizers.SGD(0.0))
    problem = model.problem(tf.constant(blurred))
    x, T = problem.x0, problem.at
    for _ in range(3):
        x = T(x)
    result = model.restore(blurred)
    np.testing.assert_allclose(result.image, x, atol=1e-6)
    assert (result.evaluations.numpy() == 4).all()
    residual = np.linalg.norm((T(x) - x).numpy().reshape(4, -1), axis=1)
    size = np.linalg.norm(T(x).numpy().reshape(4, -1), axis=1)
    np.testing.assert_allclose(result.residual, residual / size, rtol=1e-3)
    np.testing.assert_allclose(model.predict(blurred, verbose=0), x, atol=1e-6)
    loss = model.evaluate(blurred, sharp, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(np.square(x - sharp).mean(), rel=1e-4)
    asked = model.restore(blurred, max_evaluations=20)
    assert (asked.status.numpy() == 0).all() and (asked.evaluations.numpy() > 4).all()


def test_a_solver_and_a_gradient_may_be_set_anew():
    (blurred, sharp), model = pairs(), make()
    assert model.restore(blurred).evaluations.numpy().max() > 2
    model.evaluate(blurred, sharp, verbose=0)
    model.solver = solvers.Anderson(max_evaluations=2)
    assert (model.restore(blurred).evaluations.numpy() == 2).all()
    assert model.evaluate(blurred, sharp, verbose=0, return_dict=True)["evaluations"] == 2
    model.gradient = gradients.Implicit(solvers.Anderson(max_evaluations=3))
    fitted = model.fit(blurred, sharp, validation_data=(blurred, sharp), verbose=0).history
    assert set(fitted) == LOGS | {f"val_{log}" for log in LOGS} | {
        f"adjoint_{name}" for name in ("evaluations", "residual", "converged")
    }
    with pytest.raises(ValueError, match="`solver` must be a tf_jfb.solvers.Solver"):
        model.solver = None


def test_predict_is_the_image_of_restore_and_changes_no_weight():
    model, (blurred, _) = make(lipschitz=0.5), pairs()
    model.build((None, None, None, 3))
    before = [w.copy() for w in model.get_weights()]
    np.testing.assert_allclose(
        model.predict(blurred, verbose=0), model.restore(blurred).image, atol=1e-6
    )
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_restore_reports_the_residual_of_the_returned_image():
    model, (blurred, _) = make(), pairs()
    result = model.restore(blurred, trace=True)
    T = model.problem(tf.constant(blurred)).at
    image, mapped = result.image.numpy(), T(result.image).numpy()

    def norm(z):
        return np.linalg.norm(z.reshape(len(z), -1), axis=1)

    np.testing.assert_allclose(result.residual, norm(mapped - image) / norm(mapped), rtol=1e-2)
    assert (result.status.numpy() == solvers.Status.CONVERGED).all()
    assert result.trace.shape == (4, 30)


def test_restore_options_override_the_solver():
    model, (blurred, _) = make(), pairs()
    usual, tight = model.restore(blurred), model.restore(blurred, rtol=1e-5)
    assert (tight.evaluations.numpy() > usual.evaluations.numpy()).all()
    capped = model.restore(blurred, rtol=0.0, max_evaluations=2)
    np.testing.assert_array_equal(capped.evaluations, [2] * 4)
    np.testing.assert_array_equal(capped.status, [solvers.Status.CAP] * 4)


def test_restore_goes_on_from_a_given_start():
    model, (blurred, _) = make(), pairs()
    first = model.restore(blurred, rtol=1e-4)
    again = model.restore(blurred, rtol=1e-4, start=first.image)
    np.testing.assert_array_equal(again.evaluations, [1] * 4)
    np.testing.assert_allclose(again.image, first.image, atol=1e-6)
    with pytest.raises(ValueError, match="`start` must have the shape of the restored images. Rec"):
        model.restore(blurred, start=first.image[:1])


def test_restore_treats_images_independently():
    model, (blurred, _) = make(rtol=1e-5), pairs()
    together = model.restore(blurred)
    alone = model.restore(blurred[2:3])
    shuffled = model.restore(blurred[[3, 2, 0, 1]])
    np.testing.assert_allclose(alone.image[0], together.image[2], atol=1e-5)
    np.testing.assert_allclose(shuffled.image[1], together.image[2], atol=1e-5)


def test_stopped_images_leave_the_batch_and_nothing_else_changes():
    model, (blurred, _) = make(rtol=1e-5), pairs()
    blurred = np.concatenate([blurred, 0.5 + 0.0 * blurred[:1]])  # a flat image stops early
    d = tf.constant(blurred)
    for trace in (False, True):
        frozen = model.solved(d, trace=trace)
        left = tf.function(
            lambda d, t=trace: model.solved(d, trace=t, compact=True), autograph=False
        )(d)
        assert len(set(frozen.evaluations.numpy())) > 1
        np.testing.assert_array_equal(left.evaluations, frozen.evaluations)
        np.testing.assert_array_equal(left.status, frozen.status)
        np.testing.assert_allclose(left.image, frozen.image, atol=1e-6)
        np.testing.assert_allclose(left.residual, frozen.residual, rtol=1e-2)
    np.testing.assert_allclose(left.trace, frozen.trace, rtol=1e-2)


def test_preconditioning_keeps_the_fixed_point_and_needs_fewer_evaluations():
    (blurred, _), network = pairs(), networks.DnCNN(3, 4, lipschitz=0.5, gain=0.1)
    network.build((None, None, None, 3))
    parts = {
        "operator": operators.GaussianBlur(5, 2.0),
        "network": Damped(network),
        "solver": solvers.Anderson(rtol=1e-6, max_evaluations=300),
        "eta": 0.9,
    }
    plain, fast = models.DEGrad(**parts), models.DEGrad(**parts, precondition=0.1)
    a, b = plain.restore(blurred), fast.restore(blurred)
    assert (a.status.numpy() == 0).all() and (b.status.numpy() == 0).all()
    np.testing.assert_allclose(a.image, b.image, atol=2e-4)
    assert b.evaluations.numpy().max() < a.evaluations.numpy().min()


def test_save_and_load(tmp_path):
    model, (blurred, sharp) = make(), pairs()
    model.fit(blurred, sharp, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        copy.predict(blurred, verbose=0), model.predict(blurred, verbose=0)
    )
    assert copy.solver == model.solver and type(copy.gradient) is type(model.gradient)
    copy.fit(blurred, sharp, verbose=0)
    assert int(copy.optimizer.iterations) == 2
    copy.trainable = False
    assert not models.DEGrad.from_config(copy.get_config()).trainable


def test_jfb_gradient_is_that_of_a_single_step_by_hand():
    keras.backend.set_floatx("float64")
    keras.mixed_precision.set_global_policy("float64")
    model, (blurred, sharp) = make(compiled=False, rtol=1e-10), pairs(2)
    d, target = tf.constant(blurred, tf.float64), tf.constant(sharp, tf.float64)
    x = model.restore(d).image
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((model(d) - target) ** 2)
    to_eta, to_kernel = tape.gradient(
        loss, [value(model.log_eta), value(model.network.convs[-1].kernel)]
    )
    A, network = model.operator, model.network
    direction = A.adjoint(A(x) - d) + network(x)
    eta = np.exp(float(model.log_eta))
    v = 2.0 * (x - eta * direction - target)
    assert float(to_eta) == pytest.approx(float(-tf.reduce_sum(v * direction) * eta), rel=1e-6)

    kernel, h = network.convs[-1].kernel, 1e-6
    start, probe = kernel.numpy(), np.zeros(kernel.shape)
    probe[1, 2, 3, 0] = h
    terms = []
    for sign in (1, -1):
        kernel.assign(start + sign * probe)
        step = x - eta * (A.adjoint(A(x) - d) + network(x))
        terms.append(float(tf.reduce_sum((step - target) ** 2)))
    expected = (terms[0] - terms[1]) / (2 * h)
    assert float(to_kernel[1, 2, 3, 0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("momentum", [1.0, 0.5])
def test_recomputation_gives_the_same_gradient_where_statistics_move(momentum):
    blurred, sharp = pairs(2)

    def made(recompute):
        keras.utils.set_random_seed(0)
        network = networks.DnCNN(3, 4, gain=0.5, momentum=momentum)
        unrolled = gradients.Unrolled(3, recompute=recompute)
        model = models.DEGrad(operators.GaussianBlur(3, 0.4), network, gradient=unrolled, eta=0.5)
        model.build((None, None, None, 3))
        return model

    check_recomputed(made, blurred, sharp)


def test_a_model_of_64_bits_beside_a_loss_of_32():
    network, options = networks.DnCNN(2, 2, dtype="float64"), {"dtype": "float64"}
    options["regularizers"] = [regularizers.Jacobian(0.1)]
    few = solvers.Anderson(m=2, max_evaluations=2)
    blur = operators.GaussianBlur(3, 0.4)
    model = models.DEGrad(blur, network, few, unconverged_weight=0.5, **options)
    model.compile(run_eagerly=True)
    logs = model.train_on_batch(*pairs(1), return_dict=True)
    assert np.isfinite(logs["loss"]) and logs["jacobian"] > 0
    weighted = tf.function(model._weighted)(tf.ones([1, 2, 2, 3], tf.float64), tf.constant([1]))
    assert weighted.dtype == tf.float64


def test_the_gradient_estimator_is_used():
    model, (blurred, _) = make(), pairs(1)

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(blurred) ** 2)
        return float(tape.gradient(loss, value(model.log_eta)))

    jfb = gradient()
    model.gradient = gradients.Neumann(3)
    assert abs(gradient() - jfb) > 1e-6 * abs(jfb)


def test_statistics_move_once_in_a_training_call_and_not_at_inference():
    model, (blurred, _) = make(), pairs()
    model(blurred)
    mean = model.network.convs[1].moving_variance
    before = mean.numpy()
    model(blurred, training=False)
    np.testing.assert_array_equal(mean.numpy(), before)
    model(blurred, training=True)
    assert (mean.numpy() != before).any()
    assert (mean.numpy() >= 0.99 * before).all()


@pytest.mark.parametrize(
    "image, message",
    [
        (np.full((1, 12, 12, 3), np.nan, np.float32), "finite. Received: non_finite_pixels=432"),
        (np.full((1, 12, 12, 3), 200.0, np.float32), r"values in \[0, 1\].*max=200.0"),
        (np.zeros((1, 12, 12, 3), np.uint8), "floating dtype"),
        (np.zeros((12, 12, 3), np.float32), r"\[B, H, W, C\]"),
        (np.zeros((0, 12, 12, 3), np.float32), "must not be empty"),
    ],
)
def test_bad_images(image, message):
    with pytest.raises(ValueError, match=message):
        make().restore(image)


def test_another_number_of_channels_is_refused():
    model, (blurred, _) = make(), pairs()
    model.build((None, None, None, 3))
    with pytest.raises(ValueError, match="must have the 3 channels of the model. Received: shape"):
        model.restore(blurred[..., :1])


@pytest.mark.parametrize("options", [{"rtol": -1.0}, {"max_evaluations": 0}])
def test_bad_restore_options(options):
    with pytest.raises(ValueError, match="`(rtol|max_evaluations)` must be"):
        make().restore(pairs(1)[0], **options)


def test_values_of_8_bit_images_stop_predict_and_fit():
    model, (d, sharp) = make(), pairs(1)
    for run in (
        lambda: model.predict(255.0 * d, verbose=0),
        lambda: model.evaluate(255.0 * d, sharp),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="divide 8-bit values by 255"):
            run()


def test_a_penalty_counts_as_a_part_of_a_larger_model():
    """`keras.Model.fit` adds it, and no solve is left behind for `evaluate` to find."""
    d, sharp = pairs(1)
    inner = make(compiled=False, regularizers=(regularizers.Jacobian(10.0),))
    outer = Outer(inner)
    outer.compile(keras.optimizers.SGD(0.0), "mse")
    penalised = outer.fit(d, sharp, epochs=1, verbose=0).history["loss"][0]
    inner(tf.constant(d), training=True)
    judged = outer.evaluate(d, sharp, verbose=0, return_dict=True)
    assert judged["loss"] < penalised - 0.1


class Outer(keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, d, training=None):
        return self.inner(d, training=training)


def test_a_correction_refuses_what_has_no_loss_for_it():
    model = make(regularizers=(regularizers.Correction(),))
    with pytest.raises(ValueError, match="`Correction` asks for the loss: .* own `fit`"):
        model(tf.constant(pairs(1)[0]), training=True)


def test_images_whose_solve_failed_may_weigh_less():
    d, sharp = (tf.constant(part) for part in pairs(2))
    model = make(rtol=0.0, cap=2)

    def gradient(weight):
        model.unconverged_weight = weight
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((model(d, training=True) - sharp) ** 2)
        return tape.gradient(loss, value(model.trainable_variables[1])).numpy()

    whole = gradient(1.0)
    np.testing.assert_allclose(gradient(0.25), 0.25 * whole, rtol=0.05, atol=1e-3)
    assert np.abs(whole).max() > 0 and (gradient(0.0) == 0.0).all()


def test_steps_that_are_unrolled_have_no_solve_that_fails():
    """They meet no tolerance: a weight of 0 would leave no gradient at all."""
    model = make(gradient=gradients.Unrolled(2))
    parts = {"operator": model.operator, "network": model.network, "unconverged_weight": 0.0}
    with pytest.raises(ValueError, match="`unconverged_weight` need a gradient at a fixed point"):
        models.DEGrad(**parts, gradient=gradients.Unrolled(2))
    weighed = models.DEGrad(**parts)
    with pytest.raises(
        ValueError, match="need a gradient at a fixed point. Received: gradient=Unrolled"
    ):
        weighed.gradient = gradients.Unrolled(2)


@pytest.mark.parametrize("part", ["operator", "network", "solver", "gradient"])
def test_bad_parts(part):
    parts = {"operator": operators.GaussianBlur(), "network": networks.DnCNN(2, 2), part: 3}
    with pytest.raises(ValueError, match=f"`{part}` must be .*Received: {part}=3"):
        models.DEGrad(**parts)


@pytest.mark.parametrize(
    "images", [np.ones((1, 12, 12, 3), np.uint8), np.ones((1, 12, 12, 3), int)]
)
def test_whole_numbers_are_refused(images):
    with pytest.raises(ValueError, match="`image` must be floating, .* divide 8-bit images by 255"):
        make().predict(images, verbose=0)


def test_bad_eta():
    with pytest.raises(ValueError, match="`eta` must be positive. Received: eta=0.0"):
        make(eta=0.0)


def test_bad_precondition():
    with pytest.raises(ValueError, match="`precondition` must be positive.* Received: .*=0"):
        models.DEGrad(operators.GaussianBlur(), networks.DnCNN(2, 1), precondition=0)


@pytest.mark.slow  # from then on TensorFlow keeps what every graph of the process became
def test_convolution_bias_and_relu_are_one_kernel_in_the_loop():
    """In the graph that runs, not in the one that was written."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    model = models.DEGrad(operators.GaussianBlur(3, 0.4), networks.DnCNN(5, 8, gain=0.1))
    context.enable_run_metadata()
    try:
        model.restore(pairs()[0])
        graphs = context.export_run_metadata().partition_graphs
    finally:
        context.disable_run_metadata()
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    nodes = [n for g in graphs for n in g.node]
    nodes += [n for g in graphs for f in g.library.function for n in f.node_def]
    # The second is oneDNN's, which TensorFlow chooses on CPUs with AVX-512 VNNI.
    fused = [n for n in nodes if n.op in ("_FusedConv2D", "_MklNativeFusedConv2D")]
    assert [list(n.attr["fused_ops"].list.s) for n in fused] == 3 * [[b"BiasAdd", b"Relu"]]


@pytest.mark.slow
def test_exact_gradient_equals_unrolling_and_finite_differences():
    """In float64, of a loss by every weight, on a map that contracts."""
    (blurred, sharp), tape_of = [p.astype(np.float64)[:2, :8, :8] for p in pairs()], {}
    exact = gradients.Implicit(solvers.GMRES(rtol=1e-12, max_evaluations=60), "raise")
    for name, estimator in {"exact": exact, "unrolled": gradients.Unrolled(30)}.items():
        keras.utils.set_random_seed(0)
        network = networks.DnCNN(3, 4, gain=0.1, dtype="float64")
        network.build((None, None, None, 3))
        model = models.DEGrad(
            operators.GaussianBlur(3, 0.4),
            Damped(network),
            solvers.Anderson(rtol=1e-13, max_evaluations=200),
            estimator,
            eta=0.9,
            dtype="float64",
        )
        model.build((None, None, None, 3))
        tape_of[name] = (
            model,
            tf.function(lambda m=model: _loss_and_gradients(m, blurred, sharp), autograph=False),
        )
    (model, program), (_, unrolled) = tape_of.values()
    weights, (_, slopes) = model.trainable_variables, program()
    largest = max(np.abs(slope).max() for slope in slopes)  # eta's is 0: x* does not depend on it
    for a, b in zip(slopes, unrolled()[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8 * largest)
    for weight, slope in zip(weights, slopes, strict=True):
        before, direction = weight.numpy(), np.random.default_rng(0).standard_normal(slope.shape)
        values = []
        for h in (1e-5, -1e-5):
            weight.assign(before + h * direction)
            values.append(float(program()[0]))
        weight.assign(before)
        difference = (values[0] - values[1]) / 2e-5
        assert np.vdot(slope, direction) == pytest.approx(difference, rel=1e-6, abs=1e-8)


def _loss_and_gradients(model, blurred, sharp):
    weights = [value(v) for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum((model(tf.constant(blurred)) - sharp) ** 2)
    return loss, tape.gradient(loss, weights)


def test_solves_of_known_examples_start_where_the_last_ended():
    blurred, sharp = pairs()
    inputs = {"image": blurred, "index": [3, 0, 2, 1]}
    examples = tf.data.Dataset.from_tensor_slices((inputs, sharp)).batch(2)

    def evaluations(warm_start, dataset):
        keras.utils.set_random_seed(0)
        network = networks.DnCNN(3, 4, gain=0.1)
        model = models.DEGrad(
            operators.GaussianBlur(3, 0.4), network, eta=0.5, warm_start=warm_start
        )
        model.build((None, None, None, 3))
        model.compile(keras.optimizers.Adam(1e-5))
        history = model.fit(dataset, epochs=3, verbose=0).history
        return history["evaluations"], model

    cold, _ = evaluations(0, examples.map(lambda d, x: (d["image"], x)))
    warm, model = evaluations(4, examples)
    predicted = model.predict(examples, verbose=0)
    np.testing.assert_allclose(predicted, model.restore(blurred).image, atol=1e-6)
    assert warm[0] == cold[0]
    assert warm[1] < 0.5 * cold[1] and warm[2] < 0.5 * cold[2]


def test_examples_are_named_exactly_where_they_are_remembered():
    model, (blurred, _) = make(), pairs()
    with pytest.raises(ValueError, match="`index` .* must be given in training"):
        remembering = make(compiled=False)
        remembering = models.DEGrad(remembering.operator, remembering.network, warm_start=4)
        remembering.compile()
        remembering.fit(*pairs(), verbose=0)
    with pytest.raises(ValueError, match="an index only where it has a `warm_start`"):
        model({"image": blurred, "index": tf.range(4)})


def test_normalisations_are_folded_again_only_for_new_weights():
    model, (blurred, _) = make(lipschitz=0.5), pairs()
    before = model.restore(blurred).image
    folded = model.folded()
    assert model.folded() is folded
    kernel = model.network.convs[0].kernel
    kernel.assign(0.1 * tf.convert_to_tensor(kernel))
    assert model.folded() is not folded
    after = model.restore(blurred).image
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(after, model.solved(blurred).image, atol=1e-5)


def test_a_bounded_network_of_float64_runs_in_a_graph_as_it_does_eagerly():
    network = networks.DnCNN(2, 2, lipschitz=0.5, dtype="float64")
    model = models.DEGrad(operators.GaussianBlur(3, 0.5), network, dtype="float64")
    model.compile("adam")
    image = np.random.default_rng(0).random((1, 8, 8, 1))
    predicted = model.predict(image, verbose=0)
    assert predicted.dtype == np.float64
    np.testing.assert_allclose(predicted, model(image), atol=1e-3)
