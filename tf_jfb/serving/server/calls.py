"""Calls of signatures, as `:predict` makes them, merged where they are alike."""

import dataclasses
import math
import time

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """A call of a signature of `version`, with {name: tensor [B, ...]}.

    It is answered by {name: array [B, ...]}. `deadline` is of `time.monotonic`.
    """

    version: object
    signature: str
    inputs: dict
    deadline: float = math.inf

    @property
    def images(self) -> int:
        """Of the call, B."""
        first = next(iter(self.inputs.values()), None)
        return 1 if first is None or not first.shape.rank else int(first.shape[0])

    @property
    def pixels(self) -> int:
        """Of all its images, 1 each where they come as files."""
        image = self.inputs.get("image")
        return self.images if image is None else math.prod(image.shape[:3])

    def group(self, now: float) -> tuple:
        """What calls that can be merged have in common; files may differ in size, so none can."""
        if self.signature not in self.version.merged:
            return (id(self),)
        sizes = tuple(sorted((name, tuple(x.shape[1:])) for name, x in self.inputs.items()))
        return id(self.version), self.signature, sizes

    @staticmethod
    def together(batch: list, most: int) -> list[dict]:
        """What every call of one group is answered; raises what TensorFlow raises."""
        first, started = batch[0], time.monotonic()
        inputs = first.inputs
        if len(batch) > 1:
            inputs = {name: tf.concat([call.inputs[name] for call in batch], 0) for name in inputs}
        outputs = first.version.signatures[first.signature](**inputs)
        outputs = {name: np.asarray(tensor) for name, tensor in outputs.items()}
        if "evaluations" in outputs and "image" in inputs:
            steps, pixels = int(outputs["evaluations"].max()), sum(call.pixels for call in batch)
            first.version.pace.measured(time.monotonic() - started, steps, pixels)
        if len(batch) == 1:
            return [outputs]
        ends = np.cumsum([call.images for call in batch])[:-1]
        parts = {name: np.split(array, ends) for name, array in outputs.items()}
        each = [{name: parts[name][i] for name in parts} for i in range(len(batch))]
        return [_own(call, answer) for call, answer in zip(batch, each, strict=True)]


def _own(call, answer) -> dict:
    """`answer` with a trace as long as the call's largest cap, as it would be alone."""
    if "trace" in answer:
        answer["trace"] = answer["trace"][:, : int(tf.reduce_max(call.inputs["max_evaluations"]))]
    return answer
