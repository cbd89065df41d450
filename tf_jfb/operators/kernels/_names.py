"""Kernels by name, as on a command line."""

from collections.abc import Callable

import numpy as np

from tf_jfb._validate import check
from tf_jfb.operators.kernels._families import anisotropic, box, disk, gaussian, line
from tf_jfb.operators.kernels._files import is_named, load
from tf_jfb.operators.kernels._motion import motion

INTEGERS = {"SIZE", "SEED"}
FORMS: dict[str, dict[str, Callable]] = {  # {name: {form of what follows it: maker}}
    "box": {"SIZE": box},
    "disk": {"RADIUS": disk},
    "gaussian": {"SIZE:STD": gaussian, "SIZE:STD1:STD2:ANGLE": anisotropic},
    "line": {"LENGTH:ANGLE": line},
    "motion": {"SIZE:SEED": motion},
    "shake": {"SIZE:SEED": motion},
}
NOTES = {
    "line": "straight motion over LENGTH pixels, at degrees counter-clockwise from the right",
    "motion": "a random camera shake drawn from SEED; a straight motion is line:LENGTH:ANGLE",
    "shake": "a random one drawn from SEED",
}


def parse(text: str, normalise: bool = True) -> np.ndarray:
    """Kernel named on a command line.

    | name | kernel |
    |---|---|
    | "gaussian:SIZE:STD" | `gaussian` |
    | "gaussian:SIZE:STD1:STD2:ANGLE" | `anisotropic`, the angle in degrees |
    | "line:LENGTH:ANGLE" | `line`: straight motion, the angle in degrees |
    | "shake:SIZE:SEED", "motion:SIZE:SEED" | `motion`: a random camera shake, not a line |
    | "disk:RADIUS" | `disk` |
    | "box:SIZE" | `box` |
    | a file | `load` |
    | "FILE.npz:NAME", "FILE.mat:NAME" | one array of several in a file |

    With `normalise` false, what a file holds keeps its sum. Raises ValueError for anything else.

    >>> parse("gaussian:5:5.0").shape
    (5, 5)
    """
    name, *words = str(text).split(":")
    if name not in FORMS:
        file, _, array = str(text).rpartition(":")
        return load(file, array, normalise) if is_named(file) else load(text, None, normalise)
    forms = {len(form.split(":")): form for form in FORMS[name]}
    form = forms.get(len(words), "")
    kinds = [int if word in INTEGERS else float for word in form.split(":")]
    try:
        values = [kind(value) for kind, value in zip(kinds, words, strict=True)]
    except ValueError:
        form = ""
    note = f" ({NOTES[name]})" if name in NOTES else ""
    check(
        form in FORMS[name],
        f"A {name} kernel is written {' or '.join(f'{name}:{f}' for f in FORMS[name])}{note}.",
        kernel=text,
    )
    return FORMS[name][form](*values)


def forms() -> str:
    """What `parse` takes, for a command's help."""
    named = [f"{name}:{form}" for name, those in FORMS.items() for form in those]
    return f"{', '.join(named)}, or a file; motion is {NOTES['motion']}"
