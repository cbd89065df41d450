"""The few places where Keras 2 (TensorFlow 2.15) and Keras 3 differ."""

import contextlib

import keras
import tensorflow as tf

from tf_jfb._gradients import owned_by_graph

KERAS_3 = hasattr(keras, "ops")


def value(variable):
    """The `tf.Variable` behind a Keras variable."""
    return variable.value if KERAS_3 else variable


def paths(variables, model) -> list:
    """Their names after those of the layers of `model` that own them, a slash between."""
    if KERAS_3:
        return [v.path for v in variables]
    owners = {}
    for layer in model.submodules:  # the outer before the inner
        owners |= {id(v): layer.name for v in getattr(layer, "variables", ())}
    names = [v.name.split(":")[0].split("/")[-1] for v in variables]
    return [f"{owners.get(id(v), model.name)}/{n}" for v, n in zip(variables, names, strict=True)]


@contextlib.contextmanager
def inference():
    """Within it layers that are not told `training` run without it, whatever calls them.

    Keras hands the mode of a layer down to those called within, and in Keras 3 also that of a layer
    to those called after it: both end here.
    """
    if KERAS_3:
        from keras.src.backend.common import global_state

        context = global_state.get_global_attribute("current_call_ctx")
        if context is None:
            yield
            return
        outer = context.get_value("training")
        context.set_value("training", False)
        try:
            yield
        finally:
            context.set_value("training", outer)
        return
    from keras.src.engine.base_layer_utils import call_context

    context = call_context()
    if not context.in_call:
        yield
        return
    inner = (context.layer, context.inputs, context.build_graph, False, context.saving)
    with context.enter(*inner):
        yield


def full_precision(kwargs: dict) -> dict:
    """`kwargs` of a layer that computes in its variables' dtype under any global policy.

    The images of a solve stay in it; a network within has a policy of its own.
    """
    return {"dtype": keras.mixed_precision.global_policy().variable_dtype, **kwargs}


def loss_scaled(optimizer, network):
    """`optimizer`, with loss scaling where `network` computes in float16, as Keras would.

    Keras looks at the model, whose images stay in full precision.
    """
    scaling = keras.mixed_precision.LossScaleOptimizer
    half = getattr(network, "compute_dtype", None) == "float16"
    if not half or isinstance(optimizer, scaling):
        return optimizer
    return scaling(keras.optimizers.get(optimizer))


register = keras.saving.register_keras_serializable("tf_jfb")


def spans_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether the replicas are spread over processes, those of `TF_CONFIG`."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) and bool(
        strategy.cluster_resolver.cluster_spec().as_dict()
    )


PRIVATE = ("_maybe_symbolic_build", "_make_function")  # of Keras 3's model, overridden below


def check_workers_are_served() -> None:
    """Raises RuntimeError where this Keras no longer calls what `Model` overrides for workers."""
    missing = [name for name in PRIVATE if KERAS_3 and not hasattr(keras.Model, name)]
    if missing:
        raise RuntimeError(
            f"Training over several workers needs keras.Model.{' and '.join(missing)}, which Keras "
            f"{keras.__version__} lacks: install the version of constraints.txt."
        )


class Model(keras.Model):
    """`keras.Model` that is freed after use, in Keras 3 also under MultiWorkerMirroredStrategy.

    Both private methods are Keras 3's, which calls them; Keras 2 has no need of them.
    """

    def train_step(self, data):
        with owned_by_graph():
            return super().train_step(data)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if iterator is not None and spans_workers(self.distribute_strategy):
            # Keras would reduce the first batch over the workers, and cannot.
            data = next(batches for _, _, batches in iterator)
            local = self.distribute_strategy.experimental_local_results
            data_batch = keras.tree.map_structure(lambda v: local(v)[0], next(data))
            iterator = None
        return super()._maybe_symbolic_build(iterator, data_batch)

    def _make_function(self, step_function):
        if not spans_workers(self.distribute_strategy):
            return super()._make_function(step_function)

        def step(data):  # Keras averages the logs along an axis that they lack
            return {name: tf.reshape(log, [1]) for name, log in step_function(data).items()}

        return super()._make_function(step)
