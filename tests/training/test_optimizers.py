"""Optimizers by name, on whichever stack the tests run."""

import importlib.util

import numpy as np
import pytest

from tf_jfb._compat import KERAS_3
from tf_jfb._weights import named_weights
from tf_jfb.training import Config, train
from tf_jfb.training.fit import _schedule

ADDONS = importlib.util.find_spec("tensorflow_addons") is not None
TINY = {
    "crop": 16,
    "size": 16,
    "depth": 3,
    "channels": 4,
    "gain": 0.05,
    "max_evaluations": 5,
    "batch_size": 2,
    "epochs": 4,
    "steps": 3,
    "validation": 2,
}


@pytest.mark.parametrize("name", ["adam", "lamb", "lookahead", "swa"])
def test_training_by_the_name_of_an_optimizer(name, tmp_path, no_figures):
    config = Config(**TINY, optimizer=name)
    if name in ("lookahead", "swa") and not ADDONS:
        with pytest.raises(ValueError, match=f"extra `addons`.*optimizer='{name}'"):
            train(config, tmp_path, verbose=0)
        return
    model = train(config, tmp_path, verbose=0)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert len(rows) == 1 + TINY["epochs"] and np.isfinite(float(rows[-1].split(",")[1]))
    with np.load(tmp_path / "best.npz") as kept, np.load(tmp_path / "last.npz") as last:
        names = set(named_weights(model))
        moved = any(np.abs(kept[name] - last[name]).max() > 0 for name in names)
        assert moved or name != "swa"  # of swa the mean is kept, not the last
        assert set(kept.files) - {"format", "version"} == names < set(last.files)


def test_an_average_needs_adam_and_keras_3(tmp_path):
    with pytest.raises(ValueError, match="`ema` needs the optimizer adam"):
        train(Config(**TINY, optimizer="lamb", ema=0.9), tmp_path, verbose=0)
    if not KERAS_3:
        with pytest.raises(ValueError, match="`ema` needs Keras 3"):
            train(Config(**TINY, ema=0.9), tmp_path / "2", verbose=0)


@pytest.mark.parametrize("warmup", [0, 4, 9])
def test_the_rate_rises_to_its_value_and_falls_to_one_per_cent(warmup):
    schedule = _schedule(Config(epochs=4, steps=5, warmup=warmup, learning_rate=2.0))
    rates = [float(schedule(step)) for step in range(21)]
    assert np.argmax(rates) == warmup and rates[warmup] == pytest.approx(2.0)
    assert rates[20] == pytest.approx(0.02)


def test_a_constant_rate_rises_and_stays():
    schedule = _schedule(Config(schedule="constant", warmup=4, learning_rate=2.0))
    assert [float(schedule(step)) for step in (0, 4, 10**6)] == pytest.approx([0.02, 2.0, 2.0])
    assert _schedule(Config(schedule="constant", learning_rate=2.0)) == 2.0


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="`optimizer` must be one of adam, lamb, lookahead, swa"):
        Config(optimizer="adamax")
