"""Train an equilibrium model by Jacobian-free backpropagation, or its denoiser first."""

import dataclasses
import importlib

from tf_jfb._options import KINDS, Options
from tf_jfb.cli._shared import import_tensorflow

EXAMPLE = """
examples:
  %(prog)s --run runs/quick --epochs 3 --depth 5 --channels 16
  %(prog)s --denoiser --config scripts/configs/paper.yaml --path CELEBA \\
      --run runs/denoiser
  %(prog)s --config scripts/configs/paper.yaml --path CELEBA \\
      --pretrained runs/denoiser --run runs/paper

Stopped at any moment, the same command goes on from the last whole epoch. docs/distribution.md
shows how to train on several GPUs or machines.
"""


STRATEGIES = ("default", "mirrored", "multiworker", "tpu")


def add_arguments(p) -> None:
    p.add_argument("--run", dest="folder", required=True, help="for log, checkpoints and figure")
    p.add_argument("--config", help="YAML file of the options below; flags override it")
    p.add_argument("--denoiser", action="store_true", help="train the network as a denoiser")
    p.add_argument(
        "--strategy",
        choices=STRATEGIES,
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
    for option in dataclasses.fields(Options):
        meaning = f"{option.metadata['meaning']} (default: {option.default})"
        p.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=KINDS[option.name],
            help=meaning.replace("%", "%%"),
        )


def run(args) -> None:
    import_tensorflow(keep_memory=True)
    from tf_jfb.training import Config, load_config, strategies, train, train_denoiser

    told = {option.name: getattr(args, option.name) for option in dataclasses.fields(Options)}
    told = {name: value for name, value in told.items() if value is not None}
    config = Config(**((load_config(args.config) if args.config else {}) | told))
    if args.memory_growth:
        strategies.grow_memory()
    strategy = strategies.make(args.strategy)
    others = [_callback(name) for name in args.callback]
    learn = train_denoiser if args.denoiser else train
    learn(config, args.folder, callbacks=others, strategy=strategy, tensorboard=args.tensorboard)


def _callback(name):
    """A callback named as package.module:Class."""
    import keras

    from tf_jfb._validate import check, refuse

    must = "`callback` must name a Keras callback as MODULE:CLASS, made without arguments"
    module, _, attribute = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        refuse(f"{must} ({error}).", callback=name)
    check(isinstance(made, keras.callbacks.Callback), f"{must}.", callback=name)
    return made
