"""A local map applied to bands of rows, one after the other: memory stays bounded."""

import tensorflow as tf

# Per band, halo aside. 64 channels in float32 take 256 MiB, and a convolution holds two of them.
MOST_PIXELS = 2**20
HALOS = 8  # of rows that a band has at least: the two that it shares are a quarter of its work


def by_bands(f, x: tf.Tensor, halo: int, multiple: int = 1) -> tf.Tensor:
    """f(x) for a map [B, H, W, C] -> [B, H, W, C'] that sees no further than `halo` rows.

    Every band is computed with its halo, which is cut off, so that the result is that of the
    whole image, its borders included. Bands hold `MOST_PIXELS`, but never fewer rows than
    `HALOS` halos; a smaller image is one band. `halo` and H are multiples of `multiple`, and so
    are the first rows of all bands.
    """
    shape = tf.shape(x)
    if x.shape.num_elements() is not None and x.shape[1] <= _most_rows(x.shape, halo):
        return f(x)
    height = shape[1]
    count = -(-height // _most_rows(tf.unstack(shape), halo))
    rows = -(-height // (count * multiple)) * multiple
    count = -(-height // rows)
    extent = tf.minimum(height, rows + 2 * halo)

    def band(i, bands):
        top = tf.minimum(i * rows, height - rows)  # of the rows to compute
        start = tf.clip_by_value(top - halo, 0, height - extent)
        part = tf.slice(x, [0, start, 0, 0], tf.stack([-1, extent, -1, -1]))
        part = tf.ensure_shape(part, [x.shape[0], None, *x.shape[2:]])
        y = tf.slice(f(part), [0, top - start, 0, 0], tf.stack([-1, rows, -1, -1]))
        return i + 1, bands.write(i, y)

    bands = tf.TensorArray(x.dtype, count, element_shape=[x.shape[0], None, x.shape[2], None])
    _, bands = tf.while_loop(
        lambda i, _: i < count, band, (tf.constant(0), bands), parallel_iterations=1
    )
    return tf.ensure_shape(_joined(bands.stack(), shape, rows), [*x.shape[:3], None])


def _most_rows(shape, halo):
    """Rows of a band; `shape` in integers or tensors."""
    rows = MOST_PIXELS // (shape[0] * shape[2])
    least = HALOS * halo
    return tf.maximum(rows, least) if tf.is_tensor(rows) else max(rows, least)


def _joined(bands, shape, rows):
    """[n, B, rows, W, C] -> [B, H, W, C]; the last band also holds rows of the one before."""
    stacked = tf.transpose(bands, [1, 0, 2, 3, 4])
    whole = (tf.shape(bands)[0] - 1) * rows
    first = tf.reshape(stacked[:, :-1], [shape[0], whole, shape[2], tf.shape(bands)[4]])
    return tf.concat([first, stacked[:, -1, rows - (shape[1] - whole) :]], axis=1)
