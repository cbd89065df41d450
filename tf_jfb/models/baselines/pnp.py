"""Plug-and-play: a denoiser, trained for its own sake, in place of a prior."""

import functools

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.models._laws import REFERENCE
from tf_jfb.models.baselines._arguments import checked
from tf_jfb.models.de_hqs import DEHQS
from tf_jfb.operators import BlurFFT, Operator
from tf_jfb.solvers import Anderson


def pnp(
    d, operator: Operator, weight: float, *, network, noise: float, max_evaluations: int = 50
) -> tf.Tensor:
    r"""Fixed point of $x \mapsto D(\arg\min_z |A z - d|^2 + w\,|z - x|^2)$, $D = I - R$.

    Half-quadratic splitting with a denoiser that knows nothing of the blur; a conditional one is
    told the level $\sigma / \sqrt w$, so that w balances its noise against that of d. Solved by
    Anderson's method to a relative residual of 1e-3; images that do not get there keep their best
    iterate.

    Args:
        d: measurements [B, H, W, C].
        operator: A.
        weight: w > 0.
        network: R, a trained network of `tf_jfb.networks`.
        noise: standard deviation of the noise in d, in [0, 1] units.
        max_evaluations: cap on evaluations of the map, >= 1.

    Raises:
        ValueError: an argument is outside its range.

    Source: Venkatakrishnan et al. (2013); as half-quadratic splitting: Zhang et al. (2021),
    arXiv 2008.13751.
    """
    d = checked(d, operator, weight)
    check(noise > 0, "`noise` must be positive.", noise=noise)
    kernel = operator.kernel if isinstance(operator, BlurFFT) else None
    model = _model(None if kernel is not None else operator, network)
    model.set_laws(noise if model.takes_noise else REFERENCE, weight, noise / weight**0.5)
    told = {"kernel": kernel} if model.takes_kernel else {}
    told |= {"noise": noise} if model.takes_noise else {}
    return model.restore(d, max_evaluations=max_evaluations, **told).image


@functools.lru_cache(maxsize=8)
def _model(operator, network):
    return DEHQS(operator, network, learned=False, solver=Anderson(rtol=1e-3))
