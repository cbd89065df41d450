"""The U-Net: sizes, conditioning, frozen and banded evaluation, bounds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.networks import UNet, _bands


def batch(height=12, width=16, seed=0):
    return np.random.default_rng(seed).random((2, height, width, 3)).astype(np.float32)


def built(**options):
    keras.utils.set_random_seed(0)
    network = UNet((4, 6, 8), blocks=1, **options)
    network.build((None, None, None, 3))
    return network


LEVEL = np.array([0.01, 0.05], np.float32)


@pytest.mark.parametrize("size", [(12, 16), (13, 15), (5, 4), (1, 1)])
def test_any_size(size):
    y = built()(batch(*size), LEVEL)
    assert y.shape == (2, *size, 3) and np.isfinite(y).all()


def test_the_level_matters_and_images_are_independent():
    network, x = built(), batch()
    y = network(x, LEVEL)
    np.testing.assert_allclose(network(x[1:], LEVEL[1:]), y[1:], atol=1e-6)
    assert np.abs(network(x, LEVEL[::-1].copy()) - y).max() > 1e-3


def test_frozen_is_the_call_with_known_and_unknown_shapes():
    network, x = built(lipschitz=1.0), batch(13, 16)
    expected = network(x, LEVEL)
    signature = [tf.TensorSpec([None] * 3 + [3]), tf.TensorSpec([None])]
    program = tf.function(
        lambda x, s: network.frozen()(x, s), input_signature=signature, autograph=False
    )
    np.testing.assert_allclose(program(x, LEVEL), expected, atol=1e-5)
    again = network.frozen(folded=network.folded())(x, LEVEL)
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_bands_give_the_whole(monkeypatch):
    network = UNet((4, 6), blocks=1)
    x = batch(300, 8)
    network.build((None, None, None, 3))
    whole = network.frozen()(x, LEVEL)
    monkeypatch.setattr(_bands, "MOST_PIXELS", 1)
    calls = []
    forward = network._forward
    monkeypatch.setattr(network, "_forward", lambda *a: calls.append(1) or forward(*a))
    np.testing.assert_allclose(network.frozen()(x, LEVEL), whole, atol=1e-4)
    assert len(calls) > 1


def test_every_convolution_is_bounded():
    network = built(lipschitz=0.5)
    for conv in network.convs.values():
        conv.kernel.assign(3.0 * tf.convert_to_tensor(conv.kernel))
    for folded in network.folded().values():
        spectrum = np.fft.fft2(
            np.pad(folded.kernel, [(0, 13), (0, 13), (0, 0), (0, 0)]), axes=(0, 1)
        )
        assert np.linalg.svd(spectrum, compute_uv=False).max() <= 0.5 + 1e-3


def test_saving():
    network = built(gain=0.1)
    copy = UNet.from_config(network.get_config())
    copy.build((None, None, None, 3))
    copy.set_weights(network.get_weights())
    np.testing.assert_array_equal(copy(batch(), LEVEL), network(batch(), LEVEL))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"channels": ()}, "`channels` must be"),
        ({"channels": (4, 0)}, "`channels` must be"),
        ({"blocks": 0}, "`blocks` must be"),
        ({"gain": 0.0}, "`gain` must be"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        UNet(**options)
