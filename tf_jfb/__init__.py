"""Deep equilibrium networks for imaging inverse problems, in TensorFlow and Keras."""

import importlib
import sys

from tf_jfb._version import __version__  # noqa: F401

__all__ = [
    "Solution",
    "Status",
    "data",
    "exported",
    "gradients",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "networks",
    "noise",
    "operators",
    "psf",
    "regularizers",
    "solvers",
]

# All at once, so that Keras knows the classes of models that were saved; but by and by for the
# command line, started by `_tf_jfb_command`, which answers --help without TensorFlow.
if "_tf_jfb_command" in sys.modules:

    def __getattr__(name):
        homes = {"Solution": "tf_jfb._types", "Status": "tf_jfb._types", "load": "tf_jfb.exported"}
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        if name in __all__:
            return importlib.import_module(f"tf_jfb.{name}")
        raise AttributeError(f"module 'tf_jfb' has no attribute {name!r}")

else:
    from tf_jfb import (
        data,
        exported,
        gradients,
        layers,
        losses,
        metrics,
        models,
        networks,
        noise,
        operators,
        psf,
        regularizers,
        solvers,
    )
    from tf_jfb._types import Solution, Status
    from tf_jfb.exported import load
