"""Measurements smaller than the image, and models under dtypes and policies of every kind."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import data, layers, models, networks, operators
from tf_jfb.models import baselines
from tf_jfb.solvers import Anderson

HALVE = operators.Downsample(2)
KINDS = [models.DEGrad, models.DEProx, models.DEHQS, models.DEADMM]


@pytest.fixture
def sharp():
    return tf.constant(data.dead_leaves(1, 16)[0][None])


def network(**options):
    keras.utils.set_random_seed(0)
    return networks.DnCNN(2, 4, gain=0.01, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_super_resolution_returns_the_large_image(kind, sharp):
    model, d = kind(HALVE, network()), HALVE(sharp)
    restored = model.restore(d, max_evaluations=30)
    assert restored.image.shape == sharp.shape
    np.testing.assert_allclose(HALVE(restored.image), d, atol=0.15)
    further = model.restore(d, start=restored.image, max_evaluations=1)
    assert further.image.shape == sharp.shape and np.isfinite(further.residual[0])
    with pytest.raises(ValueError, match="`start` must have the shape of the restored images"):
        model.restore(d, start=d)


def test_super_resolution_trains_from_small_images(sharp):
    model = models.DEHQS(HALVE, network())
    model.build((None, None, None, 3))
    model.compile("adam")
    batches = data.examples(data.dead_leaves(2, 16), HALVE, 0.01, batch_size=2, crop=16)
    d, _ = next(iter(batches))
    assert d.shape == (2, 8, 8, 3)
    model.fit(batches, steps_per_epoch=1, verbose=0)
    assert model.predict(d, verbose=0).shape == (2, 16, 16, 3)


def test_every_baseline_of_a_small_measurement_is_large(sharp):
    d = HALVE(sharp)
    for method in (baselines.tikhonov, baselines.wiener, baselines.tv):
        restored = method(d, HALVE, 1e-3)
        assert restored.shape == sharp.shape
        np.testing.assert_allclose(HALVE(restored), d, atol=0.05)


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def policy(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


@pytest.mark.parametrize("kind", KINDS[:3])
def test_under_a_mixed_policy_the_network_alone_is_rounded(kind, sharp, policy):
    model = kind(operators.GaussianBlur(3, 0.5), network())
    model.build((None, None, None, 3))
    model.compile("adam")
    model.fit(sharp, sharp, verbose=0)
    assert model.network.compute_dtype == policy[6:] and model(sharp).dtype == tf.float32
    scaled = isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")


def test_under_a_mixed_policy_a_fixed_point_is_not_rounded(policy):
    x, d = tf.zeros([1, 1]), tf.fill([1, 1], 0.501)  # half precision has no 0.501
    fixed = layers.FixedPoint(lambda x, d: 0.5 * x + d, Anderson(rtol=1e-6))(x, d)
    assert float(fixed[0, 0]) == pytest.approx(1.002, abs=1e-5)
    cell = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5))
    assert layers.FixedPoint(cell)(d).dtype == tf.float32 and cell.compute_dtype == policy[6:]


def test_float64_is_kept_on_saving(sharp, tmp_path):
    model = models.DEGrad(operators.GaussianBlur(3, 0.5), network(dtype="float64"), dtype="float64")
    before = model.restore(tf.cast(sharp, tf.float64)).image
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    after = loaded.restore(tf.cast(sharp, tf.float64)).image
    assert after.dtype == tf.float64
    np.testing.assert_allclose(after, before, rtol=1e-12)


def test_the_norm_of_an_operator_is_measured_only_for_a_preconditioner(sharp, monkeypatch):
    class Plain(operators.Operator):
        def apply(self, x):
            return 0.5 * x

        apply_adjoint = apply

    def norm(self, *size):
        raise AssertionError("measured")

    monkeypatch.setattr(operators.Operator, "norm_bound", norm)
    assert models.DEGrad(Plain(), network()).restore(sharp).image.shape == sharp.shape
    with pytest.raises(AssertionError, match="measured"):
        models.DEGrad(Plain(), network(), precondition=0.1).restore(sharp)
