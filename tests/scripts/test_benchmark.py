"""The benchmark on a tiny problem; tf_jfb and the floor need none of the peers."""

import importlib.util
import json
import sys

import pytest
from commands import process, script

from tf_jfb.exported import export
from tf_jfb.training.build import CONFIG_OF_EXPORT, build_model
from tf_jfb.training.config import Config, save_config

TINY = ("--depth", 2, "--channels", 2, "--batch", 1, "--evaluations", 3, "--runs", 1)
SOLVE = ("--tolerance", 0.01, "--model", "m")


def benchmark(*arguments):
    return process("benchmark.py", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "sizes", "evaluations", "forwards"),
    [("inference", (8, 16), 3, 3), ("training", (16,), 4, 6)],
)
def test_tf_jfb_beside_the_floor(tmp_path, mode, sizes, evaluations, forwards):
    figure = tmp_path / "times.png"
    options = ("--modes", mode, "--product", 64, "--peers", "--json", "--figure", figure)
    ran = benchmark(*TINY, "--sizes", *sizes, *options)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert list(report["sizes"]) == [str(size) for size in sizes]
    entry = report["sizes"]["16"][mode]
    own, floor = entry["libraries"]["tf_jfb"], entry["floor"]
    assert own["evaluations"] == evaluations
    assert own["peak_mib"] >= own["imports_mib"] > 0
    assert floor["gflop"] == pytest.approx(1e-9 * forwards * 2 * 9 * (3 * 2 + 2 * 3) * 16**2)
    assert floor["seconds"] == pytest.approx(floor["gflop"] / floor["gflop_per_second"])
    assert entry["ratio"] == {"floor": pytest.approx(own["seconds"] / floor["seconds"])}
    assert len(report["slope"]) == (2 if len(sizes) > 1 else 0)
    assert figure.stat().st_size > 5_000


@pytest.mark.slow
def test_parts_of_a_training_step_add_up():
    ran = benchmark(*TINY, "--sizes", 8, "--parts", "--json")
    assert ran.returncode == 0, ran.stderr
    parts = json.loads(ran.stdout)["8"]
    spent = parts["evaluations"] + parts["recorded evaluation and backward"] + parts["rest"]
    assert spent == pytest.approx(parts["step"])
    assert parts["rest / step"] == pytest.approx(parts["rest"] / parts["step"])


@pytest.mark.slow
def test_a_missing_peer_is_one_line_and_the_rest_runs(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    ran = benchmark(
        *TINY,
        *("--sizes", 8, "--modes", "inference", "--product", 64),
        *("--peers", "torchdeq", "--peer-python", python),
    )
    assert ran.returncode == 0, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if "torchdeq is missing" in line]
    assert len(lines) == 1 and "no torch here" in lines[0]
    assert f"{python} -m pip install" in lines[0]
    assert "tf_jfb s" in ran.stdout and "torchdeq" not in ran.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Options that name a tiny model, and measure two images once."""
    folder = tmp_path_factory.mktemp("trained")
    config = Config(depth=2, channels=2, gain=1e-3, precondition=0.0625)
    save_config(folder / "config.yaml", config)
    configuration = {CONFIG_OF_EXPORT: (folder / "config.yaml").read_text()}
    model = export(build_model(config), folder / "1", extra=configuration)
    return "--model", model, "--batch", 2, "--runs", 1


@pytest.mark.slow
def test_saved_model_to_a_tolerance(trained):
    ran = benchmark(*trained, "--tolerance", 0.01, "--sizes", 8, 16, "--peers", "--json")
    assert ran.returncode == 0, ran.stderr
    sizes = json.loads(ran.stdout)["sizes"]
    assert list(sizes) == ["8", "16"]
    for entry in sizes.values():
        own = entry["libraries"]["tf_jfb"]
        assert own["reached"] and own["residual"] <= 0.0101
        assert 1 < own["evaluations"] < 200
        assert own["seconds_per_image"] == pytest.approx(own["seconds"] / 2)
        assert entry["ratio"] == {}


@pytest.mark.slow
def test_a_tolerance_that_is_not_reached_is_said(trained):
    ran = benchmark(*trained, "--tolerance", 1e-9, "--sizes", 8, "--peers")
    assert ran.returncode == 0, ran.stderr
    assert "tolerance not reached at 8: tf_jfb" in ran.stdout


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torchdeq") is None, reason="needs torchdeq")
def test_torchdeq_solves_the_same_map(trained):
    ran = benchmark(*trained, "--tolerance", 0.01, "--sizes", 8, "--json")
    assert ran.returncode == 0, ran.stderr
    entry = json.loads(ran.stdout)["sizes"]["8"]
    own, peer = entry["libraries"]["tf_jfb"], entry["libraries"]["torchdeq"]
    assert own["reached"] and peer["reached"] and peer["evaluations"] > 2
    assert entry["ratio"] == {"torchdeq": pytest.approx(own["seconds"] / peer["seconds"])}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluations", 1], "--evaluations must be >= 2"),
        (["--sizes", 64, 64], "--sizes must be different"),
        (["--figure", "times.txt"], "--figure must end in"),
        (["--figure", "no/such/times.png"], "must exist and be writable"),
        (["--peers", "jax"], "invalid choice"),
        (["--peer-python", "no/such/python", "--sizes", 8], "no/such/python"),
        (["--tolerance", 0], "--tolerance must lie in (0, 1)"),
        (["--tolerance", 0.01], "--tolerance needs --model"),
        (["--model", "m"], "no use without --tolerance: --model"),
        ([*SOLVE, "--depth", 3, "--jit-compile"], "with --tolerance: --depth, --jit-compile"),
        ([*SOLVE, "--peers", "deepinv"], "compares with torchdeq alone"),
        ([*SOLVE, "--peers"], "configuration file must exist"),
    ],
    ids=lambda v: v[0] + str(v[1]) if isinstance(v, list) else None,
)
def test_bad_options_are_one_line(arguments, message):
    ran = script("benchmark.py", *arguments)
    assert ran.returncode == 2
    assert message in ran.stderr and len(ran.stderr.splitlines()) == 1
