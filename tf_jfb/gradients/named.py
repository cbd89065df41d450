"""Estimators by name, for command lines and configuration files."""

from tf_jfb._validate import check, refuse
from tf_jfb.gradients.base import Estimator
from tf_jfb.gradients.implicit import Implicit
from tf_jfb.gradients.neumann import JFB, Neumann
from tf_jfb.gradients.phantom import Phantom
from tf_jfb.gradients.unrolled import Unrolled

# name: (class, kinds of its arguments, in order)
NAMES = {
    "jfb": (JFB, ()),
    "neumann": (Neumann, (int,)),
    "phantom": (Phantom, (int, float)),
    "implicit": (Implicit, ()),
    "unrolled": (Unrolled, (int,)),
}
FORMS = "jfb, neumann:ORDER, phantom:STEPS:DAMPING, implicit or unrolled:STEPS"


def named(text: str) -> Estimator:
    """The estimator written as "jfb", "neumann:3", "phantom:5:0.5", "implicit" or "unrolled:10".

    Arguments left out take the class's defaults.

    Raises:
        ValueError: the text has another form, or an argument is outside its range.

    >>> named("neumann:3")
    Neumann(order=3)
    """
    name, *words = str(text).split(":")
    check(name in NAMES, f"`gradient` must be {FORMS}.", gradient=text)
    cls, kinds = NAMES[name]
    check(len(words) <= len(kinds), f"`gradient` must be {FORMS}.", gradient=text)
    try:
        arguments = [kind(word) for kind, word in zip(kinds, words, strict=False)]
    except ValueError:
        refuse(f"`gradient` must be {FORMS}.", gradient=text)
    return cls(*arguments)
