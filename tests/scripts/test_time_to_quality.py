"""The study of time to quality: its loop, what it keeps and prints, and one short training."""

import sys

import numpy as np
import pytest
from commands import SCRIPTS, script

NAME = "studies/time_to_quality.py"


@pytest.fixture
def study(alone, monkeypatch):
    """The study's module, whose trainings are answered for; `asked` lists them."""
    alone(lambda *case: {})  # none is its own process
    import studies.time_to_quality as study

    def trained(args, layout, method, seed):
        assert layout == "contiguous"
        study.asked.append((method, seed))
        gain = {"JFB": 2.0, "torchdeq": 1.0}[method] + 0.1 * seed
        return [{"seconds": 10.0 * i, "steps": 20 * i, "psnr": 20 + gain * i} for i in range(7)]

    study.asked = []
    monkeypatch.setattr(study, "trained", trained)
    monkeypatch.setattr(study, "layout_of_peer", lambda args: "contiguous")
    return study


def test_every_method_and_seed_and_none_twice(tmp_path, study):
    options = ["--methods", "JFB", "torchdeq", "--seeds", "0", "2", "--output", tmp_path]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| JFB | 22.10 ± 0.10 | 24.20 ± 0.20 | 32.60 ± 0.60 |  | 2 |" in ran.stdout
    assert (
        "| torchdeq | 21.10 ± 0.10 | 22.20 ± 0.20 | 26.60 ± 0.60 | -6.00 ± 0.00 | 2 |" in ran.stdout
    )
    assert study.asked == [("JFB", 0), ("torchdeq", 0), ("JFB", 2), ("torchdeq", 2)]
    assert (tmp_path / "time_to_quality.png").stat().st_size > 5_000
    assert script(NAME, *options).stdout == ran.stdout and len(study.asked) == 4  # all were kept
    ran = script(NAME, *options, "--batch", "9", "--images", "8")
    assert ran.returncode == 2 and "--batch must be <= --images" in ran.stderr
    ran = script(NAME, *options, "--batch", "3")
    assert ran.returncode == 2 and "is of other options" in ran.stderr


def test_psnr_between_two_measurements(study):
    rows = [{"seconds": 0.0, "psnr": 20.0}, {"seconds": 4.0, "psnr": 22.0}]
    assert [study.after(rows, t) for t in (0, 1, 4, 9)] == [20.0, 20.5, 22.0, 22.0]


def test_the_loop_times_steps_alone_and_takes_the_batches_of_its_seed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS / "benchmarks"))
    import training

    clock = iter(np.arange(0.0, 100.0, 0.5))  # every step takes half a second
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    pairs = np.arange(6, dtype=np.float32).reshape(6, 1, 1, 1) * np.ones([1, 4, 4, 3], np.float32)
    arrays = {"blurred": pairs, "sharp": pairs + 10, "val_blurred": pairs[:2]}
    np.savez(tmp_path / "p.npz", val_sharp=pairs[:2] + 0.1, **arrays)
    seen = []

    def step(blurred, sharp):
        np.testing.assert_array_equal(sharp, blurred + 10)
        seen.append(blurred[:, 0, 0, 0].tolist())

    config = {"problem": tmp_path / "p.npz", "batch": 2, "seed": 3, "seconds": 2.0, "every": 1.0}
    rows = training.train(step, lambda d: d, config)
    assert [(row["seconds"], row["steps"]) for row in rows] == [(0.0, 0), (1.0, 3), (2.0, 5)]
    assert [row["psnr"] for row in rows] == pytest.approx([20.0] * 3, abs=1e-4)
    assert sorted(sum(seen[:3], [])) == [0, 1, 2, 3, 4, 5] and len(seen) == 5
    del sys.modules["training"]


@pytest.mark.slow
def test_one_short_training(tmp_path):
    options = [
        "--methods",
        "JFB",
        "unrolled",
        "--seeds",
        "0",
        "--seconds",
        "0.02",
        "--every",
        "0.01",
    ]
    options += ["--images", "4", "--validation", "2", "--crop", "12", "--batch", "2"]
    options += ["--depth", "2", "--channels", "2", "--output", tmp_path]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| JFB | " in ran.stdout and "| unrolled | " in ran.stdout
