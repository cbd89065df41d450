"""Trained on one kind of images, tested on another: PSNR over kernels and noise levels."""

import argparse
import json
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept

EXAMPLE = """
example:
  python scripts/studies/datasets.py --train faces=CELEBA nature=BSDS500/train \\
      --test faces=CELEBA nature=BSDS500/val shapes=SET3C --output runs/datasets
"""
DEAD_LEAVES = "dead leaves"
# A small model of any blur, at as many pixels whatever the images.
BASE = {
    "model": "de-hqs",
    "network": "unet",
    "scales": "16:32",
    "blocks": 1,
    "gain": 0.1,
    "blur": "any",
    "kernel_size": 15,
    "noise": 0.005,
    "noise_high": 0.05,
    "crop": 48,
    "batch_size": 8,
    "max_evaluations": 20,
    "validation": 8,
}
KERNELS = ("gaussian:9:1.6", "disk:3", "motion:15:2")
LEVELS = (0.01, 0.03)


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    add = p.add_argument
    add("--train", nargs="+", default=[], metavar="NAME=FOLDER", help="beside dead leaves")
    add("--test", nargs="+", default=[], metavar="NAME=FOLDER", help="beside dead leaves")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of every training")
    add("--epochs", type=int, default=4, help="of every training (%(default)s)")
    add("--steps", type=int, default=100, help="per epoch (%(default)s)")
    add("--images", type=int, default=8, help="of every test set, at most (%(default)s)")
    add("--side", type=int, default=96, help="of their middle, pixels (%(default)s)")
    add("--output", default="runs/datasets", help="folder for results and figure")
    add("--one", nargs=2, metavar=("NAME", "SEED"), help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    trained, tested = named(args.train), named(args.test)
    if args.one:
        print(json.dumps(case(args, trained, tested, args.one[0], int(args.one[1]))))
        return
    check_unseen(trained, tested)
    folder = pathlib.Path(args.output)
    names = ("train", "test", "epochs", "steps", "images", "side")
    asked = {name: getattr(args, name) for name in names}
    cases = [(name, seed) for name in trained for seed in args.seeds]
    found = _kept.measured(folder, asked, cases)
    chosen = {name: [found[name, seed] for seed in args.seeds] for name in trained}
    print(table(chosen, list(tested)))
    draw(chosen, list(tested), folder / "datasets.png")


def named(texts) -> dict:
    """{name: folder} of NAME=FOLDER, and dead leaves, which need none."""
    found = {DEAD_LEAVES: None}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not pathlib.Path(path).is_dir():
            raise ValueError(f"Images must be NAME=FOLDER of a folder that exists: {text!r}")
        found[name] = path
    return found


def check_unseen(trained: dict, tested: dict) -> None:
    """Refuses to test on images that were trained on."""
    _cli.import_tensorflow()
    from tf_jfb.data import split_folder

    seen = {split_folder(path, "train").resolve() for path in trained.values() if path}
    for name, path in tested.items():
        if path and split_folder(path, "test").resolve() in seen:
            raise ValueError(f"The images of {name!r} are trained on: give it a folder of its own")


def case(args, trained, tested, name, seed) -> dict:
    """{test set: mean PSNR} of a training, and the share of the tests that converged."""
    _cli.import_tensorflow()
    from tf_jfb.training import Config, train

    kind = "dead-leaves" if trained[name] is None else "folder"
    where = {"size": 64} if trained[name] is None else {"path": trained[name]}
    steps = {"epochs": args.epochs, "steps": args.steps, "seed": seed}
    run = pathlib.Path(args.output) / f"{name.replace(' ', '-')}-{seed}"
    model = train(Config(**BASE, data=kind, **where, **steps), run, verbose=0)
    scores, converged = {}, []
    for test, folder in tested.items():
        scores[test], share = score(model, images(folder, args))
        converged.append(share)
    return {"psnr": scores, "converged": statistics.fmean(converged)}


def images(folder, args):
    """[N, side, side, 3]: the middles of the last of a folder, or dead leaves never trained on.

    By the first of a folder the training chose its epoch.
    """
    import numpy as np

    from tf_jfb import data

    if folder is None:
        source = data.DeadLeaves(args.images, args.side, seed=1_000_003)
    else:
        source = data.FolderSource(data.split_folder(folder, "test"), least=args.side)
    last = range(max(0, len(source) - args.images), len(source))
    return np.stack([data.centre(source[i], args.side) for i in last])


def score(model, sharp) -> tuple:
    """(mean PSNR, share converged) over images, kernels and noise levels."""
    import numpy as np

    from tf_jfb import Status, operators
    from tf_jfb.metrics import psnr
    from tf_jfb.operators import kernels

    values, converged = [], []
    for i, name in enumerate(KERNELS):
        kernel = np.float32(kernels.parse(name))
        clean = operators.BlurFFT(kernel)(sharp).numpy()
        for level in LEVELS:
            noise = np.random.default_rng(i).standard_normal(clean.shape)
            result = model.restore(clean + np.float32(level * noise), kernel=kernel, noise=level)
            values.append(float(np.mean(psnr(result.x, sharp))))
            converged.append(float(np.mean(result.status.numpy() == Status.CONVERGED)))
    return statistics.fmean(values), statistics.fmean(converged)


def summary(runs, test: str) -> tuple:
    """(mean, standard error) of PSNR over the seeds."""
    return _kept.mean_and_error([run["psnr"][test] for run in runs])


def table(results: dict, tests: list) -> str:
    """PSNR of every training on every test set, with its standard error, as Markdown."""
    lines = [f"| trained on | {' | '.join(tests)} | converged |", "|---" * (len(tests) + 2) + "|"]
    for name, runs in results.items():
        cells = [f"{m:.2f} ± {e:.2f}" for m, e in (summary(runs, test) for test in tests)]
        share = statistics.fmean(run["converged"] for run in runs)
        lines.append(f"| {name} | {' | '.join(cells)} | {share:.0%} |")
    return "\n".join(lines)


def draw(results: dict, tests: list, path) -> None:
    """What every training loses to the best of each test set, as a matrix."""
    import numpy as np

    from tf_jfb._plots import pyplot

    plt = pyplot()
    found = np.array([[summary(runs, test)[0] for test in tests] for runs in results.values()])
    lost = found - found.max(axis=0)
    figure, axis = plt.subplots(figsize=(1.5 + 1.3 * len(tests), 1.5 + 0.8 * len(results)))
    axis.imshow(lost, cmap="RdYlGn", vmin=-2.5, vmax=1.0, aspect="auto")
    for i, j in np.ndindex(*found.shape):
        axis.text(j, i, f"{found[i, j]:.2f}\n({lost[i, j]:+.2f})", ha="center", va="center")
    axis.set_xticks(range(len(tests)), tests)
    axis.set_yticks(range(len(results)), results)
    axis.set(xlabel="tested on", ylabel="trained on", title="PSNR (dB), and beside the best")
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
