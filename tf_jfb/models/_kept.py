"""What an equilibrium model keeps from one call to another."""

from typing import Any

import numpy as np
import tensorflow as tf

from tf_jfb._compat import value
from tf_jfb._numerics import per_image
from tf_jfb._types import Solution, Status
from tf_jfb._validate import check


class Folds:
    """The network's normalisations, folded again only after its weights have changed."""

    def __init__(self, network):
        self._network, self._weights, self._known = network, [], None

    def current(self):
        weights = [tf.convert_to_tensor(value(v)).numpy() for v in self._network.variables]
        pairs = zip(self._weights, weights, strict=False)
        if self._known is None or not all(np.array_equal(old, new) for old, new in pairs):
            self._known, self._weights = self._network.folded(), [w.copy() for w in weights]
        return self._known


class Memory:
    """The last solution of every training example, to start its next solve from."""

    def __init__(self, examples: int):
        self._examples = examples
        self._images: Any = None  # variables, once the images are known
        self._known: Any = None

    def recall(self, index, x0):
        """Starts for the examples `index` [B]: what is known, else `x0`."""
        self._make(x0)
        known = tf.gather(self._known, index)
        return tf.where(per_image(known, x0), tf.gather(self._images, index), x0)

    def keep(self, index, solution: Solution) -> None:
        """Notes solutions; one that diverged is no start."""
        sound = solution.status != int(Status.DIVERGED)
        self._images.scatter_nd_update(index[:, None], solution.x)
        self._known.scatter_nd_update(index[:, None], sound)

    def _make(self, x0):
        check(
            x0.shape[1:].is_fully_defined(),
            "`warm_start` needs images of one static size.",
            shape=x0.shape,
        )
        check(
            tf.distribute.get_strategy().num_replicas_in_sync == 1,
            "`warm_start` works on one device.",
            replicas=tf.distribute.get_strategy().num_replicas_in_sync,
        )
        if self._images is None:
            shape = [self._examples, *x0.shape[1:]]
            with tf.init_scope():
                self._images = tf.Variable(tf.zeros(shape, x0.dtype), trainable=False)
                self._known = tf.Variable(tf.zeros(self._examples, tf.bool), trainable=False)
