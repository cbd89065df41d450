"""What exported signatures ask of their inputs, as operations of the graph.

XLA compiles them away.
"""

import tensorflow as tf

from tf_jfb._validate import LEAST, MOST


def assert_usable(image, kernel=None, noise=None, rtol=None, max_evaluations=None, mask=None):
    """Fails the call with `InvalidArgumentError` unless every input that is given is in its range.

    Args:
        image: [B, H, W, C].
        kernel: [B, k1, k2].
        noise, rtol, max_evaluations: [B], or one number.
        mask: [B, H, W, 1].
    """
    low, high = tf.reduce_min(image), tf.reduce_max(image)
    # Of every pixel: the least of pixels that hold a NaN may be a number.
    _assert(
        (image > LEAST) & (image < MOST),
        "`image` must be finite and lie in [0, 1], give or take its noise: divide by the value of"
        " white. Received: min, max =",
        [low, high],
    )
    if kernel is not None:
        sums, sizes = tf.reduce_sum(kernel, [1, 2]), tf.shape(kernel)[1:]
        positive = (sums > 0) & (sums < float("inf"))
        _assert(positive, "`kernel` must be finite, of positive sum. Received: sum =", [sums])
        size = tf.shape(image)[1:3]
        text = "`kernel` must not be larger than the image. Received: kernel, image ="
        _assert(sizes <= size, text, [sizes, size])
    if noise is not None:
        text = "`noise` must lie in (0, 1), the units of the image. Received: noise ="
        _assert((noise > 0) & (noise < 1), text, [noise])
    if rtol is not None:
        text = "`rtol` must be a finite number >= 0. Received: rtol ="
        _assert((rtol >= 0) & (rtol < float("inf")), text, [rtol])
    if max_evaluations is not None:
        text = "`max_evaluations` must be >= 1. Received: max_evaluations ="
        _assert(max_evaluations >= 1, text, [max_evaluations])
    if mask is not None:
        text = "`mask` must be [B, H, W, 1], as the image. Received: mask, image ="
        same = tf.shape(mask)[:3] == tf.shape(image)[:3]
        _assert(same, text, [tf.shape(mask), tf.shape(image)])


def _assert(holds, text, received) -> None:
    tf.debugging.Assert(tf.reduce_all(holds), [text, *received], summarize=8)
