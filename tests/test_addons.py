"""Beside tensorflow-addons, where it is installed: `make test-addons`."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.networks import SpectralConv2D
from tf_jfb.operators import GaussianBlur
from tf_jfb.training import Config, train

tfa = pytest.importorskip("tensorflow_addons", reason="tensorflow-addons needs TensorFlow 2.15")


@pytest.mark.parametrize("size, std", [(3, 0.8), (5, 5.0), (9, 2.0)])
def test_gaussian_blur_is_that_of_addons(size, std):
    x = tf.constant(np.random.default_rng(0).random((2, 17, 20, 3), np.float32))
    theirs = tfa.image.gaussian_filter2d(x, size, std, padding="CONSTANT")
    np.testing.assert_allclose(GaussianBlur(size, std)(x), theirs, atol=1e-6)


def normalised(kernel):
    """A kernel as addons' wrapper leaves it."""
    size = kernel.shape[0]
    conv = tf.keras.layers.Conv2D(kernel.shape[3], size, padding="same", use_bias=False)
    wrapper = tfa.layers.SpectralNormalization(conv, power_iterations=50)
    wrapper.build((None, 8, 8, kernel.shape[2]))
    conv.kernel.assign(kernel)
    wrapper.normalize_weights()
    return conv.kernel.numpy()


def bounded(kernel):
    """The same kernel as our layer bounds it."""
    conv = SpectralConv2D(kernel.shape[3], kernel.shape[0], lipschitz=1.0, use_bias=False)
    conv.build((None, None, None, kernel.shape[2]))
    conv.kernel.assign(kernel)
    return conv.fold().kernel.numpy()


def test_normalisation_of_a_pointwise_kernel_is_that_of_addons():
    """There the operator's norm is the matrix'; addons scale to 1 also what is below."""
    kernel = np.random.default_rng(0).standard_normal((1, 1, 6, 5)).astype(np.float32)
    np.testing.assert_allclose(bounded(kernel), normalised(kernel), rtol=1e-3, atol=1e-5)
    small = 0.1 * kernel / np.linalg.norm(kernel[0, 0], 2)
    np.testing.assert_allclose(bounded(small), small, rtol=1e-5)
    np.testing.assert_allclose(normalised(small), 10 * small, rtol=1e-3)


def test_addons_leave_a_box_three_times_as_long():
    """Their bound is on the reshaped kernel, ours on the convolution: traps of the 3x3 box."""
    box = np.ones((3, 3, 1, 1), np.float32)
    x = tf.ones([1, 64, 64, 1])
    longer = {
        name: float(tf.norm(tf.nn.conv2d(x, make(box), 1, "SAME")) / tf.norm(x))
        for name, make in (("theirs", normalised), ("ours", bounded))
    }
    assert longer["theirs"] > 2.9 and longer["ours"] <= 1.0


def test_training_shows_the_progress_bar_of_addons(tmp_path, capsys):
    tiny = {"crop": 16, "size": 16, "depth": 3, "channels": 4, "gain": 0.05, "validation": 2}
    config = Config(**tiny, max_evaluations=5, batch_size=2, epochs=1, steps=2)
    train(config, tmp_path, verbose=0, callbacks=[tfa.callbacks.TQDMProgressBar()])
    shown = capsys.readouterr()
    assert "Training" in shown.out + shown.err
