"""What `solve` is given, checked before it begins."""

import numpy as np
import tensorflow as tf

from tf_jfb._validate import check


def one_tensor(name, x) -> tf.Tensor:
    """`x` as a tensor; raises ValueError for a structure of several, which would be stacked."""
    several = isinstance(x, (tuple, list, dict)) and any(map(tf.is_tensor, tf.nest.flatten(x)))
    kind = type(x).__name__
    check(not several, f"`{name}` must be one tensor: concatenate the parts of a state.", kind=kind)
    return tf.convert_to_tensor(x)


def check_override(name, value, batch, kinds, least) -> None:
    """A number, or one for every image; tensors are taken as they are."""
    if value is None or tf.is_tensor(value):
        return
    array = np.asarray(value)
    check(
        array.dtype.kind in kinds and array.shape in ((), (1,), (batch or array.size,)),
        f"`{name}` must be {'a number' if 'f' in kinds else 'an integer'} >= {least}, or [B].",
        **{name: value},
    )
    check(bool((array >= least).all()), f"`{name}` must be >= {least}.", **{name: value})
