"""The maps that a `FixedPoint` takes: what they may be called with, and what they name."""

import inspect

import keras

from tf_jfb._compat import inference
from tf_jfb._validate import check


def check_takes(f, count: int) -> None:
    """Raises ValueError unless `f` can be called with `count` tensors, as far as it tells."""
    inputs = 1 if isinstance(f, keras.Sequential) else len(getattr(f, "inputs", None) or ())
    try:
        fits = inputs == count if inputs else _signature(f).bind(*range(count))
    except TypeError:
        fits = False
    except ValueError:  # of what is no Python no signature is known
        fits = True
    check(
        bool(fits),
        "`f` must take what the layer is called with, the start and further inputs.",
        f=f,
        tensors=count,
    )


def check_apart(f) -> None:
    """Refuses a function that names the layer around it, with which Keras would go round."""
    around = inspect.getclosurevars(f).nonlocals.get("self") if inspect.isfunction(f) else None
    check(
        not isinstance(around, keras.layers.Layer),
        "`f` must not name `self`, which is to hold this layer: give the layers that it uses names "
        "of their own, as in `dense = self.dense`.",
        self=type(around).__name__,
    )


def _signature(f) -> inspect.Signature:
    """Of a Keras layer that of its call, less what Keras gives by name."""
    if not isinstance(f, keras.layers.Layer):
        return inspect.signature(f)
    signature = inspect.signature(f.call)
    taken = [
        p
        for name, p in signature.parameters.items()
        if name not in ("training", "mask") or p.default is p.empty
    ]
    return signature.replace(parameters=taken)


def still(f):
    """`f`, the layers within it in inference."""

    def quiet(*arguments):
        with inference():
            return f(*arguments)

    return quiet


def inference_of(layer) -> dict:
    """`training=False` where the layer's call takes it."""
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}


def named_by(f) -> list:
    """What the function f names, and what the lists and dictionaries hold that it names."""
    if isinstance(f, keras.layers.Layer) or not inspect.isfunction(f):
        return []
    named = inspect.getclosurevars(f)
    return [*_leaves([*named.nonlocals.values(), *named.globals.values()])]


def _leaves(values):
    for one in values:
        if isinstance(one, (list, tuple, dict)):
            yield from _leaves(one.values() if isinstance(one, dict) else one)
        else:
            yield one
