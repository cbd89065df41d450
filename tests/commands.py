"""The command line called as a function: no process, no second import of TensorFlow."""

import contextlib
import importlib
import io
import pathlib
import subprocess
import sys
from typing import NamedTuple
from unittest import mock

ROOT = pathlib.Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def script(name: str, *arguments) -> Ran:
    """`python scripts/NAME ARGUMENTS`, in this process."""

    def start():
        module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
        importlib.import_module("_cli").run(module.main)

    # In sys.path as Python itself puts the folder of a script there.
    with mock.patch.object(sys, "path", [str(SCRIPTS), *sys.path]):
        return _ran(start, str(SCRIPTS / name), *arguments)


def command(*arguments) -> Ran:
    """`tf-jfb ARGUMENTS`, in this process."""
    from tf_jfb.cli import main

    return _ran(lambda: sys.exit(main()), "tf-jfb", *arguments)


def _ran(start, *argv) -> Ran:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", [*map(str, argv)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            start()
        except SystemExit as left:
            code = left.code or 0
    return Ran(code, out.getvalue(), err.getvalue())


def process(name: str, *arguments) -> subprocess.CompletedProcess:
    """The same in a process of its own."""
    command = [sys.executable, SCRIPTS / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)
