"""Which options of a training matter: each is varied alone, about one base, over several seeds."""

import argparse
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept

EXAMPLE = """
examples:
  python scripts/studies/sensitivity.py --vary m=1,2,5,10 --vary rtol=1e-4,1e-3,1e-2
  python scripts/studies/sensitivity.py --vary lipschitz=0.5,0.7,0.9,0.99,1,null --seeds 0 1 2
  python scripts/studies/sensitivity.py --config scripts/configs/paper.yaml --path CELEBA \\
      --vary learning_rate=1e-4,1e-3 --output runs/paper-rates
"""
# A small training of the paper's model: a minute or two on two cores.
BASE = {
    "data": "dead-leaves",
    "size": 48,
    "crop": 32,
    "depth": 5,
    "channels": 16,
    "gain": 0.05,
    "batch_size": 8,
    "epochs": 4,
    "steps": 50,
    "validation": 16,
    "audit": 2,
}
SHOWN = {  # figures of a training, and their names
    "psnr": "PSNR (dB)",
    "converged": "converged",
    "evaluations": "evaluations",
    "audit_radius": "radius of J",
    "audit_cosine_in use": "cosine to exact",
    "audit_cosine_jfb": "JFB's cosine to exact",
}


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--config", help="YAML file of the base; default a small training")
    p.add_argument("--path", help="folder of images, where the base needs one")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the base")
    p.add_argument(
        "--vary",
        action="append",
        required=True,
        metavar="NAME=V1,V2,...",
        help="an option of training and its values, in YAML; may be repeated",
    )
    p.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of every training")
    p.add_argument("--output", default="runs/sensitivity", help="folder for results and figure")
    p.add_argument("--one", nargs=2, metavar=("CASE", "SEED"), help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow(keep_memory=True)
    folder = pathlib.Path(args.output)
    if args.one:
        print(json.dumps(train(base(args), folder, args.one[0], int(args.one[1]))))
        return
    varied = [case for text in args.vary for case in values(text)]
    check_options(base(args), varied)
    cases = [(case, seed) for case in varied for seed in args.seeds]
    found = _kept.measured(folder, base(args), cases)
    results = {case: {seed: found[case, seed] for seed in args.seeds} for case in varied}
    print(table(results))
    draw(results, folder / "sensitivity.png")


def base(args) -> dict:
    from tf_jfb.training import load_config

    options = load_config(args.config) if args.config else dict(BASE)
    if args.path:
        options["path"] = args.path
    return options | dict(read(text) for text in args.set)


def read(text: str) -> tuple:
    """(name, value) of NAME=VALUE, the value in YAML."""
    import yaml

    from tf_jfb.training.config import KINDS, number

    name, equals, value = text.partition("=")
    if not equals or name not in KINDS:
        raise ValueError(f"An option must be NAME=VALUE, of a training's. Received: {text!r}")
    return name, number(name, yaml.safe_load(value))


def values(text: str) -> list[str]:
    """Every NAME=VALUE of NAME=V1,V2,..."""
    name, _, values = text.partition("=")
    return [f"{name}={value}" for value in values.split(",")]


def check_options(options: dict, varied: list[str]) -> None:
    """Refuses what Config would, before the first training."""
    from tf_jfb.training import Config

    for case in varied:
        Config(**options | dict([read(case)]))


def train(options: dict, folder: pathlib.Path, case: str, seed: int) -> dict:
    """What a training with the case's option is worth: see `trial.assess`, and its last audit."""
    from tf_jfb.training import Config
    from tf_jfb.training.trial import assess
    from tf_jfb.training.tuning_report import read_log

    options = options | dict([read(case)]) | {"seed": seed}
    run = folder / f"{case.replace('/', '_')}-{seed}"
    result = assess(options, run, Config(**options).epochs)
    log = read_log(run)
    return result | {n: v for n, v in (log[-1] if log else {}).items() if n.startswith("audit")}


def summary(runs: dict) -> dict:
    """{figure: (mean, standard error)} over the seeds whose training did not fail."""
    good = [run for run in runs.values() if run["failure"] is None]
    found = {}
    for name in SHOWN:
        values = [run[name] for run in good if math.isfinite(run.get(name, math.nan))]
        if values:
            found[name] = _kept.mean_and_error(values)
    return found


def table(results: dict) -> str:
    """Means over the seeds, of PSNR with its standard error, as Markdown."""
    rows = {case: summary(runs) for case, runs in results.items()}
    shown = [name for name in SHOWN if any(name in row for row in rows.values())]
    lines = [
        f"| option | {' | '.join(SHOWN[name] for name in shown)} | failed |",
        "|---" * (len(shown) + 2) + "|",
    ]
    for case, row in rows.items():
        cells = [f"{row[name][0]:.4g}" if name in row else "" for name in shown]
        if "psnr" in row:
            mean, error = row["psnr"]
            cells[0] = f"{mean:.2f}" if math.isnan(error) else f"{mean:.2f} ± {error:.2f}"
        failed = sum(run["failure"] is not None for run in results[case].values())
        lines.append(f"| {case} | {' | '.join(cells)} | {failed} of {len(results[case])} |")
    return "\n".join(lines)


def draw(results: dict, path) -> None:
    """PSNR and evaluations by the values of every option, as `path`."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    names = list(dict.fromkeys(case.partition("=")[0] for case in results))
    figure, axes = plt.subplots(
        2, len(names), figsize=(3.6 * len(names), 5), squeeze=False, layout="constrained"
    )
    for column, name in enumerate(names):
        rows = {
            c.partition("=")[2]: summary(r)
            for c, r in results.items()
            if c[: len(name) + 1] == f"{name}="
        }
        for axis, shown in zip(axes[:, column], ("psnr", "evaluations"), strict=True):
            found = {value: row[shown] for value, row in rows.items() if shown in row}
            means, errors = zip(*found.values(), strict=True) if found else ((), ())
            axis.errorbar(list(found), means, errors, fmt="o-", capsize=3)
            axis.set(xlabel=name, ylabel=SHOWN[shown])
            axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
