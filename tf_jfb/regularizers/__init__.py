"""Penalties on the map of an equilibrium model, for training."""

from tf_jfb.regularizers.base import Regularizer
from tf_jfb.regularizers.correction import Correction
from tf_jfb.regularizers.jacobian import Jacobian

__all__ = ["Correction", "Jacobian", "Regularizer"]
