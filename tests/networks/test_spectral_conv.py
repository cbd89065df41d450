"""The bound on the convolution operator, measured with the convolution and its transpose."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb._compat import value
from tf_jfb.networks import SpectralConv2D

SIZES = (5, 16, 33)


def operator_norm(kernel, size, iterations=150):
    """Power iteration with conv2d and its transpose on one size x size image."""
    shape = [1, size, size, kernel.shape[2]]
    x = tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)
    for _ in range(iterations):
        x = x / tf.norm(x)
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
        x = tf.nn.conv2d_transpose(y, kernel, shape, 1, "SAME")
    return float(tf.norm(tf.nn.conv2d(x / tf.norm(x), kernel, 1, "SAME")))


def built(kernel=None, channels=3, **options):
    layer = SpectralConv2D(**{"filters": 4, **options})
    layer.build((None, None, None, channels))
    if kernel is not None:
        layer.kernel.assign(kernel)
    return layer


def batch(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("c", [0.5, 1.0])
def test_norm_is_close_to_and_below_the_bound(c, batch_norm):
    layer = built(5.0 * batch(3, 3, 3, 4), lipschitz=c, batch_norm=batch_norm)
    for seed in range(3):
        layer(batch(2, 8, 8, 3, seed=seed), training=True)
    kernel = layer.fold().kernel
    norms = [operator_norm(kernel, size) for size in SIZES]
    assert max(norms) <= c * (1 + 1e-3)
    assert norms[-1] >= 0.9 * c


def test_small_kernels_are_not_scaled_up():
    kernel = 1e-3 * batch(3, 3, 3, 4)
    layer = built(kernel, lipschitz=1.0)
    np.testing.assert_array_equal(layer.fold().kernel, kernel)


def test_without_a_bound_the_kernel_is_used_as_it_is():
    kernel = 10.0 * batch(3, 3, 3, 4)
    np.testing.assert_array_equal(built(kernel, lipschitz=None).fold().kernel, kernel)


def test_box_kernel_whose_matrix_norm_misses_its_operator_norm():
    """Reshaped to a matrix and scaled to norm 1, the 3x3 box still amplifies almost threefold."""
    box = np.ones((3, 3, 1, 1), np.float32) / 3.0
    assert np.linalg.norm(box.reshape(-1, 1), 2) == pytest.approx(1.0)
    assert operator_norm(tf.constant(box), 64) == pytest.approx(2.99, abs=0.02)
    folded = built(box, channels=1, filters=1, lipschitz=1.0).fold().kernel
    assert 0.97 <= operator_norm(folded, 64) <= 1.0 + 1e-3


def test_in_training_the_bound_holds_after_a_jump_of_the_kernel():
    layer = built(batch(3, 3, 3, 4), lipschitz=1.0)
    layer.fold(training=True)
    value(layer.kernel).assign(3.0 * batch(3, 3, 3, 4, seed=7))
    assert operator_norm(layer.fold(training=True).kernel, 33) <= 1.02


def test_even_kernels_obey_the_bound():
    layer = built(batch(4, 4, 3, 4), kernel_size=4, lipschitz=1.0)
    assert 0.85 <= operator_norm(layer.fold().kernel, 33) <= 1.0 + 1e-3


def with_statistics(**options):
    layer = built(batch(3, 3, 3, 4), batch_norm=True, **options)
    for name, low in (("gamma", 0.5), ("beta", -0.5), ("moving_mean", 0.0)):
        getattr(layer, name).assign(np.linspace(low, 1.0, 4))
    layer.moving_variance.assign(np.linspace(0.5, 2.0, 4))
    return layer


def test_folded_output_is_convolution_then_normalisation():
    layer, x = with_statistics(lipschitz=None), batch(2, 6, 7, 3)
    raw = tf.nn.conv2d(x, value(layer.kernel), 1, "SAME")
    expected = tf.nn.batch_normalization(
        raw,
        *(value(layer.moving_mean), value(layer.moving_variance)),
        value(layer.beta),
        value(layer.gamma),
        layer.epsilon,
    )
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)


def test_bounded_fold_scales_the_linear_part_and_keeps_beta():
    layer, x = with_statistics(lipschitz=0.5), batch(2, 6, 7, 3)
    free = with_statistics(lipschitz=None)
    factor = layer.fold().scale / free.fold().scale
    assert float(factor[0]) < 0.5
    beta = layer.beta.numpy()
    np.testing.assert_allclose(layer(x) - beta, factor * (free(x) - beta), atol=1e-4)


def test_observe_moves_the_statistics_to_those_of_the_raw_convolution():
    layer, x = with_statistics(lipschitz=0.5, momentum=0.0), batch(2, 6, 7, 3)
    folded = layer.fold()
    layer.observe(layer.apply(x, folded), folded)
    mean, variance = tf.nn.moments(tf.nn.conv2d(x, value(layer.kernel), 1, "SAME"), [0, 1, 2])
    np.testing.assert_allclose(layer.moving_mean, mean, atol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-3)


@pytest.mark.parametrize(
    "option, value",
    [("filters", 0), ("kernel_size", 0), ("lipschitz", -1.0), ("momentum", 1.5)],
)
def test_errors(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must .* Received: {option}={value}"):
        SpectralConv2D(**{"filters": 4, option: value})


def test_configuration_round_trip():
    layer = SpectralConv2D(4, kernel_size=5, lipschitz=0.7, batch_norm=True, momentum=0.8)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    assert (copy.kernel_size, copy.lipschitz, copy.momentum) == (5, 0.7, 0.8)
