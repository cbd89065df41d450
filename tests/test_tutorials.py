"""The notebooks run from the first cell to the last, and hold no outputs."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
nbformat = pytest.importorskip("nbformat")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def test_it_is_valid_and_holds_no_outputs(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and [cell for cell in code if cell.outputs or cell.execution_count] == []


def test_it_opens_in_colab(request, notebook):
    name = request.node.callspec.id
    button = (
        r"\(https://colab\.research\.google\.com/github/([\w-]+)/tf_jfb/blob/main/docs/tutorials/"
    )
    owner = re.search(rf"{button}{name}\.ipynb\)", notebook.cells[0].source)[1]
    assert f"git clone --depth 1 https://github.com/{owner}/tf_jfb" in notebook.cells[1].source


def test_one_command_gives_all_of_them_their_address(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(FOLDER, tmp_path / "docs" / "tutorials")
    make = ["make", "-C", tmp_path, "address"]
    assert subprocess.run(make, capture_output=True).returncode == 2  # whose?
    assert subprocess.run([*make, "OWNER=some-one"], capture_output=True).returncode == 0
    assert len(NOTEBOOKS) == len(list((tmp_path / "docs" / "tutorials").iterdir()))
    for path in NOTEBOOKS:
        old, new = path.read_text(), (tmp_path / "docs" / "tutorials" / path.name).read_text()
        assert new == re.sub(r"(github(?:\.com)?/)[\w-]+(?=/tf_jfb)", r"\1some-one", old) != old


@pytest.mark.slow
def test_it_runs(notebook, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parents[1]))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
