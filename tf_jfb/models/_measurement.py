"""What a model is told about its images."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb._validate import LEAST, MOST, check
from tf_jfb.operators import kernels
from tf_jfb.operators.frame import scene_of


class Measurement(NamedTuple):
    """One batch, as `equilibrium_map` gets it."""

    image: tf.Tensor  # d [B, H, W, C]
    kernel: tf.Tensor | None = None  # [B, k1, k2], where the model has no operator of its own
    noise: tf.Tensor | None = None  # [B], standard deviation in the units of the image
    index: tf.Tensor | None = None  # type: ignore[assignment]  # int [B], the training example
    seen: tf.Tensor | None = None  # [B, H, W, 1], 0 where the image is a guess; None: 1 everywhere


def measurement(inputs, wanted: list, remembers: bool, dtype) -> Measurement:
    """`inputs` of a model: an image, or a dict of it, of the names `wanted`, and of an index."""
    if isinstance(inputs, Measurement):
        return inputs
    given = inputs if isinstance(inputs, dict) else {"image": inputs}
    needed = {"image", *wanted}
    check(
        needed <= set(given) <= needed | ({"index"} if remembers else set()),
        f"The model takes a dict of {', '.join(['image', *wanted])}."
        if wanted
        else "The model takes an image, and an index only where it has a `warm_start`.",
        inputs=sorted(given),
    )
    image = tf.convert_to_tensor(given["image"])
    check(
        image.dtype.is_floating,
        "`image` must be floating, in [0, 1]: divide 8-bit images by 255.",
        dtype=image.dtype.name,
    )
    real = {name: tf.cast(given[name], dtype) for name in needed}
    real["image"] = _in_range(real["image"])
    if "kernel" in real:  # of sum 1: a blur that keeps the brightness
        real["kernel"] /= tf.reduce_sum(real["kernel"], [1, 2], keepdims=True)
    return Measurement(**real, index=given.get("index"))


def _in_range(image):
    """`image`; the program stops where its values are those of 8-bit images (not under XLA)."""
    outside = tf.reduce_any((image <= LEAST) | (image >= MOST))
    said = "`image` must hold values in [0, 1] (plus noise): divide 8-bit values by 255."
    with tf.control_dependencies([tf.debugging.Assert(~outside, [said], summarize=1)]):
        return tf.identity(image)


def as_scene(m: Measurement, mask=None) -> Measurement:
    """`m` with its photographs as frames of the scene that their blur mixed into them.

    `mask` [B, H, W, 1] is 0 at pixels not to be trusted, such as saturated ones.
    """
    scene, seen = scene_of(m.image, tf.unstack(tf.shape(m.kernel)[1:]))
    if mask is not None:
        below, right = tf.unstack((tf.shape(seen) - tf.shape(mask))[1:3])
        seen *= tf.pad(mask, [[0, 0], [0, below], [0, right], [0, 0]])
    return m._replace(image=scene, seen=seen)


def check_kernels(kernel, batch: int) -> tf.Tensor:
    """[k1, k2] or [B, k1, k2] as [B, k1, k2]; raises ValueError unless they are kernels."""
    return tf.constant(kernels.of_images(kernel, batch), tf.float32)


def check_noise(noise, batch: int) -> tf.Tensor:
    """A number or [B] as [B]; raises ValueError unless positive and finite."""
    array = np.asarray(noise, np.float32)
    check(
        array.ndim == 0 or array.shape == (batch,),
        "`noise` must be a number, or [B] with one for every image.",
        shape=array.shape,
        images=batch,
    )
    check(
        bool((array > 0).all() and (array < 1).all()),
        "`noise` must lie in (0, 1), the units of the image.",
        noise=noise,
    )
    return tf.constant(np.broadcast_to(array, (batch,)))
