"""Gradient estimators on one training: equal data, seed and steps; accuracy, time and memory.

Every training starts from the same small denoiser, which is trained first.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept

EXAMPLE = """
example:
  python scripts/studies/gradients.py --path CELEBA --seeds 0 1 2 --output runs/gradients
"""
WEIGHT = 0.0625  # (0.005 / 0.02)^2: of noise in the data over noise of the denoiser, squared
ESTIMATORS = ("jfb", "neumann:1", "neumann:3", "neumann:5", "phantom:5:0.5", "implicit")


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--path", help="folder of CelebA images; without it, dead leaves")
    p.add_argument("--output", default="runs/gradients", help="folder for results and figure")
    p.add_argument("--estimators", nargs="+", default=ESTIMATORS, help="names of gradients")
    p.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of every training")
    p.add_argument("--epochs", type=int, default=4, help="of every training")
    p.add_argument("--steps", type=int, default=25, help="per epoch")
    p.add_argument("--crop", type=int, default=32, help="side of the training crops")
    p.add_argument("--depth", type=int, default=5, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=24, help="width of the DnCNN")
    p.add_argument("--learning-rate", type=float, default=1e-4, help="of Adam, constant")
    p.add_argument("--denoiser-steps", type=int, default=600, help="of the denoiser's training")
    p.add_argument("--one", metavar="ESTIMATOR", help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    if args.one:
        print(json.dumps(train(args, args.one)))
        return
    names = ("path", "seeds", "epochs", "steps", "crop", "depth", "channels")
    names += ("learning_rate", "denoiser_steps")
    asked = {name: getattr(args, name) for name in names}
    found = _kept.measured(folder, asked, [("denoiser",), *((n,) for n in args.estimators)])
    results = {name: found[name,] for name in args.estimators}
    print(table(results))
    draw(results, folder / "gradients.png")


def train(args, name: str) -> dict:
    """The trainings of all seeds by one estimator, in programs that are traced once."""
    import resource

    _cli.import_tensorflow()
    from tf_jfb.training import AuditGradient

    if name == "denoiser":
        train_denoiser(args)
        return {}
    model, _, validation = prepare(args, name, args.seeds[0])
    start = [variable.numpy() for variable in model.optimizer.variables]
    options = {"max_evaluations": 60, "iterations": 20}
    audit = AuditGradient(tuple(part[:2] for part in validation), **options)
    audit.set_model(model)
    model.train_on_batch(*validation)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # before audits
    runs = []
    for seed in args.seeds:
        fresh, batches, _ = prepare(args, name, seed)
        model.set_weights(fresh.get_weights())
        for variable, value in zip(model.optimizer.variables, start, strict=True):
            variable.assign(value)
        runs.append(train_once(args, name, model, audit, batches, validation))
    return {"peak_mib": peak, "runs": runs}


def train_once(args, name: str, model, audit, batches, validation) -> list:
    """Measures after every epoch, and audits after every second; times are by the median step."""
    rows, seconds, batches = [], 0.0, iter(batches)
    for epoch in range(args.epochs):
        durations = []
        for _ in range(args.steps):
            batch = next(batches)
            start = time.perf_counter()
            model.train_on_batch(*batch)
            durations.append(time.perf_counter() - start)
        seconds += args.steps * statistics.median(durations)
        scores, figures = model.evaluate(*validation, verbose=0, return_dict=True), {}
        row = {"steps": (epoch + 1) * args.steps, "seconds": seconds}
        row |= {key: scores[key] for key in ("psnr", "evaluations", "converged")}
        if (args.epochs - epoch) % 2:
            audit.on_epoch_end(epoch, figures)
            cosine = figures.get(f"audit_cosine_{name}", figures.get("audit_cosine_in use"))
            row |= {"cosine": cosine, "radius": figures["audit_radius"]}
        rows.append(row)
    return [{key: float(value) for key, value in row.items()} for row in rows]


def train_denoiser(args) -> None:
    """Leaves it in the output folder; a second call finds it finished."""
    from tf_jfb.training import Config, train_denoiser

    steps = -(-args.denoiser_steps // 6)
    options = {"epochs": 6, "steps": steps, "learning_rate": 2e-3, "validation": 8}
    config = Config(**{**_problem(args), **options, "batch_size": 8, "denoiser_weight": WEIGHT})
    train_denoiser(config, pathlib.Path(args.output) / "denoiser", verbose=0)


def prepare(args, name: str, seed: int) -> tuple:
    """Compiled model, training batches and one validation batch (blurred, sharp)."""
    import keras

    from tf_jfb import data
    from tf_jfb.training import Config, build_model
    from tf_jfb.training.problem import source

    denoiser = str(pathlib.Path(args.output) / "denoiser")
    options = {"precondition": WEIGHT, "denoiser_weight": WEIGHT, "pretrained": denoiser}
    options |= {"rtol": 1e-3, "max_evaluations": 50, "momentum": 1.0}
    config = Config(**_problem(args), **options, gradient=name, seed=seed)
    model = build_model(config)
    model.compile(keras.optimizers.Adam(args.learning_rate, epsilon=1e-10))
    model.optimizer.build(model.trainable_variables)

    def examples(split, size, seed):
        options = {"batch_size": size, "crop": args.crop, "seed": seed}
        return data.examples(source(config, split), config.operator, config.noise, **options)

    validation = next(iter(examples("test", 16, 1)))
    return model, examples("train", 8, seed), validation


def _problem(args) -> dict:
    kind = {"data": "celeba", "path": args.path} if args.path else {"data": "dead-leaves"}
    network = {"depth": args.depth, "channels": args.channels, "gain": 0.05}
    return {**kind, **network, "size": 64, "crop": args.crop}


def table(results: dict) -> str:
    """Means over the seeds after the last step, of the seconds the median, as Markdown."""
    lines = [
        "| gradient | PSNR (dB) | seconds | peak memory (MiB) | cosine to exact | radius of J |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        last = [rows[-1] for rows in result["runs"]]
        mean = {key: sum(row[key] for row in last) / len(last) for key in last[0]}
        seconds = statistics.median(row["seconds"] for row in last)
        spread = max(row["psnr"] for row in last) - min(row["psnr"] for row in last)
        lines.append(
            f"| {name} | {mean['psnr']:.2f} (spread {spread:.2f}) | {seconds:.0f} | "
            f"{result['peak_mib']:.0f} | {mean['cosine']:.3f} | {mean['radius']:.3f} |"
        )
    return "\n".join(lines)


def draw(results: dict, path) -> None:
    """Validation PSNR against steps and against seconds, and the cosine through training."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
    panels = (("steps", "psnr"), ("seconds", "psnr"), ("steps", "cosine"))
    labels = {"psnr": "validation PSNR (dB)", "cosine": "cosine to the exact gradient"}
    for axis, (x, y) in zip(axes, panels, strict=True):
        for i, (name, result) in enumerate(results.items()):
            for j, rows in enumerate(result["runs"]):
                points = [[row[key] for row in rows if y in row] for key in (x, y)]
                axis.plot(*points, color=f"C{i}", alpha=0.7, label=None if j else name)
        axis.set(xlabel=x, ylabel=labels[y], xscale="log" if x == "seconds" else "linear")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
