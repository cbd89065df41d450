"""The study of options: what it runs, what it keeps, and the means that it prints."""

import pytest
from commands import script

NAME = "studies/sensitivity.py"


@pytest.fixture
def trainings(alone):
    """(case, seed) of the trainings asked for; their PSNR is 20 + m + seed."""

    def trained(case, seed):
        value = 20.0 + float(case.partition("=")[2]) + seed
        return {"failure": "it diverged" if seed == 9 else None, "psnr": value, "converged": 1.0}

    return alone(trained)


def test_means_and_errors_over_the_seeds_that_did_not_fail(tmp_path, trainings):
    options = ["--vary", "m=1,3", "--seeds", "0", "2", "9", "--output", tmp_path]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| m=1 | 22.00 ± 1.00 | 1 | 1 of 3 |" in ran.stdout
    assert "| m=3 | 24.00 ± 1.00 | 1 | 1 of 3 |" in ran.stdout
    assert len(trainings) == 6 and (tmp_path / "sensitivity.png").stat().st_size > 5_000
    assert script(NAME, *options).stdout == ran.stdout and len(trainings) == 6  # all were kept
    ran = script(NAME, *options, "--set", "steps=3")
    assert ran.returncode == 2 and "is of other options" in ran.stderr


@pytest.mark.parametrize(
    "options, message",
    [
        (["--vary", "m=2,0"], "`m` must be an integer >= 1"),
        (["--vary", "em=2,3"], "An option must be NAME=VALUE, of a training's. Received: 'em=2'"),
        (["--vary", "m=2", "--set", "em=1"], "of a training's. Received: 'em=1'"),
    ],
)
def test_options_are_refused_before_a_training(tmp_path, trainings, options, message):
    ran = script(NAME, *options, "--output", tmp_path / "new")
    assert ran.returncode == 2 and message in ran.stderr
    assert not trainings and not (tmp_path / "new").exists()
