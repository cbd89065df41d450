"""The study of data sets: what it runs and keeps, and the matrix that it prints."""

import pytest
from commands import script

NAME = "studies/datasets.py"


@pytest.fixture
def trainings(alone):
    """(name, seed) of the trainings asked for; each is best on its own images."""

    def trained(name, seed):
        tests = ("dead leaves", "faces")
        psnr = {test: 30.0 + seed + (test == name) for test in tests}
        return {"psnr": psnr, "converged": 0.5}

    return alone(trained)


def test_every_training_on_every_test_set_and_no_training_twice(tmp_path, trainings):
    for split in ("train", "test"):
        (tmp_path / "faces" / split).mkdir(parents=True)
    faces = f"faces={tmp_path / 'faces'}"
    options = ["--train", faces, "--test", faces, "--seeds", "0", "2"]
    options += ["--output", tmp_path / "out"]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| dead leaves | 32.00 ± 1.00 | 31.00 ± 1.00 | 50% |" in ran.stdout
    assert "| faces | 31.00 ± 1.00 | 32.00 ± 1.00 | 50% |" in ran.stdout
    assert len(trainings) == 4 and (tmp_path / "out" / "datasets.png").stat().st_size > 5_000
    assert script(NAME, *options).stdout == ran.stdout and len(trainings) == 4  # all were kept
    ran = script(NAME, *options, "--steps", "3")
    assert ran.returncode == 2 and "is of other options" in ran.stderr


def test_folders_are_looked_for_before_a_training(tmp_path, trainings):
    ran = script(NAME, "--train", "faces=/nowhere", "--output", tmp_path / "new")
    assert ran.returncode == 2 and "NAME=FOLDER of a folder that exists" in ran.stderr
    (tmp_path / "flat").mkdir()
    flat = f"faces={tmp_path / 'flat'}"
    ran = script(NAME, "--train", flat, "--test", flat, "--output", tmp_path / "new")
    assert ran.returncode == 2 and "images of 'faces' are trained on" in ran.stderr
    assert not trainings and not (tmp_path / "new").exists()
