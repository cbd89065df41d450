"""Argument checks with one form of message: the constraint, then what was received."""


def check(ok: bool, constraint: str, **received) -> None:
    """Raises `ValueError("<constraint> Received: name=value")` unless `ok`.

    >>> check(1 > 0, "`m` must be a positive integer.", m=1)
    """
    if not ok:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"{constraint} Received: {values}")
