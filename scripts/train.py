"""Train an equilibrium model by Jacobian-free backpropagation, or its denoiser first."""

import argparse
import dataclasses
import importlib
import inspect
import re

import _cli

EXAMPLE = """
examples:
  python scripts/train.py --run runs/quick --epochs 3 --depth 5 --channels 16
  python scripts/train.py --denoiser --config scripts/configs/paper.yaml --path CELEBA \\
      --run runs/denoiser
  python scripts/train.py --config scripts/configs/paper.yaml --path CELEBA \\
      --pretrained runs/denoiser --run runs/paper

Stopped at any moment, the same command goes on from the last whole epoch. docs/distribution.md
shows how to train on several GPUs or machines.
"""


def parser() -> argparse.ArgumentParser:
    _cli.import_tensorflow(keep_memory=True)
    from tf_jfb.training import Config, strategies

    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--run", required=True, help="folder for log, checkpoints and figure")
    p.add_argument("--config", help="YAML file of the options below; flags override it")
    p.add_argument("--denoiser", action="store_true", help="train the network as a denoiser")
    p.add_argument(
        "--strategy",
        choices=strategies.NAMES,
        default="default",
        help="one device, all GPUs, all machines of TF_CONFIG, or a TPU",
    )
    p.add_argument(
        "--memory-growth", action="store_true", help="take GPU memory as needed, not all at once"
    )
    p.add_argument(
        "--tensorboard", action="store_true", help="log scalars, images and residuals below RUN"
    )
    p.add_argument(
        "--callback",
        action="append",
        default=[],
        metavar="MODULE:CLASS",
        help="another Keras callback, made without arguments; may be repeated",
    )
    meanings = _meanings(Config)
    for field in dataclasses.fields(Config):
        p.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=_type(field),
            default=None,
            help=f"{meanings[field.name]} (default: {field.default})",
        )
    return p


def _meanings(config) -> dict:
    """{option: what the comment beside it says}."""
    rows = re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(config), re.MULTILINE)
    return {name: meaning.replace("%", "%%") for name, meaning in rows}


def _type(field):
    kind = str(field.type).split("|")[0].strip().removeprefix("<class '").removesuffix("'>")
    return {"int": int, "float": float, "bool": _boolean}.get(kind, str)


def _boolean(text):
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"must be true or false. Received: {text!r}")
    return text == "true"


def _callback(name):
    """A callback named as package.module:Class."""
    from tf_jfb._validate import check

    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        check(
            False,
            "`callback` must name a Keras callback as MODULE:CLASS, made without arguments"
            f" ({error}).",
            callback=name,
        )


def main() -> None:
    args = vars(parser().parse_args())
    from tf_jfb.training import Config, load_config, strategies, train, train_denoiser

    run, file, denoiser = (args.pop(name) for name in ("run", "config", "denoiser"))
    strategy, growth = args.pop("strategy"), args.pop("memory_growth")
    tensorboard, names = args.pop("tensorboard"), args.pop("callback")
    options = load_config(file) if file else {}
    options |= {name: value for name, value in args.items() if value is not None}
    config = Config(**options)
    if growth:
        strategies.grow_memory()
    strategy = strategies.make(strategy)
    others = [_callback(name) for name in names]
    learn = train_denoiser if denoiser else train
    learn(config, run, callbacks=others, strategy=strategy, tensorboard=tensorboard)


if __name__ == "__main__":
    _cli.run(main)
