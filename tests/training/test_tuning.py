"""The search: its space, its objective, how it resumes, its workers, and what it leaves behind."""

import dataclasses
import importlib
import json
import math
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import types

import pytest
import yaml
from commands import script

pytest.importorskip("keras_tuner")

from tf_jfb.training import Config, build_model, load_config, trial, tuning, tuning_report
from tf_jfb.training.search_space import (
    DEFAULT,
    KINDS,
    SHARED,
    check_space,
    chosen,
    combinations,
)
from tf_jfb.training.tuning import Objective, assess, tune
from tf_jfb.training.tuning_report import plot_trials, read_trials, write_report

ROOT = pathlib.Path(__file__).parents[2]
TINY = Config(
    size=16,
    crop=16,
    depth=2,
    channels=2,
    max_evaluations=4,
    batch_size=2,
    epochs=1,
    steps=2,
    validation=2,
    gain=0.05,
)
SPACE = {
    "eta": {"min": 0.5, "max": 2.0, "sampling": "log"},
    "lipschitz": [None, 1.0],
    "learning_rate": {"min": 1e-4, "max": 1e-2, "sampling": "log"},
}


def pretend(options, run, epochs):
    """Instead of a training: large eta fails, and 0.001 is the best learning rate."""
    run.mkdir(exist_ok=True)
    with open(run / "trained.txt", "a") as file:
        file.write(f"{epochs}\n")
    if options["eta"] > 1.05:
        return {"failure": "the loss was not finite in epoch 1", "epochs": 1}
    psnr = 30.0 - abs(math.log10(options["learning_rate"]) + 3.0) + 0.01 * epochs
    parts = {"psnr": psnr, "converged": 0.75, "evaluations": 9.0, "epochs": epochs}
    return {"failure": None, "step_seconds": 0.5, "restoration_seconds": 0.1, **parts}


@pytest.fixture
def pretended(monkeypatch):
    """Trainings are pretended, and the figure, slow to draw, is left out."""
    monkeypatch.setattr(tuning, "assess", pretend)
    monkeypatch.setattr(tuning_report, "plot_trials", lambda *_: None)


def test_the_objective():
    result = {"failure": None, "psnr": 30.0, "converged": 0.5}
    result |= {"step_seconds": 4.0, "restoration_seconds": 0.5}
    assert Objective(0.25, 3.0)(result) == pytest.approx(30.0 - 0.25 * 2 - 1.5)
    assert Objective(0.25, 3.0, "restoration")(result) == pytest.approx(30.0 + 0.25 - 1.5)
    assert Objective(0.0, 0.0)(result) == 30.0
    assert Objective(0.25, 3.0)({"failure": "why"}) == -3.0
    with pytest.raises(ValueError, match=r"`time_weight` must be finite and >= 0. Received: .*-1"):
        Objective(time_weight=-1)
    with pytest.raises(ValueError, match="`time` must be one of step, restoration"):
        Objective(time="epoch")


def test_beta_reaches_the_solver():
    assert build_model(dataclasses.replace(TINY, beta=0.5)).solver.beta == 0.5
    assert build_model(TINY).solver.beta == 1.0
    with pytest.raises(ValueError, match=r"`beta` must lie in \(0, 1\]. Received: beta=0"):
        Config(beta=0)


def test_the_default_space_is_valid_and_documented():
    check_space(DEFAULT, Config())
    assert not set(SHARED) - set(KINDS)
    text = (ROOT / "docs" / "tuning.md").read_text()
    block = re.search(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL).group(1)
    assert yaml.safe_load(block) == DEFAULT


def test_values_become_options():
    space = {"rtol": {"min": "1e-3", "max": 1, "sampling": "log"}, "depth": {"min": 2, "max": 9}}
    space = check_space({**space, "lipschitz": [None, "1e-1"], "gradient": ["jfb"]}, TINY)
    values = {"rtol": 0.0123456, "depth": 3, "lipschitz": "None", "gradient": "jfb"}
    expected = {"rtol": 0.01235, "depth": 3, "lipschitz": None, "gradient": "jfb"}
    assert chosen(space, values) == expected
    assert chosen(space, {**values, "lipschitz": "0.1"})["lipschitz"] == 0.1
    assert chosen(space, {**values, "depth": 10})["depth"] == 9  # keras-tuner may exceed by one


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ([], "must hold `name: choices`"),
        ({"grain": [0.0, 0.3]}, r"may hold .*unknown=\['grain'\]"),
        ({"etta": [1.0]}, r"may hold .*eta.*unknown=\['etta'\]"),
        ({"epochs": [1, 2]}, r"unknown=\['epochs'\]"),
        ({"eta": []}, "must be different, and at least one. Received: eta="),
        ({"m": [2, 2]}, "must be different"),
        ({"eta": 1.0}, r"a list of choices or \{min, max, sampling, step\}. Received: eta=1.0"),
        ({"eta": {"min": 1.0}}, "a list of choices or"),
        ({"eta": {"min": 1.0, "max": 2.0, "stepp": 1}}, "a list of choices or"),
        ({"eta": {"min": 2.0, "max": 1.0}}, "must have min < max"),
        ({"eta": {"min": 1.0, "max": 2.0, "sampling": "exp"}}, "sampling linear or log"),
        ({"momentum": {"min": 0.0, "max": 1.0, "sampling": "log"}}, "min > 0 for log"),
        ({"eta": {"min": 1.0, "max": 2.0, "sampling": "log", "step": 1}}, "above 1 for log"),
        ({"m": {"min": 1.5, "max": 4}}, "whole ones where the option is whole. Received: m="),
        ({"gradient": {"min": 1, "max": 4}}, "A range needs numbers"),
        ({"beta": {"min": 0.5, "max": 1.5}}, "`beta` must lie in"),
        ({"gradient": ["jfb", "newton"]}, "`gradient` must be jfb"),
    ],
)
def test_spaces_that_cannot_be_are_refused(space, message):
    with pytest.raises(ValueError, match=message):
        check_space(space, TINY)


def test_a_pretrained_network_keeps_its_size():
    with pytest.raises(ValueError, match=r"fix the network's size.*space=\['depth'\]"):
        check_space({"depth": [2, 3]}, dataclasses.replace(TINY, pretrained="runs/denoiser"))
    unet = Config(model="de-hqs", network="unet", initial="runs/model")
    with pytest.raises(ValueError, match=r"fix the network's size.*space=\['blocks', 'scales'\]"):
        check_space({"scales": ["4:8", "8:16"], "blocks": [1, 2], "m": [2, 3]}, unet)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", tuning.METHODS)
def test_every_method_searches_and_reports(tmp_path, pretended, method):
    trials = {"hyperband": None, "bayesian": 6, "random": 6}[method]
    config = dataclasses.replace(TINY, epochs=3)
    best = tune(config, tmp_path, SPACE, method, trials)
    rows = read_trials(tmp_path)
    texts = sorted(p.read_text().split() for p in tmp_path.glob("trials/*/run/trained.txt"))
    if method == "hyperband":  # the third trial for three epochs goes on from one of the first
        assert texts == [["1"], ["1"], ["1"], ["1", "3"], ["3"], ["3"]]
    else:
        assert texts == [["3"]] * trials
    failed = [row for row in rows if row["failure"]]
    assert len(rows) == len(texts) and 0 < len(failed) < len(rows)
    assert best["trial"] == rows[0]["trial"] and best["failure"] is None
    done = [row["objective"] for row in rows if not row["failure"]]
    assert done == sorted(done, reverse=True)
    winner = Config(**load_config(tmp_path / "best.yaml"))
    assert winner == dataclasses.replace(config, **best["options"])
    assert 0.5 <= winner.eta <= 1.05 and winner.lipschitz in (None, 1.0)
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 1 + len(rows)
    report = (tmp_path / "report.md").read_text()
    assert f"| {best['trial']} | {best['objective']:.2f} |" in report
    assert "--config" in report and "not finite in epoch 1" in report


def test_hyperband_refuses_a_space_too_small_to_halve(tmp_path, pretended):
    space = {"eta": [0.5, 1.0], "learning_rate": [1e-3, 1e-4]}
    config = dataclasses.replace(TINY, epochs=3)
    with pytest.raises(ValueError, match="draws 5 different .* random.* combinations=4"):
        tune(config, tmp_path / "a", space)
    assert not (tmp_path / "a").exists()
    tune(config, tmp_path / "b", space, "random")
    texts = [p.read_text().split() for p in tmp_path.glob("b/trials/*/run/trained.txt")]
    assert texts == [["3"]] * 4


def test_combinations_of_a_space():
    ranges = {
        "depth": {"min": 2, "max": 9, "step": 3},
        "m": {"min": 1, "max": 8, "step": 2, "sampling": "log"},
        "channels": {"min": 2, "max": 5},
        "lipschitz": [None, 1.0],
    }
    space = check_space(ranges, TINY)
    assert [combinations({name: space[name]}) for name in ranges] == [3, 4, 4, 2]
    assert combinations(space) == 96 and combinations(check_space(SPACE, TINY)) == math.inf


def test_the_figure_takes_any_trials(tmp_path):
    results = {"psnr": 30.0, "converged": 0.5, "step_seconds": 0.1, "restoration_seconds": 0.1}
    options = {"eta": 0.5, "lipschitz": None, "learning_rate": 1e-3, "m": 2}
    space = check_space({**SPACE, "m": {"min": 1, "max": 8}}, TINY)
    good = {"objective": 28.0, "failure": None, "options": options, **results}
    bad = {"objective": -3.0, "failure": "why", "options": options}
    sizes = [
        plot_trials(tmp_path / f"{i}.png", rows, space).stat().st_size
        for i, rows in enumerate([[good, bad], [bad]])
    ]
    assert sizes[0] > sizes[1] > 10_000


def test_weights_that_cannot_be_had_end_a_search_before_it_begins(tmp_path, pretended):
    lost = dataclasses.replace(TINY, pretrained=str(tmp_path / "nowhere"))
    space = {"eta": [0.5, 1.0]}
    with pytest.raises(ValueError, match="There must be a run folder.*nowhere"):
        tune(lost, tmp_path / "search", space, "random", 2)
    assert not (tmp_path / "search").exists()


@pytest.mark.parametrize("method", ["hyperband", "random"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, monkeypatch, pretended, method):
    config, trials = dataclasses.replace(TINY, epochs=3), None if method == "hyperband" else 5
    tune(config, tmp_path / "whole", SPACE, method, trials)
    calls = []

    def interrupt(options, run, epochs):
        calls.append(options)
        if len(calls) in (2, 4):
            raise KeyboardInterrupt
        return pretend(options, run, epochs)

    monkeypatch.setattr(tuning, "assess", interrupt)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tune(config, tmp_path / "broken", SPACE, method, trials)
        # What a search leaves that was killed between its two files about a new trial.
        (tmp_path / "broken" / "trials" / "trial_9999").mkdir()
        (tmp_path / "broken" / "trials" / "trial_9999" / "trial.json").write_text("{")
    tune(config, tmp_path / "broken", SPACE, method, trials)
    whole, broken = read_trials(tmp_path / "whole"), read_trials(tmp_path / "broken")
    assert whole == broken and len(calls) == len(whole) + 2
    tune(config, tmp_path / "broken", SPACE, method, trials)
    assert len(calls) == len(whole) + 2


def test_a_search_takes_more_trials_but_no_other_options(tmp_path, pretended):
    tune(TINY, tmp_path, SPACE, "random", 2)
    tune(TINY, tmp_path, SPACE, "random", 3)
    assert len(read_trials(tmp_path)) == 3
    changed = [
        (TINY, {**SPACE, "eta": [1.0]}, {}, "space.eta"),
        (TINY, {k: v for k, v in SPACE.items() if k != "lipschitz"}, {}, "space.lipschitz"),
        (dataclasses.replace(TINY, noise=0.1), SPACE, {}, "config.noise"),
        (TINY, SPACE, {"time_weight": 1.0}, "time_weight"),
    ]
    for config, space, weights, name in changed:
        with pytest.raises(ValueError, match=rf"another search.*changed=\['{name}'\]"):
            tune(config, tmp_path, space, "random", 3, Objective(**weights))


def test_the_report_knows_options_by_name_where_a_space_is_told_in_another_order(
    tmp_path, pretended
):
    tune(TINY, tmp_path, SPACE, "random", 1)
    tune(TINY, tmp_path, dict(reversed(SPACE.items())), "random", 4)
    header, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (tmp_path / "report.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    found = {row["trial"]: row["options"] for row in read_trials(tmp_path) if not row["failure"]}
    told = [dict(zip(header, row, strict=False)) for row in rows[: len(found)]]
    assert len(told) > 1
    for row in told:
        assert {n: row[n] for n in SPACE} == {n: str(v) for n, v in found[row["trial"]].items()}


def test_files_are_replaced_whole(tmp_path, monkeypatch, pretended):
    tune(TINY, tmp_path, SPACE, "random", 2)
    files = [tmp_path / "trials" / "oracle.json", *tmp_path.glob("trials/trial_*/trial.json")]
    before = {file: file.read_text() for file in files}
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        tune(TINY, tmp_path, SPACE, "random", 3)
    assert {file: file.read_text() for file in files} == before


def test_an_unexpected_error_stops_the_search_and_is_told(tmp_path, monkeypatch):
    def broken(options, run, epochs):
        raise KeyError("eta")

    monkeypatch.setattr(tuning, "assess", broken)
    with pytest.raises(RuntimeError, match="stopped the search: KeyError: 'eta'"):
        tune(TINY, tmp_path, SPACE, "random", 2)
    with pytest.raises(ValueError, match="No trial has finished yet"):
        write_report(tmp_path)


def test_only_failures_are_reported_as_such(tmp_path, monkeypatch):
    failure = {"failure": "too little memory", "epochs": 0}
    monkeypatch.setattr(tuning, "assess", lambda *_: failure)
    with pytest.raises(ValueError, match="Every trial failed.*too little memory"):
        tune(TINY, tmp_path, SPACE, "random", 2)
    assert "too little memory" in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "best.yaml").exists()


def test_assessing_a_training_that_diverges_and_options_that_clash(tmp_path):
    wild = dataclasses.asdict(dataclasses.replace(TINY, learning_rate=1e30, epochs=3))
    result = assess(wild, tmp_path / "wild", 3)
    assert result == {"failure": "the loss was not finite in epoch 1", "epochs": 1}
    assert assess(wild, tmp_path / "wild", 3) == result  # not trained again
    clash = {**dataclasses.asdict(TINY), "jacobian_weight": 1.0, "gradient": "unrolled:2"}
    assert "need a gradient at a fixed point" in assess(clash, tmp_path / "c", 1)["failure"]


def test_a_restoration_that_was_held_up_does_not_count(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 99.0, 100.0, 102.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert trial._seconds(lambda: None) == 2.0


def test_without_keras_tuner_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    monkeypatch.delitem(sys.modules, "tf_jfb.training.tuning")
    with pytest.raises(ImportError, match="pip install keras-tuner tensorboard"):
        importlib.import_module("tf_jfb.training.tuning")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "grid"], "`method` must be one of hyperband"),
        (["--trials", "0"], "`trials` must be >= 1"),
        (["--time-weight", "-1"], "`time_weight` must be"),
        (["--space", "none.yaml"], "file of the search space must exist"),
        (["--config", "none.yaml"], "configuration file must exist"),
        (["--report"], "`output` must hold a search"),
        (["--config", "folder.yaml"], "must be an existing folder"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, arguments, message):
    (tmp_path / "folder.yaml").write_text("data: folder\npath: nowhere\n")
    monkeypatch.chdir(tmp_path)
    ran = script("tune.py", "--output", "out", *arguments)
    assert ran.returncode == 2 and message in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def start_worker(name, folder, output):
    """`scripts/tune.py` as a worker of the chief in the environment."""
    environment = {**os.environ, "KERASTUNER_TUNER_ID": name, "no_proxy": "127.0.0.1"}
    command = [sys.executable, ROOT / "scripts" / "tune.py", "--output", folder / "out"]
    options = ["--config", folder / "config.yaml", "--space", folder / "space.yaml"]
    options += ["--method", "random", "--trials", "2"]
    return subprocess.Popen(
        [*command, *options], env=environment, stdout=output, stderr=subprocess.STDOUT
    )


@pytest.fixture
def workers(tmp_path, monkeypatch):
    """Two workers, (process, file of its output), and the environment of their chief."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(dataclasses.asdict(TINY)))
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))
    started = []
    for name in ("worker0", "worker1"):
        with open(tmp_path / name, "w") as output:
            started.append((start_worker(name, tmp_path, output), tmp_path / name))
    yield started
    for worker, _ in started:
        worker.kill()
        worker.wait()


def look_often(workers, monkeypatch):
    """The chief looks every 20 s whether all is done, for ever: here oftener, and not for ever."""
    deadline, sleep = time.time() + 150, time.sleep

    def wait(seconds):
        broken = [text.read_text() for worker, text in workers if worker.poll() not in (None, 0)]
        if broken or time.time() > deadline:
            raise TimeoutError("\n".join(broken))
        sleep(min(seconds, 0.2))

    chief = importlib.import_module("keras_tuner.src.distribute.oracle_chief")
    monkeypatch.setattr(chief, "time", types.SimpleNamespace(sleep=wait))


def psnr_of(run):
    return [row["val_psnr"] for row in tuning_report.read_log(run)]


@pytest.mark.slow
def test_chief_and_two_workers_and_a_training_with_the_winner(tmp_path, monkeypatch, workers):
    look_often(workers, monkeypatch)
    best = tune(TINY, tmp_path / "out", SPACE, "random", 2)
    assert [worker.wait(timeout=60) for worker, _ in workers] == [0, 0]
    texts = [text.read_text() for _, text in workers]
    assert all("objective" in text for text in texts), "each worker ran a trial"
    rows = read_trials(tmp_path / "out")
    assert [row["failure"] for row in rows] == [None] * 2
    assert rows[0]["psnr"] > 10 and rows[0]["step_seconds"] > 0
    oracle = json.loads((tmp_path / "out" / "trials" / "oracle.json").read_text())
    assert oracle["ongoing_trials"] == {}

    options = ["--config", tmp_path / "out" / "best.yaml", "--run", tmp_path / "run"]
    assert script("train.py", *options).returncode == 0
    tried = tmp_path / "out" / "trials" / f"trial_{best['trial']}" / "run"
    assert psnr_of(tmp_path / "run") == pytest.approx(psnr_of(tried), abs=1e-2)
