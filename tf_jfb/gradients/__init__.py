"""Gradient estimators for fixed points."""

from tf_jfb._moved import moved
from tf_jfb.gradients.base import Estimator
from tf_jfb.gradients.implicit import Implicit
from tf_jfb.gradients.named import named
from tf_jfb.gradients.neumann import JFB, Neumann
from tf_jfb.gradients.phantom import Phantom
from tf_jfb.gradients.unrolled import Unrolled

__all__ = [
    "Estimator",
    "Implicit",
    "JFB",
    "Neumann",
    "Phantom",
    "Unrolled",
    "named",
]

__getattr__ = moved(
    __name__,
    {"audit_gradient": "tf_jfb.diagnostics", "GradientAudit": "tf_jfb.diagnostics"},
)
