"""The one parameter of a baseline, chosen on training images."""

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.metrics import psnr


def tune(method, d, sharp, operator, weights) -> float:
    """The weight among `weights` with the highest mean PSNR of `method(d, operator, weight)`.

    Args:
        method: `tikhonov`, `tv` or a function of the same arguments.
        d: measurements of training images [B, H, W, C].
        sharp: those images, in [0, 1].
        operator: A.
        weights: the candidates; the first of equals wins.

    Raises:
        ValueError: there is no weight, or none gives a finite PSNR.
    """
    check(len(weights) > 0, "`weights` must not be empty.", weights=weights)
    scores = {w: float(tf.reduce_mean(psnr(sharp, method(d, operator, w)))) for w in weights}
    finite = {w: score for w, score in scores.items() if abs(score) < float("inf")}
    check(bool(finite), "Some weight must give a finite PSNR.", scores=scores)
    return max(finite, key=finite.get)
