"""`tf.custom_gradient` whose registration ends with the graph that it was made in.

In a graph, TensorFlow registers the closure of every call in a table that lasts as long as the
process; through its tensors the closure keeps the graph and the model. Here the graph owns the
closure, and the table a function that finds it there.
"""

import contextlib
import contextvars
import functools
import weakref

import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

KINDS = ("convolution", "fourier", "inverse")  # what has gradients of our own
_OWNED = "_tf_jfb_gradients"  # attribute of a graph: {name: gradient function}
_handed_over = set()  # names
_plain = contextvars.ContextVar("plain", default=())


@contextlib.contextmanager
def undifferentiated(*kinds):
    """Within it the `kinds`, by default all of `KINDS`, keep TensorFlow's own gradients.

    For programs that are exported: a SavedModel cannot hold a gradient in Python, and would warn
    of it whenever it is loaded.
    """
    token = _plain.set(kinds or KINDS)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain(kind: str) -> bool:
    """Whether operations of a kind are to keep TensorFlow's own gradients."""
    return kind in _plain.get()


def custom_gradient(f):
    """`f` as under `tf.custom_gradient`; it returns one tensor and the gradient function."""
    decorated = tf.custom_gradient(f)

    @functools.wraps(f)
    def call(*args):
        y = decorated(*args)
        if not tf.executing_eagerly():
            _hand_over(y.op.get_attr("_gradient_op_type").decode(), y.op.graph)
        return y

    return call


def recompute(f):
    """`f(x, *inputs)`, evaluated again in the backward pass, so that nothing of it is kept."""

    @custom_gradient
    def recomputed(x, *inputs):
        def grad(v, variables=None):
            variables = list(variables or [])
            # Behind v, lest the compiler merges the second evaluation with the first.
            with tf.control_dependencies([v]):
                again = [tf.identity(t) for t in (x, *inputs)]
                with tf.GradientTape() as tape:
                    tape.watch(again)
                    y = f(*again)
            gradients = tape.gradient(y, [again, variables], output_gradients=v)
            return gradients if variables else gradients[0]

        return f(x, *inputs), grad

    return recomputed


@contextlib.contextmanager
def owned_by_graph():
    """Hands what is registered within it, by TensorFlow and Keras too, to the graph traced."""
    before = set(gradient_registry.list())
    yield
    if not tf.executing_eagerly():
        for name in set(gradient_registry.list()) - before - _handed_over:
            _hand_over(name, tf.compat.v1.get_default_graph())


def _hand_over(name: str, graph) -> None:
    """Moves the gradient `name` from TensorFlow's table to `graph`."""
    owned = getattr(graph, _OWNED, {})
    owned[name] = gradient_registry.lookup(name)
    setattr(graph, _OWNED, owned)
    find = weakref.ref(graph)
    # Private, for `register` refuses a name that is taken.
    entry = gradient_registry._registry[name]
    entry["type"] = lambda op, *grads: getattr(find(), _OWNED)[name](op, *grads)
    _handed_over.add(name)
    weakref.finalize(graph, _forget, name)


def _forget(name: str) -> None:
    gradient_registry._registry.pop(name, None)
    _handed_over.discard(name)
