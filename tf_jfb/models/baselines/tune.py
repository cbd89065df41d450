"""The one parameter of a baseline, chosen on training images."""

import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.metrics import psnr


def tune(method, d, sharp, operator, weights) -> float:
    """The weight among `weights` with the highest mean PSNR of `method(d, operator, weight)`.

    Raises ValueError if there is no weight.
    """
    check(len(weights) > 0, "`weights` must not be empty.", weights=weights)
    score = {w: float(tf.reduce_mean(psnr(sharp, method(d, operator, w)))) for w in weights}
    return max(score, key=score.get)
