"""Finite differences of image batches."""

import tensorflow as tf

# Upper bound on |gradient|^2 at every image size (Chambolle, 2004).
GRADIENT_NORM_SQUARED = 8.0


def gradient(x: tf.Tensor) -> tuple:
    """Forward differences (down, right), zero at the far border: [B, H, W, C] -> twice that."""
    down = tf.pad(x[:, 1:] - x[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = tf.pad(x[:, :, 1:] - x[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    return down, right


def gradient_adjoint(down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Adjoint of `gradient`: [B, H, W, C] twice -> [B, H, W, C]."""
    # The last difference is zero by definition, so what `down` and `right` hold there is dropped.
    down = tf.pad(down[:, :-1], [[0, 0], [1, 1], [0, 0], [0, 0]])
    right = tf.pad(right[:, :, :-1], [[0, 0], [0, 0], [1, 1], [0, 0]])
    return down[:, :-1] - down[:, 1:] + right[:, :, :-1] - right[:, :, 1:]
