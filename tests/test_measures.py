"""The measures of the house: sizes of files and functions, private names, attributes."""

import ast
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
FILES = sorted(path for top in ("tf_jfb", "scripts") for path in (ROOT / top).rglob("*.py"))
SOURCES = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
FILE, FUNCTION = 300, 40  # lines


def body_lines(function) -> int:
    """Lines of a function from its name to its end, without its docstring."""
    first = function.body[0]
    doc = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
    return function.end_lineno - function.lineno + 1 - doc * (first.end_lineno - first.lineno + 1)


def functions(tree) -> list:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_no_file_is_long():
    long = {name: n for name, source in SOURCES.items() if (n := source.count("\n")) > FILE}
    assert long == {}


def test_no_function_is_long():
    lengths = {
        f"{name}: {f.name}": body_lines(f) for name, tree in TREES.items() for f in functions(tree)
    }
    assert {name: n for name, n in lengths.items() if n > FUNCTION} == {}


def test_no_private_name_is_imported_across_units():
    """`_module` directly under tf_jfb is a unit of its own; within one a name may be private."""
    found = []
    for name, tree in TREES.items():
        if not name.startswith("tf_jfb/"):
            continue
        own = name.split("/")[1].removesuffix(".py")
        for node in ast.walk(tree):
            module = (getattr(node, "module", None) or "").split(".")
            if (
                isinstance(node, ast.ImportFrom)
                and module[0] == "tf_jfb"
                and own not in module[1:2]
            ):
                names = [alias.name for alias in node.names] if module[1:] else []
                private = [part for part in [*module[2:], *names] if part.startswith("_")]
                found += [f"{name}: {part}" for part in private if not part.startswith("__")]
    assert found == []


def test_no_attribute_is_set_on_a_function():
    found = []
    for name, tree in TREES.items():
        for scope in ast.walk(tree):
            body = scope.body if isinstance(getattr(scope, "body", None), list) else []
            made = {n.name for n in body if isinstance(n, ast.FunctionDef)}
            lambdas = (
                n for n in body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Lambda)
            )
            made |= {target.id for n in lambdas for target in n.targets if hasattr(target, "id")}
            stored = (
                n.value
                for n in ast.walk(scope)
                if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
            )
            found += [f"{name}: {n.id}" for n in stored if getattr(n, "id", None) in made]
    assert found == []
