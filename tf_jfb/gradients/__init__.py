"""Gradient estimators for fixed points."""

from tf_jfb.gradients.base import Estimator
from tf_jfb.gradients.neumann import JFB, Neumann

__all__ = ["Estimator", "JFB", "Neumann"]
