"""Nothing outlives its model: TensorFlow's own table of gradients would keep every graph."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph
from tensorflow.python.framework.ops import gradient_registry

from tf_jfb import gradients, layers, models, networks, operators, solvers
from tf_jfb._compat import KERAS_3

ESTIMATORS = (
    gradients.JFB(),
    gradients.Neumann(1),
    gradients.Implicit(solvers.Anderson(max_evaluations=3)),
    gradients.Unrolled(2, recompute=True),
)


def graphs():
    """Those of our programs that are alive."""
    gc.collect()
    return {id(o) for o in gc.get_objects() if isinstance(o, FuncGraph)}


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 holds models that were fitted")
@pytest.mark.parametrize("gradient", ESTIMATORS, ids=lambda g: type(g).__name__)
def test_a_trained_model_and_its_graphs_are_freed(gradient):
    before, names = graphs(), set(gradient_registry.list())
    model = models.DEGrad(
        operator=operators.GaussianBlur(3, 0.5),
        network=networks.DnCNN(2, 2, gain=0.01),
        solver=solvers.Anderson(max_evaluations=3),
        gradient=gradient,
    )
    d = np.full((1, 6, 6, 1), 0.5, np.float32)
    model.build((None, None, None, 1))
    model.compile(keras.optimizers.SGD(1e-3))
    model.fit(d, d, verbose=0)
    if isinstance(gradient, gradients.Implicit):
        model.restore(d)
    assert len(graphs()) > len(before)
    alive = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert alive() is None
    assert graphs() <= before
    assert set(gradient_registry.list()) == names


def test_a_gradient_is_there_as_long_as_its_graph():
    layer = layers.FixedPoint(lambda x, d: 0.5 * x + d, gradient=gradients.Neumann(60))

    @tf.function(autograph=False)
    def program(d):
        return layer(tf.zeros_like(d), d)

    d = tf.ones([1, 1])
    program(d)
    gc.collect()
    with tf.GradientTape() as tape:
        tape.watch(d)
        x = program(d)
    np.testing.assert_allclose(tape.gradient(x, d), [[2.0]], rtol=1e-5)
