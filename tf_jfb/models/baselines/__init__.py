"""Classical reconstructions."""

from tf_jfb.models.baselines.annealed_pnp import annealed_pnp
from tf_jfb.models.baselines.pnp import pnp
from tf_jfb.models.baselines.tikhonov import tikhonov
from tf_jfb.models.baselines.tune import tune
from tf_jfb.models.baselines.tv import tv
from tf_jfb.models.baselines.wiener import wiener

__all__ = ["annealed_pnp", "pnp", "tikhonov", "tune", "tv", "wiener"]
