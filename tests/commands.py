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
    argv = [str(SCRIPTS / name), *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    # In sys.path as Python itself puts the folder of a script there.
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(sys, "path", [str(SCRIPTS), *sys.path]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
        try:
            importlib.import_module("_cli").run(module.main)
        except SystemExit as left:
            code = left.code or 0
    return Ran(code, out.getvalue(), err.getvalue())


def process(name: str, *arguments) -> subprocess.CompletedProcess:
    """The same in a process of its own."""
    command = [sys.executable, SCRIPTS / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)
