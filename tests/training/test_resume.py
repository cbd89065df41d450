"""A training that was killed ends with the weights of one that was not."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tf_jfb.training import Config, load_run, train
from tf_jfb.training.config import load_config, save_config

CONFIG = Config(
    crop=16,
    size=24,
    depth=3,
    channels=4,
    max_evaluations=8,
    batch_size=2,
    epochs=4,
    steps=6,
    validation=2,
    gain=0.05,
)
SCRIPT = (
    "import sys; from tf_jfb.training import *; "
    "train(Config(**load_config(sys.argv[1])), sys.argv[2], verbose=0)"
)


def run_until(epochs, file, run):
    """Starts the training in a process of its own and kills it once `epochs` are logged."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, file, run])
    deadline = time.time() + 200
    while process.poll() is None and time.time() < deadline:
        log = run / "log.csv"
        if log.exists() and len(log.read_text().splitlines()) > epochs:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    return process.wait()


def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    save_config(tmp_path / "config.yaml", CONFIG)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        killed = run_until(2 if folder == broken else 99, tmp_path / "config.yaml", folder)
        assert killed == (-signal.SIGKILL if folder == broken else 0)
    assert len((broken / "log.csv").read_text().splitlines()) < 1 + CONFIG.epochs
    assert run_until(99, tmp_path / "config.yaml", broken) == 0
    assert (whole / "log.csv").read_text() == (broken / "log.csv").read_text()
    with np.load(whole / "last.npz") as a, np.load(broken / "last.npz") as b:
        assert set(a.files) == set(b.files)
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_run_folder_refuses_another_configuration(tmp_path):
    config = dataclasses.replace(CONFIG, epochs=1, steps=1)
    trained = train(config, tmp_path / "run", verbose=0)
    with pytest.raises(ValueError, match=r"another configuration.*changed=\['noise'\]"):
        train(dataclasses.replace(config, noise=0.01), tmp_path / "run", verbose=0)
    again = load_run(tmp_path / "run")
    d = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    np.testing.assert_array_equal(trained.predict(d, verbose=0), again.predict(d, verbose=0))


def test_few_converged_images_print_advice(tmp_path, capsys):
    config = dataclasses.replace(CONFIG, epochs=1, steps=1, max_evaluations=1, rtol=0.0)
    train(config, tmp_path / "run", verbose=0)
    assert "raise `max_evaluations`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "`depth` must be an integer >= 1. Received: depth=0"),
        ({"data": "imagenet"}, "`data` must be one of"),
        ({"precision": "float8"}, "`precision` must be one of"),
        ({"data": "folder"}, "`path` must name a folder"),
        ({"noise": -1.0}, "`noise` must be >= 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_unknown_names_in_a_file_are_refused(tmp_path):
    (tmp_path / "c.yaml").write_text("epoch: 3\n")
    with pytest.raises(ValueError, match=r"Unknown option.*unknown=\['epoch'\]"):
        load_config(tmp_path / "c.yaml")
