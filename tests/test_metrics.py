"""PSNR and SSIM against scikit-image, and as Keras metrics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb._compat import KERAS_3
from tf_jfb.metrics import PSNR, SSIM, fidelity, psnr, ssim

reference = pytest.importorskip("skimage.metrics")


def pair(dtype=np.float32, top=1.0, size=24):
    rng = np.random.default_rng(0)
    x = rng.random((3, size, size, 3))
    y = np.clip(
        x + np.array([0.02, 0.1, 0.3])[:, None, None, None] * rng.standard_normal(x.shape), 0.0, 1.0
    )
    return (top * x).astype(dtype), (top * y).astype(dtype)


@pytest.mark.parametrize("top", [1.0, 2.0, 255.0])
def test_psnr_as_scikit_image(top):
    x, y = pair(top=top)
    expected = [
        reference.peak_signal_noise_ratio(a, b, data_range=top) for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(psnr(x, y, top), expected, rtol=1e-4)


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_ssim_as_scikit_image(top):
    x, y = pair(top=top, size=32)
    options = {"data_range": top, "gaussian_weights": True, "sigma": 1.5}
    options["use_sample_covariance"] = False
    # Its mean is over the image less the window's margin, ours over whole windows: the same.
    expected = [
        reference.structural_similarity(a, b, channel_axis=-1, **options)
        for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y, top), expected, atol=2e-4)


def test_identical_images():
    x, _ = pair()
    assert np.all(np.isinf(psnr(x, x)))
    np.testing.assert_allclose(ssim(x, x), 1.0, atol=1e-6)


def test_small_errors_of_images_of_16_bits():
    x = np.full((1, 12, 12, 1), 0.25, np.float16)
    y = x + np.float16(2**-12)
    assert float(psnr(x, y)[0]) == pytest.approx(240 * np.log10(2), rel=1e-4)
    assert psnr(x, y).dtype == tf.float32 and float(ssim(x, y)[0]) > 0.99


@pytest.mark.parametrize(
    "function, x, y, message",
    [
        (psnr, np.zeros((8, 8, 3)), np.zeros((8, 8, 3)), "batch of images.*Received: rank=3"),
        (psnr, np.zeros((1, 8, 8, 3), int), np.zeros((1, 8, 8, 3), int), "floating dtype"),
        (psnr, np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3)), "`x` .* floating dtype"),
        (psnr, np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8, 3), np.uint8), "`y` .* floating dtype"),
        (psnr, np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 9, 3)), "same shape"),
        (ssim, np.zeros((1, 10, 16, 3)), np.zeros((1, 10, 16, 3)), "at least 11 x 11"),
    ],
)
def test_refused_images(function, x, y, message):
    with pytest.raises(ValueError, match=message):
        function(x, y)


@pytest.mark.parametrize("metric, function, name", [(PSNR, psnr, "psnr"), (SSIM, ssim, "ssim")])
def test_metric_is_the_mean_over_images(metric, function, name):
    x, y = pair()
    m = metric()
    m.update_state(x[:2], y[:2])  # unequal batches: a mean of batch means would differ
    m.update_state(x[2:], y[2:])
    assert m.name == name
    assert float(m.result()) == pytest.approx(float(np.mean(function(x, y))), rel=1e-5)
    m.reset_state()
    m.update_state(x, y, sample_weight=np.array([0.0, 1.0, 0.0]))
    assert float(m.result()) == pytest.approx(float(function(x, y)[1]), rel=1e-5)


@pytest.mark.parametrize("metric", [PSNR, SSIM])
def test_metric_config_round_trip(metric):
    config = keras.saving.serialize_keras_object(metric(max_value=2.0, name="two"))
    copy = keras.saving.deserialize_keras_object(config)
    assert (type(copy), copy.max_value, copy.name) == (metric, 2.0, "two")


@pytest.mark.parametrize("scale, shift", [(255.0, 0.0), (2.0, -1.0), (np.nan, 0.0)])
def test_metric_refuses_another_range_in_eager_mode(scale, shift):
    x, y = pair()
    with pytest.raises(ValueError, match=r"must lie in \[0, 1.0\].*Received: min="):
        PSNR().update_state(scale * x + shift, y)


def test_metric_range_check_leaves_no_trace_in_a_graph():
    x, y = pair()
    graph = tf.function(lambda a, b: psnr(a, b), autograph=False).get_concrete_function(x, y).graph
    m = PSNR()

    @tf.function(autograph=False)
    def update(a, b):
        m.update_state(a, b)

    traced = update.get_concrete_function(x, y).graph
    kinds = {op.type for op in traced.get_operations()}
    assert not kinds & {"Assert", "Min", "Max", "If", "StatelessIf"}
    assert {op.type for op in graph.get_operations()} >= {"Mean", "Log"}


@pytest.mark.parametrize("max_value", [0, -1.0, float("inf"), "1"])
def test_metric_refuses_a_bad_max_value(max_value):
    with pytest.raises(ValueError, match="`max_value` must be positive. Received: max_value="):
        PSNR(max_value=max_value)


def test_images_below_the_window_have_a_psnr_alone():
    small, large = np.full((10, 30, 3), 0.5, np.float32), np.full((11, 30, 3), 0.5, np.float32)
    assert fidelity(small, small + 0.1) == {"psnr": pytest.approx(20, abs=1e-4)}
    assert set(fidelity(large, large + 0.1)) == {"psnr", "ssim"}


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 goes by the name")
def test_callbacks_learn_that_more_is_better():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse", metrics=[PSNR(), SSIM()])
    model.build((None, 12, 12, 1))
    images = np.full((1, 12, 12, 1), 0.5, np.float32)
    stop = keras.callbacks.EarlyStopping("val_psnr")
    model.fit(images, images, validation_data=(images, images), callbacks=[stop], verbose=0)
    assert stop.monitor_op is np.greater or stop.monitor_op(2.0, 1.0)
