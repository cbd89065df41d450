"""The studies of gradients: results are kept for the options that they are of."""

import numpy as np
import pytest
from commands import script

ROW = {"steps": 2, "seconds": 1.0, "psnr": 30.0, "evaluations": 9.0, "converged": 1.0}
RUNS = {"peak_mib": 800.0, "runs": [[ROW | {"cosine": 0.9, "radius": 0.8}]]}
FIGURES = {"seconds": 0.5, "mib": 10.0, "products": 7, "runs": 1}


@pytest.mark.parametrize(
    "name, options, answer, changed",
    [
        ("gradients", ["--estimators", "jfb", "implicit"], lambda *_: RUNS, ["--steps", "3"]),
        ("time_memory", ["--methods", "jfb", "dense", "--sizes", "8"], None, ["--depth", "9"]),
    ],
)
def test_results_are_kept_for_the_same_options_alone(
    tmp_path, alone, name, options, answer, changed
):
    def measured(method, size):
        np.save(tmp_path / f"w-{method}-{size}.npy", np.ones(3))
        return FIGURES

    asked = alone(answer or measured)
    options = [*options, "--output", tmp_path]
    ran = script(f"studies/{name}.py", *options)
    assert ran.returncode == 0, ran.stderr
    count = len(asked)
    assert script(f"studies/{name}.py", *options).stdout == ran.stdout and len(asked) == count
    ran = script(f"studies/{name}.py", *options, *changed)
    assert ran.returncode == 2 and "is of other options" in ran.stderr
