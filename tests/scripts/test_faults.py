"""The study of the published code's faults: its table, what it keeps, and what each fault is."""

import importlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from commands import SCRIPTS, script

from tf_jfb import operators, solvers
from tf_jfb._types import FixedPointProblem

NAME = "studies/faults.py"


@pytest.fixture
def cases(alone):
    """Seeds asked for; every figure is 20 + seed with its fault and 30 + 3 seed without."""

    def measured(seed):
        rows = importlib.import_module("studies.faults").ROWS
        found = {key: [20.0 + seed, 30.0 + 3 * seed] for key, *_ in rows}
        curves = [[1.0, 0.1 + seed], [0.5, float("nan")]]
        trainings = {"accumulated": [1.0, 2.0], "eta": [1.0, 1.0], "none": [1.0, 3.0]}
        curves = {"ridge_curves": curves, "adjoint_curves": curves, "train_curves": trainings}
        return found | curves | {"start_psnr": 25.0}

    return alone(measured)


def test_means_and_errors_over_the_seeds(tmp_path, cases):
    options = ["--seeds", "0", "2", "--output", tmp_path]
    ran = script(NAME, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| gradients accumulate | PSNR gained (dB) | 21.00 ± 1.00 | 33.00 ± 3.00 |" in ran.stdout
    assert "start at 25.00 dB" in ran.stdout
    assert cases == [(0,), (2,)] and (tmp_path / "faults.png").stat().st_size > 5_000
    ran = script(NAME, *options, "--steps", "50")
    assert ran.returncode == 2 and "is of other options" in ran.stderr
    ran = script(NAME, "--seeds", "2", "--output", tmp_path)
    assert "| gradients accumulate | PSNR gained (dB) | 22.00 | 36.00 |" in ran.stdout
    assert len(cases) == 2  # it was kept


@pytest.mark.parametrize("option", [("--path", "none"), ("--images", "5"), ("--steps", "7")])
def test_options_are_refused_before_a_training(tmp_path, cases, option):
    ran = script(NAME, *option, "--output", tmp_path / "new")
    assert ran.returncode == 2 and f"{option[0]} must be" in ran.stderr
    assert not cases and not (tmp_path / "new").exists()


@pytest.fixture
def maps(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS / "studies"))
    yield importlib.import_module("fault_maps")
    sys.modules.pop("fault_maps", None)


def test_a_transpose_is_the_adjoint_of_symmetric_kernels_alone(maps):
    kernel = np.arange(1.0, 10.0).reshape(3, 3)
    expected = np.linalg.norm(kernel.T - kernel[::-1, ::-1]) / np.linalg.norm(kernel)
    error = maps.adjoint_error(maps.Transposed(kernel), 16, 64)
    assert error == pytest.approx(expected, rel=0.2) and expected > 0.5
    assert maps.adjoint_error(operators.Blur(kernel), 16, 16) < 1e-12
    assert maps.adjoint_error(maps.Transposed(np.ones((3, 3))), 16, 16) < 1e-12


def test_norm_of_a_reshaped_kernel_is_not_that_of_its_convolution(maps):
    box = np.ones((3, 3, 1, 1))
    assert maps.matrix_norm(box) == pytest.approx(3.0)
    expected = (1 + 2 * np.cos(np.pi / 17)) ** 2  # of a tridiagonal matrix of ones, squared
    assert maps.operator_norm(box, 16, 100) == pytest.approx(expected, rel=1e-4)


def problem(rates):
    """x = r x + 1 - r entry by entry, an image for every row of `rates`."""
    rates = tf.constant(rates, tf.float32)
    return FixedPointProblem(lambda x, r: r * x + 1 - r, tf.zeros_like(rates), (rates,))


def test_an_absolute_ridge_slows_the_end_of_a_solve(maps):
    slow, told = problem([np.linspace(0.4, 0.8, 5)]), {"m": 2, "max_evaluations": 12}
    runs = (maps.Ridged(**told), solvers.Anderson(**told), maps.Ridged(**told, absolute=0.1))
    relative, ours, absolute = (maps.reached(maps.traced(slow, s)[1], 1e-3) for s in runs)
    assert 1 < relative == ours < absolute


def test_the_slowest_image_decides_for_its_batch(maps):
    quick, slow = np.full(3, 0.1), np.linspace(0.5, 0.9, 3)
    alone = maps.by_batch_maximum(problem([quick]))[0]
    assert alone < maps.by_batch_maximum(problem([quick, slow]))[0]
    assert maps.average(np.array([[1.0, np.nan], [4.0, np.inf]])) == pytest.approx(
        [2.0, np.nan], nan_ok=True
    )
