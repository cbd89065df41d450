"""The machine's float32 matrix-product rate: the better of TensorFlow's and NumPy's."""

import time

import numpy as np
import tensorflow as tf


def versions() -> dict:
    return {"numpy": np.__version__}


def programs(config: dict) -> dict:
    tf.config.threading.set_intra_op_parallelism_threads(config["threads"])
    side = config["product"]
    a, b = np.random.default_rng(0).standard_normal((2, side, side), np.float32)
    ta, tb = tf.constant(a), tf.constant(b)
    products = (lambda: a @ b, lambda: tf.matmul(ta, tb)[0, 0].numpy())

    def run() -> float:
        return 2e-9 * side**3 / min(_seconds(product) for product in products)

    return {"inference": lambda: run, "training": lambda: run}


def _seconds(product, repeats=2) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        product()
    return (time.perf_counter() - start) / repeats
