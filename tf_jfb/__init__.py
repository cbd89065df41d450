"""Deep equilibrium networks for imaging inverse problems, in TensorFlow and Keras."""

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
    "regularizers",
    "solvers",
]

# All at once, so that Keras knows the classes of models that were saved. The command line, started
# by `_tf_jfb_command`, imports what it needs by itself: it answers --help without TensorFlow.
if "_tf_jfb_command" not in sys.modules:
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
        regularizers,
        solvers,
    )
    from tf_jfb._types import Solution, Status
    from tf_jfb.exported import load
