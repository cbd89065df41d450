"""Equilibrium models and the baselines they are compared with."""

from tf_jfb.models import baselines
from tf_jfb.models.de_admm import DEADMM
from tf_jfb.models.de_grad import DEGrad
from tf_jfb.models.de_hqs import DEHQS
from tf_jfb.models.de_prox import DEProx
from tf_jfb.models.equilibrium import Equilibrium

__all__ = ["DEADMM", "DEHQS", "DEGrad", "DEProx", "Equilibrium", "baselines"]
