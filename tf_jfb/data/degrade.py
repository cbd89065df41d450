"""Blur and noise for a data set of sharp images."""

import tensorflow as tf

from tf_jfb._validate import check


def degrade(dataset: tf.data.Dataset, operator, noise: float, seed: int = 0) -> tf.data.Dataset:
    """Maps sharp images to (blurred, sharp); element i always gets the same noise.

    Args:
        dataset: sharp images in [0, 1], [H, W, C] each, or batches [B, H, W, C].
        operator: A, called on [B, H, W, C].
        noise: standard deviation of the added Gaussian noise, in [0, 1] units.
        seed: with the element's index, determines its noise.

    Raises:
        ValueError: `noise` is negative or the elements are not images.
    """
    check(noise >= 0, "`noise` must be >= 0.", noise=noise)
    rank = dataset.element_spec.shape.rank
    check(rank in (3, 4), "`dataset` must yield images [H, W, C] or batches of them.", rank=rank)

    def blur(index, sharp):
        blurred = operator(sharp) if rank == 4 else operator(sharp[None])[0]
        unit = tf.random.stateless_normal(tf.shape(sharp), [seed, index], sharp.dtype)
        return blurred + noise * unit, sharp

    return dataset.enumerate().map(blur, num_parallel_calls=2, deterministic=True)
