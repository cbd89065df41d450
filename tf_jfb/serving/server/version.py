"""One loaded version of a model, and who still uses it."""

import pathlib
import threading
import time

import tensorflow as tf

from tf_jfb.exported import ExportedModel, example_inputs
from tf_jfb.serving.server.pace import Pace


class Version:
    """A SavedModel at work. `model` is it as an `ExportedModel`, or None where it is another kind.

    `merged` names the signatures whose calls may be merged along the first axis of all inputs.

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
        self.merged = set()
        for name, program in self.signatures.items():
            inputs = example_inputs(program.structured_input_signature[1])
            if inputs is not None:
                self.merged |= {name} if "image" in inputs else set()
                program(**inputs)
                started = time.monotonic()
                out = program(**inputs)
                if "image" in inputs and "evaluations" in out and not name.startswith("trace"):
                    steps = int(tf.reduce_max(out["evaluations"]))
                    pixels = int(tf.size(inputs["image"])) // inputs["image"].shape[-1]
                    self.pace.measured(time.monotonic() - started, steps, pixels)
