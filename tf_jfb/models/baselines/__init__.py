"""Classical reconstructions."""

from tf_jfb.models.baselines.tikhonov import tikhonov
from tf_jfb.models.baselines.tune import tune
from tf_jfb.models.baselines.tv import tv

__all__ = ["tikhonov", "tune", "tv"]
