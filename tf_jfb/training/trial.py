"""One trial of a search: a training, and what its best model is worth."""

import math
import time

import keras
import numpy as np
import tensorflow as tf

from tf_jfb._types import Status
from tf_jfb.metrics import psnr
from tf_jfb.training import build, fit, problem
from tf_jfb.training.config import Config
from tf_jfb.training.tuning_report import read_log

_MEASURED = ("image", "status", "evaluations")


def assess(options: dict, run, epochs: int) -> dict:
    """Trains with `options` of Config until `epochs` are done, and measures the best model.

    Returns:
        `psnr` (dB), `converged` (share) and `evaluations` (mean) of the restored validation
        images, `step_seconds`, `restoration_seconds` (per image), `epochs` done and `failure`,
        the reason or None. A failure is a loss or PSNR that is not finite, options that do not go
        together, or too little memory.
    """
    try:
        config = Config(**options)
        model = _trained(config, run, epochs)
        measured = _restored(model, config)
    except (ValueError, tf.errors.ResourceExhaustedError) as error:
        measured = {"failure": str(error).split("\n")[0]}
    log = read_log(run)
    if log and not np.isfinite(log[-1]["loss"]):
        measured = {"failure": f"the loss was not finite in epoch {len(log)}"}
    result = {"failure": None, "epochs": len(log), **measured}
    return result if result["failure"] else {**result, "step_seconds": log[-1]["step_seconds"]}


class Watch(keras.callbacks.Callback):
    """Logs the median time of a step, and stops after `epochs` or when the loss is not finite."""

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs, self.seconds = epochs, []

    def on_train_batch_begin(self, batch, logs=None):
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])  # waits for the device
        self.seconds.append(time.perf_counter() - self._start)
        if not math.isfinite(loss):
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        # The first step also traces the graph.
        logs["step_seconds"] = float(np.median(self.seconds[1:] or self.seconds))
        if epoch + 1 >= self.epochs:
            self.model.stop_training = True


def _trained(config, run, epochs) -> keras.Model:
    log = read_log(run)
    if len(log) >= epochs or (log and not np.isfinite(log[-1]["loss"])):
        return build.load_run(run, config.precision)
    return fit.train(config, run, verbose=2, callbacks=[Watch(epochs)])


def _seconds(run, times: int = 3) -> float:
    """The median, for one alone may have been held up."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def _restored(model, config) -> dict:
    """How the validation images come out of `restore`, which users call."""
    pairs = problem.validation_pairs(config, problem.degradation(config), config.validation)
    measured, sharp = tf.nest.map_structure(lambda part: part.astype(np.float32), pairs)
    told = dict(measured) if isinstance(measured, dict) else {"image": measured}
    told["blurred"] = told.pop("image")
    size = min(config.batch_size, len(sharp))

    def restore(i):
        return model.restore(**{k: v[i : i + size] for k, v in told.items()})

    parts = [restore(i) for i in range(0, len(sharp), size)]
    seconds = _seconds(lambda: restore(0).image.numpy()) / size
    whole = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _MEASURED}
    ratio = float(np.mean(psnr(sharp, whole["image"])))
    return {
        "failure": None if math.isfinite(ratio) else "the PSNR was not finite",
        "psnr": ratio,
        "converged": float(np.mean(whole["status"] == Status.CONVERGED)),
        "evaluations": float(np.mean(whole["evaluations"])),
        "restoration_seconds": seconds,
    }
