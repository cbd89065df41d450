"""Nothing in the README is untried: every command is in the table below, every snippet runs.

Shell commands stand in ```bash blocks, one per line (a trailing backslash continues a line; lines
that begin with # are comments). Python snippets stand in ```python blocks and run in order in one
namespace. Both run in a scratch folder that mirrors the checkout, so relative paths are valid and
nothing is written beside the sources.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text() if README.exists() else ""

RUN = "run"  # executed here, as written

# command -> RUN, or "file::line" where a line of the file that begins with it exercises the command
EXERCISED = {
    "make demo": "Makefile::demo:",
    "make test": ".ci/run::say make test",
    "make lint": ".ci/run::say make lint",
    "make venv": "Makefile::venv:",
    "make help": RUN,
    "tf-jfb models": RUN,
    "tf-jfb deblur docs/images/astronaut.png --kernel motion:25:3 --simulate motion:25:3 "
    "--noise 0.01 -o restored.png": RUN,
    "tf-jfb deblur photos --kernel psf.tif -o restored": "tests/cli/test_deblur.py"
    '::ran = command("deblur", photos,',
    "tf-jfb deblur --help": RUN,
    "tf-jfb train --data folder --path photos --config scripts/configs/demo.yaml "
    "--run runs/mine --epochs 1 --steps 1": RUN,
    "tf-jfb export runs/mine -o runs/mine/saved_model": RUN,
    "pip install .": '.ci/run::say "$scratch/venv/bin/pip" install',
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Commands of the bash blocks, continued lines joined and comments dropped."""
    lines = "".join(blocks(text, "bash")).replace("\\\n", " ").splitlines()
    spaced = [" ".join(line.split()) for line in lines]
    return [line for line in spaced if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder whose entries link to those of the checkout: new files stay in it."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.name not in ("build", "dist", "runs"):
            (folder / entry.name).symlink_to(entry)
    (folder / "photos").symlink_to(ROOT / "docs" / "images")  # the reader's own images
    return folder


def run(command: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
    """Runs the command with this interpreter for `python`, or fails with its error output."""
    arguments = shlex.split(command)
    if arguments[0] == "python":
        arguments[0] = sys.executable
    elif arguments[0] == "tf-jfb":  # as the installed command starts
        start = "import sys, _tf_jfb_command; sys.exit(_tf_jfb_command.main())"
        arguments[:1] = [sys.executable, "-c", start]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran


def test_readme_shows_the_two_commands():
    assert {"make demo", "make test"} <= set(commands(TEXT))


@pytest.mark.slow
@pytest.mark.parametrize("command", dict.fromkeys(commands(TEXT)))
def test_every_command_is_exercised(command, checkout):
    assert command in EXERCISED, f"say in EXERCISED how `{command}` is exercised"
    if EXERCISED[command] == RUN:
        run(command, checkout)
    else:
        path, start = EXERCISED[command].split("::", 1)
        lines = [line.strip() for line in (ROOT / path).read_text().splitlines()]
        assert any(line.startswith(start) for line in lines), EXERCISED[command]


PAGES = ["README.md"] + [
    f"docs/{name}.md"
    for name in ("extending", "gradients", "layer", "models", "not_converged", "psf", "restoring")
    + ("solvers",)
]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_runs(page, checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    namespace = {"__name__": "snippets"}
    for number, block in enumerate(blocks((ROOT / page).read_text(), "python"), 1):
        exec(compile(block, f"{page}, python block {number}", "exec"), namespace)


def test_commands_are_extracted():
    text = "a\n```bash\n# why\nmake demo\npython x.py \\\n    --help\n```\n```python\n1\n```\n"
    assert commands(text) == ["make demo", "python x.py --help"]
    assert blocks(text, "python") == ["1\n"]


@pytest.mark.slow
def test_a_failing_command_is_noticed(checkout):
    with pytest.raises(AssertionError, match="no such thing"):
        run("python -c 'raise SystemExit(\"no such thing\")'", checkout)
