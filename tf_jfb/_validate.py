"""Argument checks with one form of message: the constraint, then what was received."""

import dataclasses
import math
import numbers
import typing
from typing import NoReturn

import numpy as np

BOUNDARIES = ("photo", "circular")  # the scene goes on beyond the image, or images wrap around
LEAST, MOST = -1.0, 2.0  # pixels lie between: noise and overshoot leave [0, 1], 8 bits do more


def check(ok: bool, constraint: str, **received) -> None:
    """Raises `ValueError("<constraint> Received: name=value")` unless `ok`.

    >>> check(1 > 0, "`m` must be a positive integer.", m=1)
    """
    if not ok:
        refuse(constraint, **received)


def refuse(constraint: str, **received) -> NoReturn:
    """Raises the error of `check`."""
    values = ", ".join(f"{name}={plain(value)!r}" for name, value in received.items())
    raise ValueError(f"{constraint} Received: {values}")


def check_boundary(boundary: str) -> None:
    """Raises ValueError unless it is one of `BOUNDARIES`."""
    names = " or ".join(map(repr, BOUNDARIES))
    check(boundary in BOUNDARIES, f"`boundary` must be {names}.", boundary=boundary)


def check_real(name: str, value) -> None:
    """Raises ValueError where `value` is an array of complex numbers, or a list of them."""
    check(not np.iscomplexobj(value), f"`{name}` must hold real numbers.", **{name: "complex"})


def trusted_pixels(mask, shape) -> np.ndarray:
    """Where the `mask` [H, W, 1] of an image of `shape` [H, W, C] is positive; None is everywhere.

    Raises ValueError where it has another size.
    """
    shape = (*shape[:2], 1)
    mask = np.ones(shape) if mask is None else np.asarray(mask)
    check(mask.shape == shape, f"`mask` must be [H, W, 1], {shape}.", mask=mask.shape)
    return mask > 0


def is_integer(value) -> bool:
    """Whether it is a whole number, of Python's or NumPy's."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def plain(value):
    """NumPy's numbers as Python's, which are checked, compared and saved.

    >>> plain(np.int64(3))
    3
    """
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value


def finite(value):
    """`value` with None for NaN and infinities, of which JSON knows nothing."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_number(value) -> bool:
    """Whether it is a finite real number, of Python's or NumPy's."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def check_positive(name: str, value) -> None:
    """Raises ValueError unless it is a finite number > 0."""
    check(is_number(value) and value > 0, f"`{name}` must be positive.", **{name: value})


KINDS = {
    float: (is_number, "a finite number"),
    bool: (lambda value: isinstance(value, bool), "True or False"),
}


def make_plain(record) -> None:
    """`plain` for every field of a frozen dataclass that is being made.

    Raises ValueError where a field that is annotated as one of `KINDS`, or as one or None, is not.
    """
    for field in dataclasses.fields(record):
        value = plain(getattr(record, field.name))
        object.__setattr__(record, field.name, value)
        kinds = typing.get_args(field.type) or (field.type,)
        if value is None and type(None) in kinds:
            continue
        for kind, (fits, name) in KINDS.items():
            if {*kinds} <= {kind, type(None)}:
                check(fits(value), f"`{field.name}` must be {name}.", **{field.name: value})
