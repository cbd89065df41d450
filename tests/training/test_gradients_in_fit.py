"""Every estimator inside `model.fit`: plain, XLA, mixed precision, two replicas; the audit."""

import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import gradients, models, networks, operators, solvers
from tf_jfb.training import AuditGradient, Config, callbacks, train
from tf_jfb.training.build import build_model

NAMES = ["jfb", "neumann:2", "phantom:3:0.5", "implicit", "unrolled:4"]
FIRST = [n if n == "jfb" else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
RECOMPUTED = gradients.Unrolled(4, recompute=True)


def make(gradient, dtype="float32"):
    keras.utils.set_random_seed(0)
    model = models.DEGrad(
        operators.GaussianBlur(3, 0.4),
        networks.DnCNN(3, 4, gain=0.1, dtype=dtype),
        solvers.Anderson(m=3, rtol=1e-4, max_evaluations=40),
        gradient,
        eta=0.5,
    )
    model.build((None, None, None, 3))
    return model


def images():
    sharp = np.random.default_rng(0).random((4, 12, 12, 3)).astype(np.float32)
    return operators.GaussianBlur(3, 0.4)(sharp).numpy(), sharp


def fit(model, jit_compile=False):
    model.compile(keras.optimizers.SGD(0.1), jit_compile=jit_compile)
    history = model.fit(*images(), batch_size=4, epochs=2, verbose=0, shuffle=False).history
    return history, model.get_weights()


@functools.cache
def fitted(name):
    """(history, weights) of a plain training."""
    return fit(make(gradients.named(name)))


@pytest.mark.parametrize(
    "name",
    [n if n == "jfb" else pytest.param(n, marks=pytest.mark.slow) for n in NAMES],
)
def test_plain_and_compiled_agree(name):
    history, plain = fitted(name)
    _, compiled = fit(make(gradients.named(name)), True)
    assert history["loss"][1] < history["loss"][0]
    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    if name == "implicit":
        assert history["adjoint_converged"] == [1.0, 1.0]
        assert 0 < history["adjoint_residual"][0] <= 1e-4
        assert history["adjoint_evaluations"][0] > 1
    if name.startswith("unrolled"):
        assert history["evaluations"] == [5.0, 5.0]


@pytest.mark.parametrize("name", ["jfb", "phantom:2:0.5", "implicit"])
def test_mixed_precision(name):
    history, _ = fit(make(gradients.named(name), "mixed_bfloat16"))
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.slow
def test_recomputation_changes_nothing():
    (_, plain), (_, recomputed) = fitted("unrolled:4"), fit(make(RECOMPUTED))
    for a, b in zip(plain, recomputed, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_an_unrolled_twin_restores_as_it_was_trained():
    model = build_model(
        Config(blur="gaussian:3:0.4", depth=3, channels=4, gain=0.1, gradient="unrolled:4")
    )
    blurred, _ = images()
    restored = model.restore(blurred)
    np.testing.assert_allclose(restored.image, model(blurred), atol=1e-5)
    assert set(restored.evaluations.numpy()) == {5}
    assert np.abs(restored.image - blurred).max() > 0.01


@pytest.mark.slow
def test_audit_callback(tmp_path, capsys):
    model = make(gradients.JFB())
    model.compile()
    audit = AuditGradient(tuple(part[:1] for part in images()), tmp_path, max_evaluations=60)
    logs = model.fit(*images(), epochs=1, verbose=0, callbacks=[audit]).history
    assert {"audit_radius", "audit_contraction", "audit_cosine_jfb"} <= set(logs)
    assert "Gradient audit: " in capsys.readouterr().out
    assert list(tmp_path.glob("events*"))


def test_the_weights_that_are_validated_are_audited(monkeypatch, capsys):
    """Averages are in the model only until the validation ends."""
    weights = {"now": "raw"}
    report = types.SimpleNamespace(spectral_radius=np.ones(1), contraction=np.ones(1), cosine={})

    def auditor(model):
        return lambda batch: types.SimpleNamespace(**vars(report), advice=weights["now"])

    monkeypatch.setattr(callbacks, "auditor", auditor)
    audit = AuditGradient(batch=None)
    audit.set_model(None)
    weights["now"] = "averages"
    audit.on_test_end()
    weights["now"] = "raw"
    logs = {}
    audit.on_epoch_end(0, logs)
    audit.on_epoch_end(1, logs)  # without validation
    assert capsys.readouterr().out.split("\n")[1::2] == [
        "Gradient audit: averages",
        "Gradient audit: raw",
    ]
    assert logs == {"audit_radius": 1.0, "audit_contraction": 1.0}


@pytest.mark.slow
def test_training_with_audit_logs_it(tmp_path, no_figures):
    config = Config(
        crop=12, size=16, depth=3, channels=4, gain=0.05, eta=0.5, epochs=1, steps=1,
        batch_size=2, validation=2, audit=1, m=3,
    )  # fmt: skip
    train(config, tmp_path, verbose=0)
    header, row = (tmp_path / "log.csv").read_text().splitlines()
    logged = dict(zip(header.split(","), map(float, row.split(",")), strict=True))
    assert -1.0 <= logged["audit_cosine_jfb"] <= 1.0 and logged["audit_radius"] > 0
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "jfb" else pytest.mark.slow) for n in NAMES],
)
def test_two_replicas_equal_one_device(name, two_cpus):
    """The same global batch, so the same weights, on whatever device."""
    logs, alone = fitted(name)
    strategy = tf.distribute.MirroredStrategy(two_cpus)
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        logs_of_two, two = fit(make(gradients.named(name)))
    for a, b in zip(alone, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for metric, values in logs.items():
        np.testing.assert_allclose(logs_of_two[metric], values, rtol=1e-3, atol=1e-6)
