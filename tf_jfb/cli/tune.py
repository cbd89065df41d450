"""Search for the options of a training that give the best objective, with keras-tuner.

The objective, in dB: validation PSNR, less --time-weight for every doubling of the seconds per
training step (or per restored image), less --convergence-weight times the share of validation
images whose solve did not converge. Writes report.md with its figures, trials.csv and best.yaml, a
configuration for scripts/train.py, into --output.
"""

from tf_jfb.cli._shared import import_tensorflow

EXAMPLE = """
examples:
  %(prog)s --config scripts/configs/demo.yaml --output runs/tune
  %(prog)s --config scripts/configs/demo.yaml --space space.yaml \\
      --method bayesian --trials 40 --epochs 5 --output runs/bayesian
  python scripts/train.py --config runs/tune/best.yaml --run runs/best

Stopped at any moment, the same command goes on. A space is a YAML file of `name: [choices]` and
`name: {min: 0.1, max: 1, sampling: log}` lines; the default, and searches with several workers,
stand in docs/tuning.md.
"""


def add_arguments(p) -> None:
    p.add_argument("--output", default="runs/tune", help="folder of the search (%(default)s)")
    p.add_argument("--config", help="YAML file of the options that all trials share")
    p.add_argument("--space", help="YAML file of the search space")
    p.add_argument("--method", default="hyperband", help="or bayesian, random")
    p.add_argument(
        "--trials", type=int, help="at most; default 30, for hyperband one whole pass of brackets"
    )
    p.add_argument("--epochs", type=int, help="of the longest training; else the configuration's")
    p.add_argument("--steps", type=int, help="per epoch; else the configuration's")
    p.add_argument("--path", help="folder of images; else the configuration's")
    p.add_argument("--seed", type=int, help="of trainings and search; else the configuration's")
    p.add_argument("--time", default="step", help="that counts; or restoration (of an image)")
    p.add_argument("--time-weight", type=float, default=0.25, help="dB (%(default)s)")
    p.add_argument("--convergence-weight", type=float, default=3.0, help="dB (%(default)s)")
    p.add_argument("--report", action="store_true", help="only write the report of trials so far")


def run(args) -> None:
    import_tensorflow(keep_memory=True)
    best = _report(args) if args.report else _tune(args)
    if best is not None:
        print(
            f"Best: trial {best['trial']} with {best['objective']:.2f}; see {args.output}/report.md"
        )


def _report(args):
    from tf_jfb.training.tuning_report import write_report

    return write_report(args.output)


def _tune(args):
    from tf_jfb.training import Config, load_config
    from tf_jfb.training.search_space import read_space

    try:
        from tf_jfb.training import tuning
    except ImportError as error:
        raise RuntimeError(error) from error
    options = load_config(args.config) if args.config else {}
    own = {name: getattr(args, name) for name in ("epochs", "steps", "path", "seed")}
    config = Config(**{**options, **{k: v for k, v in own.items() if v is not None}})
    space = read_space(args.space) if args.space else None
    objective = tuning.Objective(args.time_weight, args.convergence_weight, args.time)
    try:
        return tuning.tune(config, args.output, space, args.method, args.trials, objective)
    except ImportError as error:  # keras-tuner's bayesian needs more
        raise RuntimeError(error) from error
