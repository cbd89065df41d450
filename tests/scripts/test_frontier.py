"""The study of width and depth: what it prints and refuses, and what it counts of one network."""

import json

import pytest
from commands import process, script

NAME = "studies/frontier.py"
ROW = {"parameters": 1.234, "mflop": 0.5, "psnr": 31.0, "seconds": 3.5}


def test_a_row_for_every_network_and_none_trained_twice(tmp_path, alone):
    asked = alone(lambda network, seed: ROW | {"psnr": 31.0 + seed})
    options = ["--networks", "8:16x1", "16:32x2", "--seeds", "0", "1", "--output", tmp_path]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| 8:16x1 | 1.23 | 0.5 | 31.50 | 3.5 |" in ran.stdout
    assert len(asked) == 4 and (tmp_path / "frontier.png").stat().st_size > 5_000
    assert script(NAME, *options).stdout == ran.stdout and len(asked) == 4
    ran = script(NAME, "--networks", "8:16", "--output", tmp_path / "new")
    assert ran.returncode == 2 and "written as 32:64:128x2. Received: '8:16'" in ran.stderr


@pytest.mark.slow
def test_one_network(tmp_path):
    """In a process of its own, whose threads it sets."""
    options = ["--steps", "1", "--batch", "1", "--images", "1", "--size", "32", "--crop", "16"]
    ran = process(NAME, "--one", "4:6x1", "0", *options, "--output", tmp_path)
    assert ran.returncode == 0, ran.stderr
    row = json.loads(ran.stdout.splitlines()[-1])
    # Two for every weight of a 3 x 3 convolution; the second scale has a quarter of the pixels.
    first, blocks, ends = 9 * 4 * 4, 9 * 4 * 4 * 4, 9 * 4 * 3
    second = (9 * 6 * 6 * 2 + 9 * 16 * 6 * 2) / 4
    least = 2e-6 * (first + blocks + ends + second)
    assert least == pytest.approx(row["mflop"], rel=0.15)
    assert 10 < row["psnr"] < 40 and row["seconds"] > 0
