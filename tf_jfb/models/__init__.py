"""Equilibrium models and the baselines they are compared with."""

from tf_jfb.models import baselines
from tf_jfb.models.de_grad import DEGrad
from tf_jfb.models.equilibrium import Equilibrium, Restoration

__all__ = ["DEGrad", "Equilibrium", "Restoration", "baselines"]
