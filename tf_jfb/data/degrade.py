"""Blur and noise for a data set of sharp images."""

import tensorflow as tf

from tf_jfb import noise as noises
from tf_jfb._validate import check


def degrade(dataset: tf.data.Dataset, operator, noise: float, seed: int = 0) -> tf.data.Dataset:
    """Maps sharp images to (blurred, sharp); element i always gets the same noise.

    Args:
        dataset: sharp images in [0, 1], [H, W, C] each, or batches [B, H, W, C].
        operator: A, called on [B, H, W, C].
        noise: standard deviation of the added Gaussian noise, in [0, 1] units.
        seed: with the element's index, determines its noise.

    Raises:
        ValueError: `noise` is not a finite number >= 0, or the elements are not images.
    """
    check(0 <= noise < float("inf"), "`noise` must be a finite number >= 0.", noise=noise)
    spec = dataset.element_spec
    rank = spec.shape.rank if isinstance(spec, tf.TensorSpec) else None
    check(rank in (3, 4), "`dataset` must yield images [H, W, C] or batches of them.", yields=spec)

    def blur(index, sharp):
        batch = sharp if rank == 4 else sharp[None]
        blurred = noises.gaussian(operator(batch), noise, [seed, index])
        return (blurred if rank == 4 else blurred[0]), sharp

    return dataset.enumerate().map(blur, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
