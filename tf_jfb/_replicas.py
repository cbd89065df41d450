"""What code needs that runs on every replica of a `tf.distribute` strategy.

Each has its share of the global batch. Outside a strategy there is one replica, and nothing here
adds an operation.
"""

import tensorflow as tf


def count() -> int:
    """Replicas that take part in the step that is being computed."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def moments(y: tf.Tensor, axes) -> tuple:
    """Mean and variance of `y` over `axes` and over the replicas, whose shares are of one size."""
    mean, variance = tf.nn.moments(y, axes)
    if count() == 1:
        return mean, variance
    means = tf.stack([mean, variance + tf.square(mean)])
    mean, square = tf.unstack(tf.distribute.get_replica_context().all_reduce("MEAN", means))
    return mean, tf.nn.relu(square - tf.square(mean))


def normal(shape: tf.Tensor, seed: tf.Tensor, dtype) -> tf.Tensor:
    """Standard normal [b, ...]: this replica's share of what one device draws for all of them."""
    replicas = count()
    if replicas == 1:
        return tf.random.stateless_normal(shape, seed, dtype=dtype, alg="philox")
    whole = tf.concat([replicas * shape[:1], shape[1:]], axis=0)
    drawn = tf.random.stateless_normal(whole, seed, dtype=dtype, alg="philox")
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * shape[0]
    return drawn[first : first + shape[0]]
