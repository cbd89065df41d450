"""Every import inside tf_jfb goes to a lower level of the layer table, or stays in its package."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "tf_jfb"

# Lowest first. A unit is a package or a module directly under tf_jfb; units of one level never
# import each other.
LEVELS = (
    ("_gradients",),
    ("_types", "_numerics", "_validate", "_compat", "_replicas", "_moved", "_files", "_version")
    + ("_streams", "_options", "_blocks"),
    ("_raster", "_noise_level"),
    ("solvers", "operators", "networks", "noise", "losses", "metrics", "_weights"),
    ("_plots",),
    ("gradients", "data", "psf"),
    ("layers", "regularizers"),
    ("models",),
    ("diagnostics", "exported"),
    ("training",),
    ("evaluation", "serving"),
    ("cli",),
)
LEVEL = {unit: level for level, units in enumerate(LEVELS) for unit in units}
SOURCES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def unit_of(path: pathlib.PurePath) -> str:
    """The unit of a file given relative to tf_jfb: solvers/solve.py -> solvers."""
    return path.parts[0].removesuffix(".py")


def imported_units(source: str, path: pathlib.PurePath) -> set[str]:
    """Units that the source imports; "tf_jfb" stands for the package itself."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = ("tf_jfb", *path.parts)[: -node.level] if node.level else ()
            module = ".".join([*parent, *([node.module] if node.module else [])])
            names += [f"{module}.{alias.name}" for alias in node.names]
    parts = [name.split(".") for name in names]
    return {p[1] if p[1:] and p[1] in LEVEL else p[0] for p in parts if p[0] == "tf_jfb"}


def violations(source: str, path: pathlib.PurePath) -> list[str]:
    """Forbidden edges of one file, as "unit -> imported unit"."""
    unit = unit_of(path)
    return [
        f"{unit} -> {other}"
        for other in sorted(imported_units(source, path) - {unit})
        if LEVEL.get(other, len(LEVELS)) >= LEVEL[unit]
    ]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts != ("__init__.py",)], ids=str)
def test_imports_only_lower_levels(path):
    assert unit_of(path) in LEVEL, f"add `{unit_of(path)}` to LEVELS"
    assert violations((PACKAGE / path).read_text(), path) == []


@pytest.mark.parametrize(
    "path, source, expected",
    [
        ("solvers/solve.py", "from tf_jfb.solvers.base import Solver", []),
        ("solvers/solve.py", "from .base import Solver", []),
        ("solvers/solve.py", "import numpy, tf_jfb._types", []),
        ("models/de_grad.py", "from tf_jfb import solvers", []),
        ("solvers/solve.py", "from tf_jfb import gradients", ["solvers -> gradients"]),
        ("solvers/solve.py", "from ..operators import Blur", ["solvers -> operators"]),
        ("solvers/solve.py", "from .. import layers", ["solvers -> layers"]),
        ("metrics.py", "from . import noise", ["metrics -> noise"]),
        ("data/folder.py", "def f():\n    import tf_jfb.models", ["data -> models"]),
        ("models/de_grad.py", "import tf_jfb", ["models -> tf_jfb"]),
        ("models/de_grad.py", "from tf_jfb import Solution", ["models -> tf_jfb"]),
    ],
)
def test_the_check_itself(path, source, expected):
    assert violations(source, pathlib.PurePath(path)) == expected
