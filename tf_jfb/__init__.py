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
    regularizers,
    solvers,
)
from tf_jfb._types import Solution, Status

__version__ = "0.1.0"
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
    "regularizers",
    "solvers",
]
