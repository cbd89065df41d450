"""Gradient estimators for fixed points."""

from tf_jfb.gradients.audit import GradientAudit, audit_gradient
from tf_jfb.gradients.base import Estimator
from tf_jfb.gradients.implicit import Implicit
from tf_jfb.gradients.named import named
from tf_jfb.gradients.neumann import JFB, Neumann
from tf_jfb.gradients.phantom import Phantom
from tf_jfb.gradients.unrolled import Unrolled

__all__ = [
    "Estimator",
    "GradientAudit",
    "Implicit",
    "JFB",
    "Neumann",
    "Phantom",
    "Unrolled",
    "audit_gradient",
    "named",
]
