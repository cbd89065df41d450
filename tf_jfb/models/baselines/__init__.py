"""Classical reconstructions."""

from tf_jfb.models.baselines.plug_and_play import PlugAndPlay, annealed_pnp, pnp
from tf_jfb.models.baselines.richardson_lucy import richardson_lucy
from tf_jfb.models.baselines.tikhonov import tikhonov
from tf_jfb.models.baselines.tune import tune, tune_options
from tf_jfb.models.baselines.tv import tv
from tf_jfb.models.baselines.wiener import wiener

__all__ = [
    "PlugAndPlay",
    "annealed_pnp",
    "pnp",
    "richardson_lucy",
    "tikhonov",
    "tune",
    "tune_options",
    "tv",
    "wiener",
]
