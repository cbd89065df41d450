"""Per-image linear algebra: every reduction runs over all axes but the first."""

import numpy as np
import tensorflow as tf


def per_image_dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Inner products <a_i, b_i>: [B, ...], [B, ...] -> [B]."""
    batch = tf.shape(a)[0]
    return tf.linalg.matvec(tf.reshape(a, [batch, 1, -1]), tf.reshape(b, [batch, -1]))[:, 0]


def per_image_norm(z: tf.Tensor) -> tf.Tensor:
    """Euclidean norms: [B, ...] -> [B]."""
    return tf.norm(tf.reshape(z, [tf.shape(z)[0], -1]), axis=-1)


def per_image_unit(z: tf.Tensor) -> tf.Tensor:
    """Every image scaled to norm 1, zero where it is zero: [B, ...] -> [B, ...]."""
    return z / per_image(tf.maximum(per_image_norm(z), 1e-30), z)


def rounding(z: tf.Tensor) -> tf.Tensor:
    """Norms that rounding may give the difference of two tensors like `z`: [B, ...] -> [B]."""
    return float(4.0 * np.finfo(z.dtype.as_numpy_dtype).eps) * per_image_norm(z)


def per_image(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Reshapes [B] to [B, 1, ..., 1] so that it broadcasts against `like` [B, ...]."""
    like = tf.convert_to_tensor(like)
    if like.shape.rank is not None:
        return tf.reshape(values, [-1] + [1] * (like.shape.rank - 1))
    ones = tf.ones_like(tf.shape(like)[1:])
    return tf.reshape(values, tf.concat([tf.shape(like)[:1], ones], 0))


def cast(value, dtype) -> tf.Tensor:
    """`value` in `dtype`; unlike `tf.cast`, Python numbers do not pass through float32.

    >>> float(cast(0.1, tf.float64)), float(tf.cast(0.1, tf.float64)) == 0.1
    (0.1, False)
    """
    return tf.cast(value, dtype) if tf.is_tensor(value) else tf.convert_to_tensor(value, dtype)


def shaped(x: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """`x` with what is known of `shape`, which may be nothing: `tf.ensure_shape` refuses that."""
    return x if shape.rank is None else tf.ensure_shape(x, shape)


def parted(structure) -> tuple:
    """(its tensors, the function of as many that makes it of them), None being part of it."""
    leaves = tf.nest.flatten(structure)

    def whole(tensors):
        each = iter(tensors)
        return tf.nest.pack_sequence_as(
            structure, [leaf if leaf is None else next(each) for leaf in leaves]
        )

    return [leaf for leaf in leaves if leaf is not None], whole
