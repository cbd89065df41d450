"""`tf-jfb COMMAND`."""

import importlib
import os
import sys

from tf_jfb._version import __version__
from tf_jfb.cli._shared import Parser, add_command, call, parse

COMMANDS = {
    "deblur": "restore photographs, folders of them, or patterns",
    "psf": "make, measure and check point-spread functions",
    "models": "list the models that come with the package",
    "train": "train a model on your own images, or its denoiser first",
    "tune": "search for the best options of a training",
    "export": "write a trained model as a SavedModel",
    "audit": "say how far a model contracts, and which gradient its training may use",
    "evaluate": "compare models with baselines on degraded test images",
    "serve": "answer requests for restored images over HTTP",
    "page": "restore photographs on a page in the browser",
    "bulk": "restore millions of images, on one machine or on many",
}
EXAMPLE = """
examples:
  %(prog)s models
  %(prog)s deblur photo.jpg --kernel psf.tif -o restored.png
  %(prog)s deblur photos --kernel psf.tif -o restored
  %(prog)s deblur --help
"""


def parser(chosen=tuple(COMMANDS)) -> Parser:
    """With the options of the commands `chosen`; of the others the names alone."""
    p = Parser(prog="tf-jfb", description="Deblur images by deep equilibrium.", epilog=EXAMPLE)
    p.add_argument("--version", action="version", version=f"tf-jfb {__version__}")
    commands = p.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, what in COMMANDS.items():
        if name in chosen:
            module = importlib.import_module(f"tf_jfb.cli.{name}")
            add_command(commands.add_parser, module, name, help=what)
        else:
            commands.add_parser(name, help=what)
    return p


def main(argv=None) -> int:
    """The exit code of `tf-jfb ARGV`: 0; 1 where some of several failed; 2 for the user's errors.

    Usage errors and --help leave by SystemExit, as argparse does.
    """
    if "_ARGCOMPLETE" in os.environ:  # the shell asks
        import argcomplete

        argcomplete.autocomplete(parser())
    argv = sys.argv[1:] if argv is None else [str(a) for a in argv]
    args = parse(parser(argv[:1]), argv)
    return call(lambda: args.run(args), f"tf-jfb {args.command}")
