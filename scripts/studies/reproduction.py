"""A training in the paper's setting beside the paper's figures, in both conventions of PSNR.

Reads what was trained and evaluated before: the log of a run folder, and the figures that
`scripts/evaluate.py --protocol celeba-g5s5 --output FIGURES` wrote.
"""

import argparse
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
example:
  python scripts/train.py --config scripts/configs/paper.yaml --path CELEBA --steps 25 \\
      --epochs 400 --validation 16 --run runs/paper          # may be stopped
  python scripts/export.py runs/paper -o PAPER/1
  python scripts/evaluate.py --protocol celeba-g5s5 --path CELEBA --images 100 --tuning 12 \\
      --model PAPER --output paper.json
  python scripts/studies/reproduction.py runs/paper --figures paper.json
"""
# arXiv 2402.02065: PSNR with peak 1 on images in [-1, 1], and SSIM.
PUBLISHED = {
    "total variation": (26.79, 0.86),
    "plug-and-play": (29.77, 0.88),
    "DEQ, exact gradient": (32.43, 0.94),
    "DEQ, JFB": (26.88, 0.91),
}
LOWER = 20 * math.log10(2)  # dB that this convention reads below peak 1 on [0, 1]


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", help="run folder of the training")
    p.add_argument("--figures", required=True, help="JSON file that scripts/evaluate.py wrote")
    p.add_argument("--figure", default="runs/reproduction.png", help="picture (%(default)s)")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.check_folders(args.figure)
    from tf_jfb.training import load_config
    from tf_jfb.training.tuning_report import read_log

    log = read_log(args.run)
    if not log:
        raise ValueError(f"The run folder must hold the log of an epoch. Received: {args.run!r}")
    steps = load_config(pathlib.Path(args.run) / "config.yaml")["steps"]
    print(table(json.loads(pathlib.Path(args.figures).read_text())))
    last = log[-1]
    print(f"\n{steps * len(log)} steps; after the last epoch: {evaluations(last)}.")
    draw(log, steps, args.figure)


def table(figures: dict) -> str:
    """Published rows, then those measured, as Markdown."""
    if figures["options"]["protocol"] != "celeba-g5s5":
        raise ValueError("--figures must be of the protocol celeba-g5s5.")
    (measured,) = figures["noise"].values()
    lines = ["| method | PSNR (dB) | as the paper's code reads it | SSIM |", "|---|---|---|---|"]
    for name, (low, ssim) in PUBLISHED.items():
        lines.append(f"| {name}, quoted | {low + LOWER:.2f} | {low:.2f} | {ssim:.2f} |")
    for name, row in measured.items():
        lines.append(
            f"| {name} | {row['psnr']:.2f} | {row['psnr'] - LOWER:.2f} | {row['ssim']:.3f} |"
        )
    return "\n".join(lines)


def evaluations(row: dict) -> str:
    return (
        f"validation {row['val_psnr']:.2f} dB in {row['val_evaluations']:.1f} evaluations, "
        f"{row['val_converged']:.0%} converged"
    )


def draw(log: list, steps: int, path) -> None:
    """Validation PSNR and evaluations by steps, beside what was published."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    along = [steps * (i + 1) for i in range(len(log))]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    axes[0].plot(along, [row["val_psnr"] for row in log], label="measured")
    for i, name in enumerate(("total variation", "plug-and-play", "DEQ, JFB")):
        level = PUBLISHED[name][0] + LOWER
        axes[0].axhline(level, color=f"C{i + 1}", ls="--", lw=1, label=f"{name}, quoted")
    axes[1].plot(along, [row["val_evaluations"] for row in log])
    for axis, label in zip(axes, ("validation PSNR (dB)", "evaluations"), strict=True):
        axis.set(xlabel="steps", ylabel=label)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
