"""What all commands and scripts share: help with examples, errors in one line, exit code 2."""

import argparse
import contextlib
import gc
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading


class Parser(argparse.ArgumentParser):
    """Shows the epilog as written; a usage error is one line on standard error, exit code 2."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def import_tensorflow(keep_memory: bool = False) -> None:
    """Imports TensorFlow without the notices that its libraries print whatever the log level.

    With `keep_memory`, for long work, its allocator on the CPU keeps what it has: else the pages of
    every activation may have to be mapped again.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if keep_memory:
        os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    gc.disable()  # nothing of it is garbage, and looking for some takes a fifth of the time
    try:
        import tensorflow  # noqa: F401
    finally:
        gc.enable()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def check_folders(*files) -> None:
    """Refuses, before long work, files to write whose folder cannot take them; None is passed."""
    for file in filter(None, files):
        folder = os.path.dirname(os.path.abspath(file))
        if not os.access(folder, os.W_OK):
            raise ValueError(f"The folder of {file!r} must exist and be writable.")


def check_apart(outputs, inputs) -> None:
    """Refuses an output that is the file of an input, or of another output; None is passed."""
    arrays = [str(name).rpartition(":")[0] for name in inputs]  # of FILE:NAME
    known = {_file_of(name): name for name in filter(None, [*inputs, *arrays])}
    for output in filter(None, outputs):
        other = known.get(_file_of(output))
        if other is not None:
            raise ValueError(f"The output '{output}' must be another file than '{other}'.")
        known[_file_of(output)] = output


def _file_of(name):
    """What two names of one file have in common."""
    try:
        status = os.stat(name)
        return status.st_dev, status.st_ino
    except (OSError, ValueError):
        return os.path.realpath(name)


@contextlib.contextmanager
def stopped_alike():
    """Within it SIGTERM interrupts as Ctrl-C does, so that what is open is finished."""
    if threading.current_thread() is not threading.main_thread():  # which alone may ask for it
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check_figure(path) -> None:
    """Refuses a picture to write in a format that Matplotlib has not; None is passed."""
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    formats = FigureCanvasBase.filetypes
    if os.path.splitext(path)[1].lower().removeprefix(".") not in formats:
        raise ValueError(f"--figure must end in one of {', '.join(formats)}: {path!r}")


def first_line(file) -> str:
    """The token that a file holds. Raises ValueError where its first line is empty."""
    lines = pathlib.Path(file).read_text().splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"The first line of the token file must be a token. Received: {file!r}")
    return lines[0].strip()


def run_alone(*case) -> dict:
    """This script again, as `--one CASE`, in a process of its own, so that its memory is its own.

    Returns what it prints last, a line of JSON.
    """
    name = ", ".join(map(str, case))
    print(name, file=sys.stderr)
    command = [sys.executable, *sys.argv, "--one", *map(str, case)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        raise RuntimeError(f"{name} failed with exit code {ran.returncode}")
    return json.loads(ran.stdout.splitlines()[-1])


def add_solve(p) -> None:
    """The options of every solve by an exported model."""
    p.add_argument("--rtol", type=float, help="relative tolerance; else the model's")
    p.add_argument("--max-evaluations", type=int, help="cap of the solve; else the model's")


def add_ensemble(p) -> None:
    """The option of how many solves are one restoration."""
    p.add_argument(
        "--ensemble",
        type=int,
        choices=(1, 2, 4, 8),
        default=1,
        help="mean of so many restorations, turned and mirrored: better, in as many times the time",
    )


def add_light(p) -> None:
    """The option of what was blurred, of photographs."""
    p.add_argument(
        "--light",
        choices=("linear", "encoded"),
        default="linear",
        help="linear: light was blurred, then encoded as sRGB or by the file's profile, as cameras "
        "do; encoded: the values themselves were blurred (%(default)s)",
    )


def add_command(make, module, *name, **options) -> Parser:
    """The parser of a command, by `make(*name, ...)`.

    `module` is the command: its docstring and `EXAMPLE`, `add_arguments(parser)`, and `run(args)`,
    which returns the exit code or None; with `FLAGS`, `args.flags` are arguments of others.
    """
    flags = getattr(module, "FLAGS", False)
    options |= {"description": module.__doc__, "epilog": module.EXAMPLE, "allow_abbrev": not flags}
    p = make(*name, **options)
    module.add_arguments(p)
    p.set_defaults(run=module.run, flags=[] if flags else None)
    return p


def parse(p: Parser, argv=None) -> argparse.Namespace:
    """`p.parse_args`, unknown arguments being kept where the command has `FLAGS`."""
    args, unknown = p.parse_known_args(argv)
    if unknown and args.flags is None:
        p.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.flags = unknown
    return args


def script(module, argv=None) -> int:
    """The command `module` as the script that is running."""
    name = os.path.basename(sys.argv[0])
    args = parse(add_command(Parser, module, prog=f"python scripts/{name}"), argv)
    return args.run(args)


def call(function, name: str) -> int:
    """`function()` as an exit code; an error of the user's becomes one line and 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may hold any bytes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return function() or 0
    except Exception as error:
        if os.environ.get("TF_JFB_TRACEBACK") or not isinstance(error, _told()):
            raise
        # An operation's words, less where in a program it stands.
        text = str(error).partition("[[{{node")[0]
        print(f"{name}: {' '.join(text.split()) or type(error).__name__}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130


def _told() -> tuple:
    """What is told in one line: errors of the user's, want of memory, and TensorFlow's own."""
    tensorflow = sys.modules.get("tensorflow")
    of_operations = () if tensorflow is None else (tensorflow.errors.OpError,)
    return (ValueError, RuntimeError, OSError, MemoryError, *of_operations)


def run(main) -> None:
    """`call` for a script, which leaves by it."""
    sys.exit(call(main, os.path.basename(sys.argv[0])))
