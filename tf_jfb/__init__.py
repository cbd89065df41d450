"""Deep equilibrium networks for imaging inverse problems, in TensorFlow and Keras."""

from tf_jfb import (
    data,
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
from tf_jfb._version import __version__  # noqa: F401

__all__ = [
    "Solution",
    "Status",
    "data",
    "gradients",
    "layers",
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
