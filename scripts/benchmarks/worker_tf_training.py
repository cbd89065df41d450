"""tf_jfb's part of the study of time to quality: it writes the problem, and trains on it."""

import dataclasses
import pathlib

import keras
import numpy as np
import tensorflow as tf
import worker_tf_jfb
from training import train

import tf_jfb
from tf_jfb import data, gradients
from tf_jfb._files import replacing

versions = worker_tf_jfb.versions


def programs(config: dict) -> dict:
    tf.config.threading.set_intra_op_parallelism_threads(config["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(config["threads"])
    return {"write": lambda: lambda: _write(config), "train": lambda: lambda: _train(config)}


def _write(config: dict) -> None:
    """Dead leaves, blurred as in the paper, with noise; weights drawn from the seed."""
    keras.utils.set_random_seed(config["seed"])
    model, count = _model(config, "jfb"), config["images"]
    source = data.DeadLeaves(count + config["validation"], config["crop"], seed=config["seed"])
    sharp = np.stack([source[i] for i in range(len(source))])
    noise = np.random.default_rng(config["seed"]).standard_normal(sharp.shape, np.float32)
    blurred = model.operator(sharp).numpy() + np.float32(0.005) * noise
    model.restore(blurred[:1])
    arrays = {"blurred": blurred[:count], "sharp": sharp[:count]}
    arrays |= {"val_blurred": blurred[count:], "val_sharp": sharp[count:]}
    start = model.operator.adjoint(blurred[count:])
    arrays["mapped"] = model.problem(blurred[count:]).at(start).numpy()
    kernels = {f"kernel_{i}": c.kernel.numpy() for i, c in enumerate(model.network.convs)}
    with replacing(pathlib.Path(config["problem"])) as file:
        np.savez(file, **arrays, **kernels)


def _train(config: dict) -> list:
    model = _model(config, config["gradient"])
    with np.load(config["problem"]) as arrays:
        model.restore(arrays["val_blurred"])  # builds it
        for i, conv in enumerate(model.network.convs):
            conv.kernel.assign(arrays[f"kernel_{i}"])
    return train(model.train_on_batch, lambda d: model.restore(d).image.numpy(), config)


def _model(config: dict, gradient: str):
    network = tf_jfb.networks.DnCNN(
        config["depth"], config["channels"], config["lipschitz"], gain=config["gain"]
    )
    options = {"rtol": config["rtol"], "max_evaluations": config["max_evaluations"]}
    solver = tf_jfb.solvers.Anderson(m=5, **options)
    estimator = gradients.named(gradient)
    if isinstance(estimator, gradients.Implicit):  # to the tolerance of every other solve
        estimator = dataclasses.replace(estimator, solver=solver)
    operator = tf_jfb.operators.GaussianBlur(5, 5.0)
    model = tf_jfb.models.DEGrad(operator, network, solver, gradient=estimator)
    model.compile(keras.optimizers.Adam(config["learning_rate"]), metrics=[])
    return model
