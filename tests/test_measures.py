"""The measures of the house: sizes of files and functions, private names, attributes."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = sorted(
    p.relative_to(ROOT) for top in ("tf_jfb", "scripts") for p in (ROOT / top).rglob("*.py")
)
FILE, FUNCTION = 300, 40  # lines


def tree(path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def body_lines(function) -> int:
    """Lines of a function from its name to its end, without its docstring."""
    first = function.body[0]
    doc = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
    return function.end_lineno - function.lineno + 1 - doc * (first.end_lineno - first.lineno + 1)


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_sizes(path):
    assert len((ROOT / path).read_text().splitlines()) <= FILE
    functions = [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef)]
    assert {f.name: body_lines(f) for f in functions if body_lines(f) > FUNCTION} == {}


def unit_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[0] == "tf_jfb"], ids=str)
def test_no_private_name_is_imported_across_units(path):
    own = "tf_jfb." + path.parts[1].removesuffix(".py")
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tf_jfb"):
            inside = unit_of(node.module) == own
            hidden = [part for part in node.module.split(".")[2:] if part.startswith("_")]
            names = [a.name for a in node.names if a.name.startswith("_") and a.name[1] != "_"]
            private = names if "." in node.module else []  # modules of the package are units
            found += [] if inside else hidden + private
    assert found == []


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_attribute_is_set_on_a_function(path):
    for scope in ast.walk(tree(path)):
        body = getattr(scope, "body", None)
        if not isinstance(body, list):
            continue
        names = {n.name for n in body if isinstance(n, ast.FunctionDef)}
        names |= {
            target.id
            for n in body
            if isinstance(n, ast.Assign) and isinstance(n.value, ast.Lambda)
            for target in n.targets
            if isinstance(target, ast.Name)
        }
        stores = {
            n.value.id
            for n in ast.walk(scope)
            if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
            if isinstance(n.value, ast.Name)
        }
        assert names & stores == set()
