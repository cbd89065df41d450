"""The main job in a few minutes: restore a photograph, then train a small model."""

import csv
import pathlib
import shutil
import subprocess
import sys

import _cli

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXAMPLE = """
example:
  python scripts/demo.py --output runs/demo
"""


def main() -> None:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--output", default="runs/demo", help="folder for the results")
    folder = pathlib.Path(p.parse_args().output)
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / "small-model"
    shutil.rmtree(run, ignore_errors=True)  # the demo's before: it would be gone on with

    print("1. Restoring a photograph, blurred by a shaken camera, with the shipped model\n")
    _script(
        "deblur.py",
        ROOT / "docs/images/astronaut.png",
        "--model",
        ROOT / "saved_models/deblur",
        "--kernel",
        "motion:25:3",
        "--simulate",
        "motion:25:3",
        "--noise",
        "0.01",
        "--output",
        folder / "restored.png",
        "--figure",
        folder / "restored-figure.png",
    )
    print(f"\nfigure: {folder / 'restored-figure.png'}")

    print("\n2. Training a small model on dead leaves (no download), about a minute\n")
    _script("train.py", "--config", ROOT / "scripts/configs/demo.yaml", "--run", run)
    _report(run)


def _script(name, *arguments) -> None:
    command = [sys.executable, ROOT / "scripts" / name, *map(str, arguments)]
    if code := subprocess.run(command).returncode:
        raise RuntimeError(f"scripts/{name} failed with exit code {code}")


def _report(run) -> None:
    with open(run / "log.csv") as file:
        values = [float(row["val_psnr"]) for row in csv.DictReader(file)]
    print(f"\nvalidation PSNR: {values[0]:.2f} dB after epoch 1, {max(values):.2f} dB at best")
    print(f"figures: {run / 'log.png'} and {run / 'restored.png'}")
    if max(values) <= values[0]:
        raise RuntimeError("the validation PSNR did not rise")


if __name__ == "__main__":
    _cli.run(main)
