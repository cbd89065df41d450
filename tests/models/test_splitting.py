"""DE-PROX, DE-HQS and DE-ADMM: what their fixed points satisfy, and blurs that come along."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import gradients, models, networks, operators, solvers
from tf_jfb._compat import value as value_of

MODELS = (models.DEProx, models.DEHQS, models.DEADMM)
EACH = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)


def tried(*kinds):
    """Of the models those `kinds`; the others, which share what is tested, only where slow."""
    marks = {kind: () if kind in kinds else pytest.mark.slow for kind in MODELS}
    cases = [pytest.param(kind, marks=mark, id=kind.__name__) for kind, mark in marks.items()]
    return pytest.mark.parametrize("kind", cases)


FIXED = operators.GaussianBlur(3, 0.4)


def images(count=3, side=12, seed=0):
    rng = np.random.default_rng(seed)
    return 0.25 + 0.5 * rng.random((count, side, side, 3)).astype(np.float32)


def make(kind, operator=FIXED, network=None, **options):
    keras.utils.set_random_seed(0)
    network = network or networks.DnCNN(2, 4, lipschitz=1.0, gain=0.05)
    solver = solvers.Anderson(rtol=1e-5, max_evaluations=200)
    model = kind(operator, network, solver=solver, **options)
    model.build((None, None, None, 3))  # else every step would be traced twice
    return model


def kernels(count=3):
    rng = np.random.default_rng(1)
    array = rng.random((count, 3, 3)).astype(np.float32)
    array[:, 1, 1] += 5.0  # far from blind, so that solves are short
    return array / array.sum((1, 2), keepdims=True)


def universal(kind, **options):
    return make(kind, None, networks.UNet((4, 6), blocks=1, gain=1e-3), **options)


def told(model, blurred, noise):
    return {"image": blurred, "kernel": kernels(len(blurred)), "noise": noise}


@pytest.mark.parametrize("kind", MODELS[:2], ids=lambda kind: kind.__name__)
def test_the_restored_image_satisfies_the_models_equation(kind):
    model, d = make(kind), FIXED(images())
    x = model.restore(d).image
    if kind is models.DEProx:
        z = x - model.options["eta"] * FIXED.adjoint(FIXED(x) - d)
    else:
        z = x + FIXED.inverse(FIXED.adjoint(d - FIXED(x)), 0.25)
    np.testing.assert_allclose(x, z - model.network.frozen()(z), atol=1e-4)


def test_admm_ends_where_the_data_step_and_the_denoiser_agree():
    model, d = make(models.DEADMM), FIXED(images())
    restored = model.restore(d).image

    @tf.function(autograph=False)
    def program():
        problem = model.problem(d)
        x0, T = problem.x0, problem.at
        return solvers.solve(T, x0, model.solver).x

    z, u = tf.split(program(), 2, -1)
    np.testing.assert_allclose(z, restored, atol=1e-4)
    prox = (z - u) + FIXED.inverse(FIXED.adjoint(d - FIXED(z - u)), 0.25)
    np.testing.assert_allclose(prox, z, atol=1e-4)


def test_the_data_step_is_the_closed_form_for_circular_blur():
    blur, z, d = operators.BlurFFT(kernels(1)[0]), images(2, seed=2), images(2, seed=3)
    rho = tf.constant([0.1, 2.0])
    step, inputs = blur.prox_map(tf.constant(d), rho)
    x = step(tf.constant(z), *inputs)
    weight = tf.reshape(rho, [2, 1, 1, 1])
    gradient = blur.adjoint(blur(x) - d) + weight * (x - z)
    np.testing.assert_allclose(gradient, np.zeros_like(z), atol=1e-5)


@tried(models.DEHQS)
def test_fit_predict_evaluate_and_save(kind, tmp_path):
    model, sharp = make(kind), images(4)
    d = FIXED(sharp).numpy()
    model.compile(keras.optimizers.Adam(1e-3))
    before = [w.copy() for w in model.get_weights()]
    history = model.fit(d, sharp, batch_size=2, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and history["converged"][-1] == 1.0
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.mean(moved) > 0.5
    np.testing.assert_allclose(model.predict(d, verbose=0), model.restore(d).image, atol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.restore(d).image, model.restore(d).image, atol=1e-6)


@tried(models.DEADMM)
@pytest.mark.slow
def test_the_exact_gradient_is_that_of_finite_differences(kind):
    network = networks.DnCNN(2, 3, gain=0.01, dtype="float64")
    solver = solvers.Anderson(rtol=1e-13, max_evaluations=300)
    exact = gradients.Implicit(solvers.GMRES(rtol=1e-10, max_evaluations=300), "raise")
    model = kind(FIXED, network, solver=solver, gradient=exact, dtype="float64")
    d = tf.cast(FIXED(images(2, 8)), tf.float64)
    weights = model.trainable_variables

    @tf.function(autograph=False)
    def loss_and_slopes():
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(d, training=True) ** 2)
        return value, tape.gradient(value, [value_of(w) for w in weights])

    gradient = loss_and_slopes()[1]
    for weight, slope in zip(weights[:3], gradient[:3], strict=True):
        direction = np.random.default_rng(4).standard_normal(weight.shape)
        start, h = weight.numpy(), 1e-5
        ends = []
        for sign in (1, -1):
            weight.assign(start + sign * h * direction)
            ends.append(float(loss_and_slopes()[0]))
        weight.assign(start)
        expected = (ends[0] - ends[1]) / (2 * h)
        assert np.sum(slope * direction) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@EACH
def test_blur_and_noise_may_come_with_every_image(kind):
    model, sharp = universal(kind), images()
    d = operators.BlurEach(tf.constant(kernels()))(sharp).numpy()
    noise = np.array([0.003, 0.01, 0.03], np.float32)
    together = model.restore(d, kernel=kernels(), noise=noise)
    assert np.all(together.status == 0)
    for i in range(3):  # no result depends on the batch
        alone = model.restore(d[i : i + 1], kernel=kernels()[i], noise=noise[i])
        np.testing.assert_allclose(alone.image[0], together.image[i], atol=2e-5)
    brighter = model.restore(d, kernel=5 * kernels(), noise=noise)  # its sum does not matter
    np.testing.assert_allclose(brighter.image, together.image, atol=2e-5)
    other = model.restore(d, kernel=kernels()[::-1].copy(), noise=noise)
    assert np.abs(other.image - together.image).max() > 1e-2


@tried(models.DEHQS)
def test_photographs_are_restored_as_frames_of_a_scene(kind):
    """A weak blur of a scene is undone up to the edge of the photograph; wrapping spoils that."""
    model, scene = universal(kind), images(2, side=18)
    kernel = np.array([[0, 0.1, 0], [0.1, 0.6, 0.1], [0, 0.1, 0]], np.float32)
    sharp = scene[:, 3:-3, 3:-3]
    d = operators.Blur(kernel)(scene)[:, 3:-3, 3:-3]
    options = {"kernel": kernel, "noise": 0.001, "rtol": 1e-4}
    photo, wrapped = (model.restore(d, boundary=b, **options) for b in ("photo", "circular"))
    assert photo.image.shape == sharp.shape and np.all(photo.status == 0)
    errors = [float(np.abs(r.image[:, 0] - sharp[:, 0]).mean()) for r in (photo, wrapped)]
    assert errors[0] < 0.8 * errors[1]
    again = model.restore(d, boundary="photo", start=photo.image, **options)
    assert np.all(again.evaluations <= photo.evaluations)
    alone = model.restore(d[1:], boundary="photo", **options)
    np.testing.assert_allclose(alone.image[0], photo.image[1], atol=2e-5)


@tried(models.DEHQS)
def test_a_universal_model_trains_and_predicts_from_dicts(kind):
    model, sharp = universal(kind), images(4)
    inputs = told(model, sharp, np.full(4, 0.01, np.float32))
    data = tf.data.Dataset.from_tensor_slices((inputs, sharp)).batch(2)
    model.compile(keras.optimizers.Adam(1e-3))
    losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(data, verbose=0).shape == sharp.shape
    assert np.isfinite(model.evaluate(data, verbose=0)).all()


@tried(models.DEHQS)
@pytest.mark.slow
def test_a_model_of_photographs_learns_from_frames(kind):
    """What it returns has their shape, and is what `photo` gives of any model."""
    model, scene = universal(kind, boundary="photo"), images(4, side=18)
    # Untrained, it does not contract beyond the frame.
    model.solver, sharp = solvers.Anderson(rtol=1e-2), scene[:, 3:-3, 3:-3]
    d = operators.BlurEach(tf.constant(kernels(4)))(scene)[:, 3:-3, 3:-3]
    inputs = told(model, d, np.full(4, 0.01, np.float32))
    options = {"kernel": inputs["kernel"], "noise": inputs["noise"]}
    model.build(sharp.shape)
    untold = universal(kind)
    untold.build(sharp.shape)
    untold.set_weights(model.get_weights())
    photo = untold.restore(d, boundary="photo", rtol=1e-2, max_evaluations=50, **options).image
    np.testing.assert_allclose(model.restore(d, **options).image, photo)
    few = options | {"max_evaluations": 3}
    wrapped = [m.restore(d, boundary="circular", **few).image for m in (model, untold)]
    np.testing.assert_allclose(*wrapped)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), photo, atol=2e-5)
    model.compile(keras.optimizers.Adam(1e-6))
    loss = model.fit(inputs, sharp, batch_size=4, verbose=0).history["loss"][0]
    assert loss == pytest.approx(float(np.mean((photo - sharp) ** 2)), rel=0.02)
    moved = zip(model.trainable_variables, untold.trainable_variables, strict=True)
    assert any(np.abs(a.numpy() - b.numpy()).max() > 1e-7 for a, b in moved)
    assert kind.from_config(model.get_config()).boundary == "photo"


def test_what_the_model_takes_is_checked():
    d, fixed, free = images(), make(models.DEHQS), universal(models.DEHQS)
    with pytest.raises(ValueError, match="`kernel` must be left out"):
        fixed.restore(d, kernel=kernels()[0])
    with pytest.raises(ValueError, match="`boundary` must be left out"):
        fixed.restore(d, boundary="photo")
    with pytest.raises(ValueError, match="`boundary` must be left out"):
        make(models.DEHQS, boundary="photo")
    with pytest.raises(ValueError, match="`noise` must be given"):
        free.restore(d, kernel=kernels()[0])
    with pytest.raises(ValueError, match="one for every image"):
        free.restore(d, kernel=kernels(2), noise=0.01)
    with pytest.raises(ValueError, match="`noise` must lie in"):
        free.restore(d, kernel=kernels()[0], noise=2.55)
    for boundary in ("photo", "circular"):
        with pytest.raises(ValueError, match="The kernel must not be larger than the image"):
            free.restore(d, kernel=np.ones((3, 199)), noise=0.01, boundary=boundary)
    with pytest.raises(ValueError, match="The model takes a dict of image, kernel, noise"):
        free(d)
    with pytest.raises(ValueError, match="must not be conditional"):
        models.DEGrad(FIXED, networks.UNet((4,), 1))
    for option in ("rho", "level"):
        with pytest.raises(ValueError, match=f"`{option}` must be positive"):
            make(models.DEHQS, **{option: 0.0})
    with pytest.raises(ValueError, match="`eta` must be positive"):
        make(models.DEProx, eta=-1.0)
