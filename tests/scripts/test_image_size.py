"""The study of image sizes: what it runs, keeps and prints, and one size measured for real."""

import json

import pytest
from commands import script

NAME = "studies/image_size.py"
ROW = {"psnr": 30.0, "psnr_error": 0.1, "evaluations": 9.5, "converged": 1.0}
ROW |= {"seconds": 1.25, "mib": 700.4}


@pytest.fixture
def measured(alone):
    """The sizes asked for."""
    return alone(lambda size: ROW | ({"cosine": 0.98, "radius": 0.9} if size == 16 else {}))


def test_a_row_for_every_size_and_none_twice(tmp_path, measured):
    options = ["--sizes", "16", "32", "--output", tmp_path]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| 16 | 30.00 ± 0.10 | 9.5 | 100% | 1.25 | 700 | 0.98 | 0.9 |" in ran.stdout
    assert "| 32 | 30.00 ± 0.10 | 9.5 | 100% | 1.25 | 700 |  |  |" in ran.stdout
    assert measured == [(16,), (32,)] and (tmp_path / "image_size.png").stat().st_size > 5_000
    assert script(NAME, *options).stdout == ran.stdout and measured == [(16,), (32,)]
    ran = script(NAME, *options, "--rtol", "1e-3")
    assert ran.returncode == 2 and "is of other options" in ran.stderr


@pytest.mark.slow
def test_one_size():
    ran = script(NAME, "--one", "16", "--pixels", "256", "--exact", "0", "--rtol", "1e-2")
    assert ran.returncode == 0, ran.stderr
    row = json.loads(ran.stdout.splitlines()[-1])
    assert set(row) == set(ROW) and 20 < row["psnr"] < 50 and row["converged"] > 0
