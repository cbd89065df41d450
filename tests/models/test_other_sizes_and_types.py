"""Measurements smaller than the image, and models under dtypes and policies of every kind."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import data, layers, models, networks, operators
from tf_jfb.models import baselines

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


@pytest.mark.parametrize("kind", KINDS[:3])
def test_under_a_mixed_policy_the_network_alone_is_rounded(kind, sharp):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = kind(operators.GaussianBlur(3, 0.5), network())
        layer = layers.FixedPoint(lambda x, d: 0.5 * x + d)
        fixed = layer(tf.zeros([1, 1]), tf.fill([1, 1], 0.501))  # bfloat16 has no 0.501
        assert float(fixed[0, 0]) == pytest.approx(1.002, abs=2e-3)
        model.compile("adam")
        model.fit(sharp, sharp, verbose=0)
        assert model.network.compute_dtype == "bfloat16" and model(sharp).dtype == tf.float32
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_float64_is_kept_on_saving(sharp, tmp_path):
    model = models.DEGrad(operators.GaussianBlur(3, 0.5), network(dtype="float64"), dtype="float64")
    before = model.restore(tf.cast(sharp, tf.float64)).image
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    after = loaded.restore(tf.cast(sharp, tf.float64)).image
    assert after.dtype == tf.float64
    np.testing.assert_allclose(after, before, rtol=1e-12)
