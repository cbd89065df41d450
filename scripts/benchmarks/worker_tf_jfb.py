"""tf_jfb as its users call it: `restore` for inference, `train_on_batch` for a training step.

`restore` returns an evaluated iterate, so inference costs `evaluations` evaluations of T. Of a
training step, which is given one more, the recorded evaluation is the last, as in the peers.
"""

import os

import keras
import tensorflow as tf

import tf_jfb

os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")  # as our scripts; see docs/speed.md


def versions() -> dict:
    return {
        "tf_jfb": tf_jfb.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def programs(config: dict) -> dict:
    tf.config.threading.set_intra_op_parallelism_threads(config["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(config["threads"])
    keras.utils.set_random_seed(0)
    shape = [config["batch"], config["size"], config["size"], 3]
    sharp = tf.random.stateless_uniform(shape, [0, 1])
    blurred = tf_jfb.operators.GaussianBlur(5, 5.0)(sharp)
    restored, trained = _model(config, 0), _model(config, 1)
    return {
        "inference": lambda: lambda: _restore(restored, blurred),
        "training": lambda: lambda: _train(trained, blurred, sharp),
    }


def _model(config, more):
    network = tf_jfb.networks.DnCNN(
        config["depth"], config["channels"], config["lipschitz"], gain=config["gain"]
    )
    operator = tf_jfb.operators.GaussianBlur(5, 5.0)
    solver = tf_jfb.solvers.Anderson(rtol=0.0, m=5, max_evaluations=config["evaluations"] + more)
    model = tf_jfb.models.DEGrad(operator, network, solver)
    model.compile(keras.optimizers.Adam(1e-3), metrics=[], jit_compile=config["jit_compile"])
    return model


def _restore(model, blurred) -> float:
    restored = model.restore(blurred)
    restored.image.numpy()
    return float(restored.evaluations.numpy().mean())


def _train(model, blurred, sharp) -> float:
    logs = model.train_on_batch(blurred, sharp, return_dict=True)
    return float(logs["evaluations"])
