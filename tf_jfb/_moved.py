"""Names that have moved, still found where they were, with a warning."""

import importlib
import warnings


def moved(module: str, homes: dict):
    """A module's `__getattr__` for `homes`, {name: the module that holds it now}."""

    def find(name):
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home = homes[name]
        warnings.warn(f"{module}.{name} is now {home}.{name}", DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(home), name)

    return find
