"""A start of a solve by evaluations at noise levels that fall."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import Status, gradients, models, networks, operators, solvers
from tf_jfb.models.de_hqs import FIRST_LEVEL

NOISE = 0.03
KERNEL = np.array([[0.0, 0.1, 0.0], [0.1, 0.6, 0.1], [0.1, 0.0, 0.0]], np.float32)
IMAGES = np.random.default_rng(0).random((3, 8, 8, 3)).astype(np.float32)
INPUTS = {
    "image": tf.constant(IMAGES),
    "kernel": tf.constant(np.stack([KERNEL] * 3)),
    "noise": tf.fill([3], NOISE),
}
MOST = 3  # evaluations of the start


@pytest.fixture(scope="module")
def model():
    network = networks.UNet((2, 4), blocks=1, gain=0.05)
    solver = solvers.Anderson(rtol=1e-5, max_evaluations=90)
    made = models.DEHQS(None, network, solver=solver, continuation=MOST)
    made.build((None, None, None, 3))
    return made


@pytest.fixture(scope="module")
def by_caps(model):
    """The solution for caps of their own, of a batch."""
    solved = tf.function(lambda caps: model.solved(INPUTS, max_evaluations=caps), autograph=False)
    return lambda *caps: solved(tf.constant(caps))


def expected_start(model, count):
    """`count` evaluations of T from its start, the level falling."""
    operator, network = operators.BlurFFT(KERNEL), model.network.frozen(training=False)
    scale, exponent = np.exp(model._rho._weight[0]), model._rho._weight[1]
    rho = scale * (NOISE / 0.01) ** exponent
    scale, exponent = np.exp(model._level._weight[0]), model._level._weight[1]
    level = float(scale * (NOISE / 0.01) ** exponent)
    step, prepared = operator.prox_map(INPUTS["image"], tf.fill([3], float(rho)))
    x = step(operator.adjoint(INPUTS["image"]), *prepared)
    for i in range(count):
        now = FIRST_LEVEL * (level / FIRST_LEVEL) ** (i / count)
        told = tf.fill([3], float(rho * (level / now) ** 2))
        step, prepared = operator.prox_map(INPUTS["image"], told)
        x = model.network.denoised(network, step(x, *prepared), tf.fill([3], float(now)))
    return x


def test_an_image_starts_at_its_levels_and_takes_no_more_than_its_cap(model, by_caps):
    s = by_caps(2, MOST + 1, 1)
    np.testing.assert_array_equal(s.evaluations, [2, MOST + 1, 1])
    assert set(s.status.numpy()) == {Status.CAP}
    for i, count in enumerate((1, MOST, 0)):  # the last evaluation judges the start
        start = expected_start(model, count)[i]
        np.testing.assert_allclose(s.x[i], start, atol=2e-6)


def test_no_image_depends_on_the_cap_of_another(by_caps):
    together, alike = by_caps(2, 90, 90), by_caps(90, 90, 90)
    np.testing.assert_allclose(together.x[1:], alike.x[1:], atol=1e-6)
    np.testing.assert_array_equal(together.evaluations[1:], alike.evaluations[1:])


def test_the_fixed_point_is_the_same_and_what_the_start_took_counts(model, by_caps):
    s = by_caps(90, 90, 90)
    assert set(s.status.numpy()) == {Status.CONVERGED} and s.evaluations.numpy().min() > MOST
    plain = model.restore(IMAGES, kernel=KERNEL, noise=NOISE, start=IMAGES, trace=True)
    np.testing.assert_allclose(s.x, plain.image, atol=5e-4)
    assert np.isfinite(plain.trace[:, 0]).all()  # from a start that is given at once
    traced = model.restore(IMAGES, kernel=KERNEL, noise=NOISE, trace=True)
    np.testing.assert_array_equal(traced.evaluations, s.evaluations)
    for row, count, residual in zip(
        traced.trace.numpy(), traced.evaluations.numpy(), traced.residual.numpy(), strict=True
    ):
        assert np.isnan(row[:MOST]).all() and np.isnan(row[count:]).all()
        assert np.isfinite(row[MOST:count]).all() and row[count - 1] == residual


def test_in_training_the_start_is_within_the_cap(model):
    twin = models.DEHQS.from_config(model.get_config())
    assert twin.options["continuation"] == MOST
    twin.solver = solvers.Anderson(rtol=0.0, max_evaluations=MOST + 2)
    twin.compile("sgd")
    history = twin.fit(INPUTS, IMAGES, batch_size=3, verbose=0).history
    assert history["evaluations"] == [MOST + 2] and np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    "network, options",
    [
        (networks.DnCNN(2, 2), {"continuation": 2}),
        (networks.UNet((2, 4), blocks=1), {"continuation": 2, "warm_start": 4}),
        (networks.UNet((2, 4), blocks=1), {"continuation": -1}),
        (networks.UNet((2, 4), blocks=1), {"continuation": 1.5}),
    ],
)
def test_what_cannot_be_continued_is_refused(network, options):
    with pytest.raises(ValueError, match="`continuation`"):
        models.DEHQS(None, network, **options)


def test_nor_is_it_given_such_a_gradient_later(model):
    before = model.gradient
    with pytest.raises(ValueError, match="`continuation` needs .* a gradient at a fixed point"):
        model.gradient = gradients.Unrolled(3)
    assert model.gradient is before


@pytest.mark.parametrize("cap, evaluated", [(1, 0), (3, 2), (50, MOST), ([1, 3, 2], 2)])
def test_no_more_is_evaluated_than_the_caps_ask_for(model, monkeypatch, cap, evaluated):
    levels, denoise = [], type(model).denoise

    def counted(self, network, x, level, observe):
        levels.append(float(level[0]))
        return denoise(self, network, x, level, observe)

    monkeypatch.setattr(type(model), "denoise", counted)
    model.problem(INPUTS, cap=cap)
    assert len(levels) == evaluated
    assert levels == sorted(levels, reverse=True) and all(level > 0 for level in levels)
