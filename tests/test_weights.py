"""Weights in files: by name, and files of the first format, by place."""

import numpy as np
import pytest

from tf_jfb import models, networks, operators
from tf_jfb._compat import value
from tf_jfb._weights import (
    FORMAT,
    assign_state,
    load_weights,
    named_weights,
    save_weights,
    state_of,
)


def model(channels=2):
    network = networks.DnCNN(3, channels, lipschitz=1.0)
    made = models.DEGrad(operators.Blur([[1.0]]), network)
    made.build((None, None, None, 1))
    return made


@pytest.fixture(scope="module")
def pair():
    one, other = model(), model()
    for i, v in enumerate(one.variables):
        value(v).assign(i + np.arange(np.prod(v.shape), dtype=np.float32).reshape(v.shape))
    return one, other


def same(one, other):
    pairs = zip(named_weights(one).items(), named_weights(other).items(), strict=True)
    return all(a == b and np.array_equal(v.numpy(), w.numpy()) for (a, v), (b, w) in pairs)


def test_names_are_those_of_layers_and_weights():
    names = set(named_weights(model()))
    assert {"log_eta", "conv_0/kernel", "conv_1/gamma", "conv_1/moving_mean"} <= names
    assert names == set(named_weights(model()))  # whatever Keras numbers
    network = networks.DnCNN(3, 2, lipschitz=1.0)
    network.build((None, None, None, 1))  # by itself
    made = models.DEGrad(operators.Blur([[1.0]]), network)
    made.build((None, None, None, 1))
    assert names == set(named_weights(made))
    other = models.DEGrad(operators.Blur([[1.0]]), model().network)  # built within another model
    other.build((None, None, None, 1))
    assert names == set(named_weights(other))


def test_a_file_gives_back_what_it_was_made_of(pair, tmp_path):
    one, other = pair
    save_weights(tmp_path / "best.npz", one)
    load_weights(tmp_path, other)
    assert same(one, other)
    assert [p.name for p in tmp_path.iterdir()] == ["best.npz"]
    with np.load(tmp_path / "best.npz") as saved:
        assert int(saved["format"]) == FORMAT and str(saved["version"])


def test_a_file_of_the_first_format_goes_by_place(pair, tmp_path):
    one, other = pair
    arrays = {f"v{i}": value(v).numpy() + 1.0 for i, v in enumerate(one.variables)}
    np.savez(tmp_path / "best.npz", **arrays)
    load_weights(tmp_path, other)
    np.testing.assert_array_equal(value(other.variables[-1]).numpy(), arrays[f"v{len(arrays) - 1}"])
    other.compile()
    optimizer = [v for name, v in state_of(other).items() if "optimizer" in name]
    state = [*map(value, other.variables), *optimizer]
    assign_state(other, {f"v{i}": 2 * v.numpy() for i, v in enumerate(state)})
    np.testing.assert_array_equal(value(other.variables[0]).numpy(), 2.0 * arrays["v0"])


def test_refused(pair, tmp_path):
    one, _ = pair
    save_weights(tmp_path / "best.npz", one)
    with pytest.raises(ValueError, match="of the model's architecture. .*'conv_0/kernel'"):
        load_weights(tmp_path, model(channels=3))
    with np.load(tmp_path / "best.npz") as saved:
        np.savez(tmp_path / "later.npz", **{**saved, "format": FORMAT + 1})
    with pytest.raises(ValueError, match="of a later version. Received: format=3"):
        load_weights(tmp_path / "later.npz", one)


def test_weights_that_the_model_has_no_place_for_are_refused(tmp_path):
    """A smaller U-Net's names and shapes are a part of a larger one's."""
    blur = operators.Blur([[1.0]])
    large, small = (models.DEHQS(blur, networks.UNet(w, 1)) for w in ((2, 4, 4), (2, 4)))
    for one in (large, small):
        one.build((None, None, None, 3))
    save_weights(tmp_path / "w.npz", large)
    with pytest.raises(ValueError, match="must be of the model's architecture: it has none of"):
        load_weights(tmp_path / "w.npz", small)
