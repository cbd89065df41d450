"""Picture files in and out of a program, by TensorFlow's operations alone."""

import tensorflow as tf

from tf_jfb.exported._inputs import MOST_NOISE

CHANNELS = (1, 3)  # that both JPEG and PNG hold


def decoded(contents: tf.Tensor, channels: int) -> tf.Tensor:
    """Pictures [B, H, W, `channels`] in [0, 1] of the files [B]: JPEG, PNG, BMP, or a GIF's first.

    EXIF orientation is not looked at. The call fails with `InvalidArgumentError` unless all are
    such files, of one size.
    """
    sizes = tf.map_fn(
        lambda content: tf.shape(_pixels(content, channels))[:2],
        contents,
        fn_output_signature=tf.TensorSpec([2], tf.int32),
    )
    text = "The pictures of `image_bytes` must have one size. Received: heights, widths ="
    same = tf.reduce_all(sizes == sizes[:1])
    assertion = tf.debugging.Assert(same, [text, sizes[:, 0], sizes[:, 1]], summarize=8)
    with tf.control_dependencies([assertion]):
        contents = tf.identity(contents)
    return tf.map_fn(
        lambda content: _pixels(content, channels),
        contents,
        fn_output_signature=tf.TensorSpec([None, None, channels], tf.float32),
    )


def told_once(noise: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """`noise` [B] times sqrt(C) where an image has the same channels: see `same_channels`."""
    same = tf.reduce_all(images == images[..., :1], axis=(1, 2, 3))
    return tf.where(same, tf.minimum(noise * images.shape[-1] ** 0.5, MOST_NOISE), noise)


def encoded(images: tf.Tensor) -> tf.Tensor:
    """PNG files [B], of 8 bits, of images [B, H, W, C], which are clipped to [0, 1]."""
    levels = tf.cast(tf.round(tf.clip_by_value(images, 0.0, 1.0) * 255.0), tf.uint8)
    return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.TensorSpec([], tf.string))


def _pixels(content, channels) -> tf.Tensor:
    pixels = tf.io.decode_image(content, channels, tf.float32, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, channels])
