"""The study of memory: the cases it leaves out, the line it draws, and one case measured."""

import json

import pytest
from commands import script

NAME = "studies/memory.py"
SLOPE = {"jfb": 4096.0, "unrolled:10": 40960.0}  # MiB per megapixel


@pytest.fixture
def measured(alone):
    return alone(
        lambda gradient, size, batch: {"mib": 700 + SLOPE[gradient] * batch * size**2 / 1e6}
    )


def test_the_line_tells_what_fits_and_cases_that_would_not_are_left_out(tmp_path, measured):
    options = ["--gradients", *SLOPE, "--sizes", "64", "128", "512", "--batches", "1", "4"]
    ran = script(NAME, *options, "--most", "4", "--output", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ("jfb", 512, 1) in measured and ("jfb", 512, 4) not in measured
    assert ("unrolled:10", 128, 4) in measured and ("unrolled:10", 512, 1) not in measured
    assert "| 4 x 128² | 968 | 3384 |" in ran.stdout
    assert "| 1 x 512² | 1774 |  |" in ran.stdout
    assert "| MiB per megapixel | 4096 | 40960 |" in ran.stdout
    assert "| side of 1 that fill 24 GiB | 2414 | 763 |" in ran.stdout
    assert "| side of 4 that fill 24 GiB | 1207 | 382 |" in ran.stdout
    assert (tmp_path / "memory.png").stat().st_size > 5_000
    count = len(measured)
    assert script(NAME, *options, "--most", "4", "--output", tmp_path).stdout == ran.stdout
    assert len(measured) == count  # all were kept
    ran = script(NAME, *options, "--depth", "3", "--output", tmp_path)
    assert ran.returncode == 2 and "is of other options" in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("gradient", ["jfb", "implicit"])
def test_one_case(gradient):
    options = ("--depth", "2", "--channels", "2", "--evaluations", "3")
    ran = script(NAME, "--one", gradient, "8", "1", *options)
    assert ran.returncode == 0, ran.stderr
    assert 200 < json.loads(ran.stdout.splitlines()[-1])["mib"] < 20_000
