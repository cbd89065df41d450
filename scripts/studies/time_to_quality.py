"""Quality against seconds of training: JFB, the exact gradient, unrolled steps, torchdeq's JFB.

A small DE-GRAD of the paper's kind is trained on the same crops of dead leaves in the same order,
from the same weights, by every method, each in a process of its own, until as many seconds of
training have passed. Take a quiet machine.
"""

import argparse
import contextlib
import json
import math
import pathlib
import statistics
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept
from benchmarks import driver

EXAMPLE = """
example:
  python scripts/studies/time_to_quality.py --peer-python peers/bin/python --seconds 60
"""
METHODS = {  # method: its gradient in tf_jfb
    "JFB": "jfb",
    "exact": "implicit",
    "unrolled": "unrolled:8",
    "torchdeq": None,
}
PROBLEM = ("seed", "images", "validation", "crop", "depth", "channels")  # what it depends on
MODULES = {"tf_jfb": "worker_tf_training", "torchdeq": "worker_torchdeq_training"}


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    add = p.add_argument
    add("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="default: all")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of data and weights")
    add("--seconds", type=float, default=60, help="of every training (%(default)s)")
    add("--every", type=float, default=5, help="seconds between two measurements (%(default)s)")
    add("--images", type=int, default=1024, help="crops to train on (%(default)s)")
    add("--validation", type=int, default=16, help="crops to measure on (%(default)s)")
    add("--crop", type=int, default=32, help="their side (%(default)s)")
    add("--batch", type=int, default=8, help="crops per step (%(default)s)")
    add("--depth", type=int, default=8, help="convolutions of the DnCNN (%(default)s)")
    add("--channels", type=int, default=32, help="width of the DnCNN (%(default)s)")
    add("--learning-rate", type=float, default=1e-3, help="Adam's (%(default)s)")
    add("--rtol", type=float, default=1e-3, help="of every solve (%(default)s)")
    add("--max-evaluations", type=int, default=50, help="of every solve (%(default)s)")
    add("--threads", type=int, default=2, help="of every library (%(default)s)")
    add("--peer-python", default=sys.executable, help="interpreter that has torchdeq")
    layouts = ("fastest", *driver.LAYOUTS)
    add("--peer-layout", choices=layouts, default="fastest", help="of torchdeq's images")
    add("--output", default="runs/time_to_quality", help="folder for results and figure")
    return p


def main() -> None:
    args = parser().parse_args()
    if args.batch > args.images:
        raise ValueError(f"--batch must be <= --images. Received: {args.batch} > {args.images}")
    folder = pathlib.Path(args.output)
    free = ("methods", "seeds", "peer_python", "output")
    asked = {name: value for name, value in vars(args).items() if name not in free}
    layout = layout_of_peer(args) if "torchdeq" in args.methods else args.peer_layout
    cases = [(method, seed) for seed in args.seeds for method in args.methods]

    def measure(method, seed) -> dict:
        return {"rows": trained(args, layout, method, seed)}

    found = _kept.measured(folder, asked, cases, measure)
    runs = {m: [found[m, seed]["rows"] for seed in args.seeds] for m in args.methods}
    print(table(runs, args.seconds))
    draw(runs, folder / "time_to_quality.png")


def layout_of_peer(args) -> str:
    """As asked, or the faster one in a training step of so many evaluations."""
    config = options_of(args) | {"size": args.crop, "evaluations": 10, "layout": driver.LAYOUTS[0]}
    missing = driver.find_missing(["torchdeq"], args.peer_python, config)
    if missing:
        raise ValueError(f"--peer-python needs torchdeq: {missing['torchdeq']}")
    asked = argparse.Namespace(**vars(args), sizes=[args.crop])
    return driver.choose_layout("torchdeq", asked, config, "training")


def options_of(args) -> dict:
    """What every worker is told."""
    numbers = {k: v for k, v in vars(args).items() if isinstance(v, (int, float))}
    return numbers | {"gain": 0.05, "lipschitz": 1.0}


def trained(args, layout: str, method: str, seed: int) -> list:
    """The rows of one training; its problem is written first where that was not done."""
    print(f"{method}, seed {seed}", file=sys.stderr)
    config = options_of(args) | {"seed": seed, "gradient": METHODS[method], "layout": layout}
    mark = zlib.crc32(json.dumps([config[name] for name in PROBLEM]).encode())
    file = pathlib.Path(args.output).resolve() / f"problem-{mark:08x}.npz"
    config["problem"] = str(file)
    if not file.exists():
        once("tf_jfb", sys.executable, config, "write")
    if METHODS[method]:
        return once("tf_jfb", sys.executable, config, "train")
    return once("torchdeq", args.peer_python, config, "train")


def once(library: str, python: str, config: dict, mode: str):
    """What the program `mode` of the library's worker returns."""
    with contextlib.closing(driver.Worker(library, python, config, MODULES[library])) as worker:
        return worker.once(mode)["result"]


def after(rows: list, seconds: float) -> float:
    """PSNR after so many seconds, between the measurements on a line."""
    for a, b in zip(rows, rows[1:], strict=False):
        if b["seconds"] >= seconds:
            share = (seconds - a["seconds"]) / (b["seconds"] - a["seconds"])
            return a["psnr"] + share * (b["psnr"] - a["psnr"])
    return rows[-1]["psnr"]


def table(runs: dict, seconds: float) -> str:
    """PSNR after a sixth, a third and the whole of the seconds, and the steps, as Markdown.

    The difference is that of the first method on the same seeds, after all seconds.
    """
    times, first = [seconds / 6, seconds / 3, seconds], next(iter(runs.values()))
    head = ["", *(f"after {t:g} s, PSNR (dB)" for t in times), "difference", "steps a second"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for method, trainings in runs.items():
        cells = [cell([after(rows, t) for rows in trainings]) for t in times]
        pairs = zip(trainings, first, strict=True)
        gains = [after(rows, seconds) - after(other, seconds) for rows, other in pairs]
        cells.append(cell(gains) if trainings is not first else "")
        rate = statistics.fmean(rows[-1]["steps"] / rows[-1]["seconds"] for rows in trainings)
        lines.append(f"| {method} | {' | '.join(cells)} | {rate:.3g} |")
    return "\n".join(lines)


def cell(values: list) -> str:
    """Their mean with its standard error, where there are several."""
    mean, error = _kept.mean_and_error(values)
    return f"{mean:.2f}" if math.isnan(error) else f"{mean:.2f} ± {error:.2f}"


def draw(runs: dict, path) -> None:
    """Validation PSNR against seconds of training and against steps, one line a training."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for axis, against in zip(axes, ("seconds", "steps"), strict=True):
        for i, (method, trainings) in enumerate(runs.items()):
            for j, rows in enumerate(trainings):
                points = [[row[key] for row in rows] for key in (against, "psnr")]
                axis.plot(*points, color=f"C{i}", alpha=0.7, label=None if j else method)
        axis.set(xlabel=f"{against} of training" if against == "seconds" else against)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("validation PSNR (dB)")
    axes[1].set_xscale("log")
    axes[0].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
