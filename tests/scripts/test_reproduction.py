"""The paper's setting beside its figures: both conventions, and what is refused."""

import json

import pytest
from commands import script

NAME = "studies/reproduction.py"


@pytest.fixture
def trained(tmp_path):
    """A run folder with a log of two epochs, and the figures of its evaluation."""
    (tmp_path / "config.yaml").write_text("steps: 25\n")
    (tmp_path / "log.csv").write_text(
        "epoch,val_psnr,val_evaluations,val_converged\n1,29.7,9.75,1\n2,30.25,10.5,0.75\n"
    )
    row = {"psnr": 33.0, "ssim": 0.9123}
    figures = {"options": {"protocol": "celeba-g5s5"}, "noise": {"0.005": {"model": row}}}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    return tmp_path


def test_both_conventions_side_by_side(trained):
    options = ("--figures", trained / "figures.json", "--figure", trained / "out.png")
    ran = script(NAME, trained, *options)
    assert ran.returncode == 0, ran.stderr
    assert "| DEQ, JFB, quoted | 32.90 | 26.88 | 0.91 |" in ran.stdout
    assert "| model | 33.00 | 26.98 | 0.912 |" in ran.stdout
    assert (
        "50 steps; after the last epoch: validation 30.25 dB in 10.5 evaluations, 75%" in ran.stdout
    )
    assert (trained / "out.png").stat().st_size > 5_000


def test_another_protocol_or_an_empty_run_is_refused(trained):
    file, out = trained / "figures.json", ("--figure", trained / "out.png")
    file.write_text(file.read_text().replace("g5s5", "g5v5"))
    ran = script(NAME, trained, "--figures", file, *out)
    assert ran.returncode == 2 and "must be of the protocol celeba-g5s5" in ran.stderr
    ran = script(NAME, trained / "none", "--figures", file, *out)
    assert ran.returncode == 2 and "must hold the log of an epoch" in ran.stderr
