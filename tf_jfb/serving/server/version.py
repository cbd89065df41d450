"""One loaded version of a model, and who still uses it."""

import pathlib
import threading
import time

import numpy as np
import tensorflow as tf

from tf_jfb.exported import ExportedModel
from tf_jfb.serving.server.pace import Pace

SIDE, KERNEL = 32, 3  # of what is solved to warm up


class Version:
    """A SavedModel at work. `model` is it as an `ExportedModel`, or None where it is another kind.

    `with version:` counts a user; `drained` waits for all of them.
    """

    def __init__(self, name: str, version: int, folder: pathlib.Path):
        self.name, self.version, self.folder = name, version, folder
        self.loaded = tf.saved_model.load(str(folder))
        self.signatures = self.loaded.signatures
        self.pace, self._users, self._changed = Pace(), 0, threading.Condition()
        try:
            self.model = ExportedModel(self.loaded, folder)
        except ValueError:
            self.model = None
        self._warm_up()

    def leased(self) -> "Version":
        """Itself, with a user more, until that one leaves it: by `with`, or by `__exit__`."""
        with self._changed:
            self._users += 1
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def drained(self, timeout: float | None = None) -> bool:
        """Whether nobody uses it any more, within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._users, timeout)

    def _warm_up(self) -> None:
        """Every signature whose inputs are known, once; the main one again, to measure it."""
        for name, program in self.signatures.items():
            inputs = _example(program)
            if inputs is not None:
                program(**inputs)
                started = time.monotonic()
                out = program(**inputs)
                if "evaluations" in out and not name.startswith("trace"):
                    steps = int(tf.reduce_max(out["evaluations"]))
                    self.pace.measured(time.monotonic() - started, steps, SIDE * SIDE)


def _example(program) -> dict | None:
    """Inputs of a signature of ours; None where it takes others."""
    specs = program.structured_input_signature[1]
    kernel = np.zeros([1, KERNEL, KERNEL], np.float32)
    kernel[:, KERNEL // 2, KERNEL // 2] = 1.0
    known = {
        "image": lambda spec: np.full([1, SIDE, SIDE, spec.shape[-1] or 1], 0.5, np.float32),
        "kernel": lambda _: kernel,
        "noise": lambda _: np.float32([0.01]),
        "rtol": lambda _: np.float32([1e-3]),
        "max_evaluations": lambda _: np.int32([5]),
        "mask": lambda _: np.ones([1, SIDE, SIDE, 1], np.float32),
    }
    ranks = {"image": 4, "kernel": 3, "noise": 1, "rtol": 1, "max_evaluations": 1, "mask": 4}
    if any(ranks.get(name) != spec.shape.rank for name, spec in specs.items()):
        return None
    return {name: tf.constant(known[name](spec), spec.dtype) for name, spec in specs.items()}
