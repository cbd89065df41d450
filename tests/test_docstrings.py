"""Every example of a docstring runs and prints what stands there."""

import doctest
import importlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "tf_jfb").rglob("*.py")
    if ">>> " in path.read_text()
)
OPTIONAL = {"apache_beam"}


def examples(module) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    return [test for test in found if test.examples]


def failures(tests) -> str:
    """What the examples printed that they should not have."""
    said = []
    for test in tests:
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] in OPTIONAL:
            pytest.skip(f"needs {error.name}")
        raise
    tests = examples(module)
    assert tests, f"{name} has `>>> ` where doctest finds no example"
    assert failures(tests) == ""


def test_a_wrong_example_is_noticed():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert "Expected:\n    3" in failures([test])
