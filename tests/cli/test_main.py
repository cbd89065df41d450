"""The command `tf-jfb`: its help, its errors, and how long the first word takes."""

import argparse
import dataclasses
import io
import os
import pathlib
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from commands import command

import tf_jfb
from tf_jfb.cli import train
from tf_jfb.cli._main import COMMANDS
from tf_jfb.cli._shared import call

ROOT = pathlib.Path(__file__).parents[2]
START = "import _tf_jfb_command as c, sys; sys.argv = ['tf-jfb', *sys.argv[1:]]; sys.exit(c.main())"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name):
    ran = command(name, "--help")
    assert ran.returncode == 0, ran.stderr
    assert f"usage: tf-jfb {name}" in ran.stdout and f"\n  tf-jfb {name}" in ran.stdout


def test_names_that_are_no_text_are_printed(monkeypatch):
    content = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(content, "utf-8"))
    assert call(lambda: print(os.fsdecode(b"\xff.png"), flush=True), "x") == 0
    assert content.getvalue() == b"\\udcff.png\n"


def test_the_list_of_commands():
    ran = command("--help")
    assert ran.returncode == 0 and all(f"    {name}" in ran.stdout for name in COMMANDS)
    assert command("--version").stdout.strip() == f"tf-jfb {tf_jfb.__version__}"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required: COMMAND"),
        (["restore"], "invalid choice: 'restore'"),
        (["models", "--no-such"], "unrecognized arguments: --no-such"),
        (["deblur", "photo.jpg"], "the following arguments are required: -o/--output"),
        (["deblur", "no.jpg", "-o", "out.png"], "The image file must exist"),
        (["export", "RUN", "-o", "x", "--denoiser", "--rtol", "1"], "a denoiser takes no"),
        (["serve", "--models", "none"], "`models` must be a folder"),
        (["serve", "--models", ".", "--plain", "--replicas", "2"], "--plain takes neither"),
        (["serve", "--models", ".", "--token-file", "none"], "No such file"),
        (["page", "--host", "0.0.0.0"], "needs --token-file"),
        (["page", "--port", "0"], "--port must lie in"),
        (["page", "--token-file", "none"], "No such file"),
        (["evaluate", "--protocol", "none"], "`protocol` must be one of"),
        (["evaluate", "--output", "x", "--figure", "./x"], "must be another file than 'x'"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(arguments, message):
    ran = command(*arguments)
    assert ran.returncode == 2 and message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1 and ran.stderr.startswith("tf-jfb")


def test_options_of_training_are_those_of_its_configuration():
    from tf_jfb.data.random_blurs import FAMILIES
    from tf_jfb.training import Config

    p = argparse.ArgumentParser()
    train.add_arguments(p)
    flags = {action.dest: action for action in p._actions}
    for option in dataclasses.fields(Config):
        assert f"(default: {option.default})" in flags[option.name].help % {}
    config = Config()
    assert config.blur_families == FAMILIES
    args = p.parse_args(["--run", "r", "--precondition", "0.5", "--crop", "8", "--path", "a"])
    assert (args.precondition, args.crop, args.path) == (0.5, 8, "a")


def test_models_that_come_with_the_package():
    ran = command("models")
    assert ran.returncode == 0, ran.stderr
    (line,) = (line for line in ran.stdout.splitlines() if line.startswith("deblur "))
    assert "image, kernel, noise" in line and "for any known blur" in line


@pytest.mark.slow
def test_want_of_memory_is_one_line_too(capsys):
    def fail(error):
        raise error

    wanted = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\n\t [[{{node a}}]]")
    for error, line in ((MemoryError(), "x: MemoryError"), (wanted, "x: OOM when allocating")):
        assert call(lambda error=error: fail(error), "x") == 2
        assert capsys.readouterr().err == f"{line}\n"
    with pytest.raises(KeyError):  # ours
        call(lambda: fail(KeyError()), "x")


def test_help_and_errors_of_usage_come_without_tensorflow():
    """In a process of its own that cannot import it, nor NumPy or Pillow, in under 0.3 s."""
    barred = f"sys.modules.update(dict.fromkeys({('tensorflow', 'numpy', 'PIL', 'keras')}))"
    start = f"import sys; {barred}; {START}"
    for arguments in (["--help"], *([name, "--help"] for name in COMMANDS), ["deblur"]):
        ran = subprocess.run(
            [sys.executable, "-c", start, *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert ran.returncode == (2 if arguments == ["deblur"] else 0), ran.stderr
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", START, "--help"], cwd=ROOT, capture_output=True)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.3


@pytest.mark.slow
def test_started_by_the_command_the_package_is_imported_by_and_by():
    code = "import _tf_jfb_command, tf_jfb, sys; assert 'tensorflow' not in sys.modules;"
    code += "assert tf_jfb.Status.CAP == 1 and tf_jfb.solvers.Anderson and tf_jfb.load"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
