"""tf_jfb's export as its users call it: `restore(image, rtol, max_evaluations)` of a SavedModel."""

import functools

import numpy as np
import problem
import tensorflow as tf
from worker_tf_jfb import versions as versions


def programs(config: dict) -> dict:
    tf.config.threading.set_intra_op_parallelism_threads(config["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(config["threads"])
    solve = functools.cache(lambda: Solve(config))
    return {"solve": solve, "residual": lambda: solve().residual}


class Solve:
    """Calling it restores the images and returns the mean evaluations."""

    def __init__(self, config: dict):
        self.config, self.exported = config, tf.saved_model.load(config["model"])
        with np.load(f"{config['folder']}/{config['size']}.npz") as arrays:
            self.d = tf.constant(arrays["d"])

    def __call__(self) -> float:
        restored = self.exported.signatures["restore"](
            image=self.d,
            rtol=tf.fill([len(self.d)], self.config["tolerance"]),
            max_evaluations=tf.fill([len(self.d)], self.config["max_evaluations"]),
        )
        self.x = restored["restored"].numpy()
        return float(restored["evaluations"].numpy().mean())

    def residual(self) -> float:
        """Largest |T(x) - x| / |T(x)| of the last run, by T of the Keras model."""
        T = problem.build(self.config)[0].problem(self.d).at
        mapped = T(tf.constant(self.x)).numpy()
        norms = (np.linalg.norm(v.reshape(len(v), -1), axis=1) for v in (mapped - self.x, mapped))
        return float(np.divide(*norms).max())
