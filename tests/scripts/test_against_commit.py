"""Two checkouts by turns: whose turn it is, and the ratio with its error."""

import importlib
import itertools
import pathlib

import pytest
from commands import SCRIPTS, script

ROOT = pathlib.Path(__file__).parents[2]
NAME = "studies/against_commit.py"


class Steady:
    """A worker whose steps take what it is made with, on a machine that slows by and by."""

    clock = itertools.count(1)
    started = {"peak_mib": 0}

    def __init__(self, name, seconds, evaluations):
        self.name, self.seconds, self.evaluations = name, seconds, evaluations

    def prepare(self, mode):
        self.mode = mode
        return self.run()

    def run(self):
        return {
            "seconds": self.seconds * (1 + next(self.clock) / 100),
            "result": self.evaluations + (self.mode == "training"),
            "peak_mib": 0,
        }

    def close(self):
        pass


def test_ratios_do_not_see_a_machine_that_slows(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("studies.against_commit")

    def worker(args, size, name, tree, less):
        assert tree == ROOT
        return Steady(name, 0.9 if less else 1.0, 10 + less)

    monkeypatch.setattr(module, "worker", worker)
    ran = script(NAME, ROOT, "--sizes", 16, "--pairs", 20)
    assert ran.returncode == 0, ran.stderr
    rows = [line.split(" | ") for line in ran.stdout.splitlines()[2:]]
    assert [row[2] for row in rows] == ["before", "now", "fewer", "before", "now"]
    assert [row[3] for row in rows] == ["11", "11", "10", "10", "10"]
    for row, ratio in zip(rows, (None, 1.0, 0.9, None, 1.0), strict=True):
        if ratio is None:
            continue
        found, _, error = row[5].strip(" |").partition(" ± ")
        assert float(found) == pytest.approx(ratio, abs=0.005) and float(error) < 0.005


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["/nowhere"], "`before` must be a checkout of this project"),
        ([ROOT, "--pairs", 1], "--pairs must be >= 2"),
        ([ROOT, "--evaluations", 1], "--evaluations must be >= 2"),
    ],
)
def test_bad_options_are_one_line(arguments, message):
    ran = script(NAME, *arguments)
    assert ran.returncode == 2 and message in ran.stderr and ran.stderr.count("\n") == 1
