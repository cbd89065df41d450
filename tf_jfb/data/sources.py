"""Training examples by number: what makes an interrupted training resume exactly."""

import functools

import numpy as np
import tensorflow as tf

from tf_jfb._streams import Stream, generator
from tf_jfb._validate import check


def examples(
    source,
    operator,
    noise: float,
    *,
    batch_size: int,
    seed: int = 0,
    start: int = 0,
    crop: int | None = None,
    shrink: float = 1.0,
    augment: bool = True,
    shard: tuple[int, int] = (1, 0),
) -> tf.data.Dataset:
    """Endless batches (blurred, sharp), [B, h, w, C] float32, sharp in [0, 1].

    Example number i is image `permutation(seed, epoch)[i % len]` of epoch i // len; its crop,
    flip, rotation and noise depend on (seed, i) alone. `start` therefore costs nothing.

    Args:
        source: `len(source)` images, `source[i]` float32 [H, W, C] in [0, 1].
        operator: A, applied to the crop; None for the identity.
        noise: standard deviation of the added Gaussian noise, in [0, 1] units.
        batch_size: examples per batch, >= 1.
        seed: of everything drawn, >= 0.
        start: number of the first example.
        crop: side of a random square crop; None takes whole images, which must agree in size.
        shrink: with a crop, images are first shrunk by a factor drawn from [shrink, 1], or as far
            as the crop still fits: sharper than the photograph was. 1 leaves them as they are.
        augment: random flips and quarter turns (quarter turns only with a square crop).
        shard: (count, index), to yield of every batch only part `index` of `count` equal parts: the
            share of one worker among several.

    Raises:
        ValueError: an argument is outside its range, or an image is smaller than the crop.
    """
    _check(source, noise, batch_size, seed, start, crop, shrink)
    count, index = shard
    check(
        0 <= index < count and batch_size % count == 0,
        "`shard` must be (count, index), index < count, with `batch_size` a multiple of count.",
        shard=shard,
        batch_size=batch_size,
    )
    make = functools.partial(_example, source, seed, crop, shrink, augment)
    channels = source[0].shape[-1]

    def load(number):
        sharp, unit = tf.numpy_function(make, [number], [tf.float32, tf.float32])
        shape = (crop, crop, channels)
        return tf.ensure_shape(sharp, shape), tf.ensure_shape(unit, shape)

    def degrade_batch(sharp, unit):
        blurred = sharp if operator is None else operator(sharp)
        height, width = tf.unstack(tf.shape(blurred)[1:3])
        return blurred + noise * unit[:, :height, :width], sharp

    numbers = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
    part = batch_size // count
    if count > 1:
        numbers = numbers.batch(part).shard(count, index).unbatch()
    loaded = numbers.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return loaded.batch(part, drop_remainder=True).map(degrade_batch).prefetch(2)


def _check(source, noise, batch_size, seed, start, crop, shrink) -> None:
    check(len(source) > 0, "`source` must hold at least one image.", length=len(source))
    check(batch_size >= 1, "`batch_size` must be >= 1.", batch_size=batch_size)
    check(0 <= noise < float("inf"), "`noise` must be a finite number >= 0.", noise=noise)
    check(seed >= 0, "`seed` must be >= 0.", seed=seed)
    check(start >= 0, "`start` must be >= 0.", start=start)
    check(crop is None or crop >= 1, "`crop` must be >= 1, or None.", crop=crop)
    check(0 < shrink <= 1, "`shrink` must lie in (0, 1].", shrink=shrink)


def _example(source, seed, crop, shrink, augment, number) -> tuple:
    """Sharp crop and unit normal noise of example `number`."""
    epoch, position = divmod(int(number), len(source))
    sharp = source[int(_permutation(len(source), seed, epoch)[position])]
    rng = generator(seed, Stream.EXAMPLE, int(number))
    if crop is not None:
        sharp = _random_crop(_shrunk(sharp, crop, shrink, rng), crop, rng)
    if augment:
        sharp = np.rot90(sharp, int(rng.integers(4)) if crop is not None else 0)
        sharp = sharp[:, ::-1] if rng.integers(2) else sharp
    noise = rng.standard_normal(sharp.shape, np.float32)
    return np.ascontiguousarray(sharp, np.float32), noise


@functools.lru_cache(maxsize=4)
def _permutation(length, seed, epoch):
    return generator(seed, Stream.ORDER, epoch).permutation(length)


def _shrunk(image, crop, least, rng):
    """`image` scaled by a random factor in [least, 1] that leaves room for the crop."""
    import cv2

    least = max(least, crop / min(image.shape[:2]))
    if least >= 1.0:
        return image
    factor = rng.uniform(least, 1.0)
    height, width = (max(crop, round(factor * side)) for side in image.shape[:2])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small.reshape(height, width, -1)


def _random_crop(image, crop, rng):
    height, width = image.shape[:2]
    check(
        crop <= min(height, width),
        "`crop` must fit into every image.",
        crop=crop,
        image=(height, width),
    )
    top, left = rng.integers(height - crop + 1), rng.integers(width - crop + 1)
    return image[top : top + crop, left : left + crop]
