"""The network: constant within a solve, its statistics move when told, once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb._compat import value
from tf_jfb.networks import DnCNN, _bands


def batch(seed=0, shape=(2, 8, 9, 3)):
    return tf.constant(np.random.default_rng(seed).random(shape), tf.float32)


def built(**options):
    network = DnCNN(**{"depth": 4, "channels": 8, **options})
    network.build((None, None, None, 3))
    return network


def weights(network):
    return [w.copy() for w in network.get_weights()]


def statistics(network):
    return [
        v.numpy() for c in network.convs if c.batch_norm for v in (c.moving_mean, c.moving_variance)
    ]


def test_shape_and_weights():
    network = built()
    assert network(batch()).shape == (2, 8, 9, 3)
    assert [c.batch_norm for c in network.convs] == [False, True, True, False]
    assert [c.filters for c in network.convs] == [8, 8, 8, 3]
    assert not any(c.use_bias for c in network.convs)


@pytest.mark.parametrize("lipschitz", [None, 0.5])
def test_frozen_map_equals_the_call_at_inference(lipschitz):
    network = built(lipschitz=lipschitz)
    np.testing.assert_allclose(network.frozen()(batch()), network(batch()), atol=1e-6)


@pytest.mark.parametrize("lipschitz", [None, 0.5])
def test_frozen_map_is_constant_until_the_statistics_are_observed(lipschitz):
    network = built(lipschitz=lipschitz)
    frozen = network.frozen(training=True)
    before, first = weights(network), frozen(batch())
    for seed in range(3):
        frozen(batch(seed))
    np.testing.assert_array_equal(frozen(batch()), first)
    for a, b in zip(before, weights(network), strict=True):
        np.testing.assert_array_equal(a, b)
    observed = frozen(batch(), observe=True)
    np.testing.assert_array_equal(observed, first)
    np.testing.assert_array_equal(frozen(batch()), first)


def test_statistics_move_only_with_observe_and_by_one_step():
    network = built(momentum=0.9)
    old = statistics(network)
    frozen = network.frozen(training=True)
    frozen(batch())
    for a, b in zip(old, statistics(network), strict=True):
        np.testing.assert_array_equal(a, b)
    frozen(batch(), observe=True)
    conv = network.convs[1]
    hidden = tf.nn.relu(network.convs[0](batch()))
    raw = tf.nn.conv2d(hidden, value(conv.kernel), 1, "SAME")
    mean, variance = tf.nn.moments(raw, [0, 1, 2])
    np.testing.assert_allclose(conv.moving_mean, 0.1 * mean, atol=1e-5)
    np.testing.assert_allclose(conv.moving_variance, 0.9 + 0.1 * variance, atol=1e-4)


def test_lipschitz_bounds_the_network():
    network = built(lipschitz=0.8)
    for conv in network.convs:
        conv.kernel.assign(3.0 * value(conv.kernel))
    x, step = batch(0), 0.1 * (batch(1) - 0.5)
    difference = tf.norm(network(x + step) - network(x))
    assert 0 < float(difference) <= 0.8**4 * (1 + 1e-3) * float(tf.norm(step))


def test_gain_scales_the_output():
    plain, scaled = built(), built(gain=0.01)
    scaled.set_weights(plain.get_weights())
    np.testing.assert_allclose(scaled(batch()), 0.01 * plain(batch()), rtol=1e-5, atol=1e-8)


def test_mixed_bfloat16_is_close_to_float32():
    plain = built()
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    mixed = built()
    mixed.set_weights(plain.get_weights())
    a, b = plain(batch()).numpy(), mixed(batch()).numpy()
    assert b.dtype == np.float32 and 0 < np.abs(a - b).max() <= 0.03 * np.abs(a).max()


@pytest.mark.parametrize("option, value", [("depth", 1), ("channels", 0), ("gain", 0.0)])
def test_errors(option, value):
    with pytest.raises(ValueError, match=f"`{option}` must .* Received: {option}={value}"):
        DnCNN(**{option: value})


def test_configuration_round_trip():
    network = DnCNN(depth=3, channels=5, lipschitz=0.9, gain=0.1, momentum=0.95)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert copy.get_config() == network.get_config()
    assert (copy.depth, copy.lipschitz, copy.gain) == (3, 0.9, 0.1)


@pytest.mark.parametrize("shape", [(1, 70, 20, 3), (2, 61, 10, 3), (1, 64, 30, 3), (1, 13, 90, 3)])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("jit_compile", [True, False])
def test_bands_of_a_large_image_give_the_whole(monkeypatch, shape, known, jit_compile):
    network, x = built(), batch(shape=shape)
    whole, calls = network(x), []
    monkeypatch.setattr(_bands, "MOST_PIXELS", 600)
    apply = network.convs[0].apply
    monkeypatch.setattr(
        network.convs[0], "apply", lambda x, f: calls.append(x.shape) or apply(x, f)
    )
    signature = [tf.TensorSpec(shape if known else [None, None, None, 3])]
    frozen = tf.function(
        lambda x: network.frozen()(x),
        input_signature=signature,
        jit_compile=jit_compile,
        autograph=False,
    )
    np.testing.assert_allclose(frozen(x), whole, atol=1e-6)
    in_bands = not known or shape[1] > max(
        600 // (shape[0] * shape[2]), _bands.HALOS * network.depth
    )
    assert (calls[0][1] is None) == in_bands
