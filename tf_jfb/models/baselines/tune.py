"""The options of a baseline, chosen on training images."""

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
    scores = {w: _score(sharp, method(d, operator, w)) for w in weights}
    finite = {w: score for w, score in scores.items() if abs(score) < float("inf")}
    check(bool(finite), "Some weight must give a finite PSNR.", scores=scores)
    return max(finite, key=lambda candidate: finite[candidate])


def tune_options(method, d, sharp, operator, candidates: dict) -> dict:
    """{name: value} that is best, in turns: one option after the other, until none changes.

    Args:
        method: a function `method(d, operator, **options)`.
        d, sharp, operator: as in `tune`.
        candidates: {name: values}; every option starts at the middle one.

    Raises:
        ValueError: an option has no candidate, or none gives a finite PSNR.
    """
    empty = [name for name, values in candidates.items() if not len(values)]
    check(not empty, "Every option must have a candidate.", empty=empty)
    best = {name: values[len(values) // 2] for name, values in candidates.items()}
    known = {}

    def score(options):
        key = tuple(options.values())
        if key not in known:
            known[key] = _score(sharp, method(d, operator, **options))
        return known[key]

    while True:
        before = dict(best)
        for name, values in candidates.items():
            scores = {value: score({**best, name: value}) for value in values}
            finite = {value: s for value, s in scores.items() if abs(s) < float("inf")}
            check(bool(finite), f"Some `{name}` must give a finite PSNR.", scores=scores)
            best[name] = max(finite, key=lambda candidate: finite[candidate])
        if best == before or len(candidates) == 1:
            return best


def _score(sharp, restored) -> float:
    return float(tf.reduce_mean(psnr(sharp, restored)))
