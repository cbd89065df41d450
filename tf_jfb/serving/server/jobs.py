"""Images to restore, grouped so that one solve answers many, each with options of its own."""

import dataclasses
import math
import time

import numpy as np

from tf_jfb._types import Status
from tf_jfb.data import Photo
from tf_jfb.exported import Restored, deblur_photo, deblur_photos
from tf_jfb.operators import kernels

MULTIPLE = 8  # scenes of photographs have sides that are multiples of it
OCTAVES = 2  # groups of deadlines per doubling of the time left


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One image to restore; `version` is a loaded version of a model, of `ModelStore`."""

    version: object
    photo: Photo
    kernel: np.ndarray | None = None  # [k1, k2]
    noise: float | None = None  # in the units of the pixels; None: estimated
    boundary: str = "photo"
    light: str = "linear"
    rtol: float | None = None
    max_evaluations: int | None = None
    ensemble: int = 1  # restorations whose mean it is
    deadline: float = math.inf  # of `time.monotonic`

    images = 1

    @property
    def pixels(self) -> int:
        """Height times width."""
        return math.prod(self.photo.pixels.shape[:2])

    @property
    def solves(self) -> int:
        """One, or as many as channels where the model has another number of them."""
        channels = self.photo.pixels.shape[-1]
        return 1 if channels == self.version.model.channels else channels

    def group(self, now: float) -> tuple:
        """What jobs of one solve have in common.

        Kernels of one group can be padded with zeros to one size without any effect: those of
        photographs where the scene that is solved for has the same size with each of them, of odd
        sides if they are for an ensemble, which makes them so. Jobs of very different deadlines
        stay apart, as a solve ends with its last image, and so does a picture whose channels are
        solved for one by one.
        """
        if self.solves > 1:
            return (id(self),)
        size = self.photo.pixels.shape[:2]
        scene = None
        if self.kernel is not None and self.boundary == "photo":
            sides = [k | (self.ensemble > 1) for k in self.kernel.shape]
            scene = tuple(map(_scene, size, sides))
        left = max(1e-3, self.deadline - now)
        urgency = math.inf if left == math.inf else int(OCTAVES * math.log2(left))
        return id(self.version), size, self.boundary, self.light, self.ensemble, scene, urgency

    @staticmethod
    def together(batch: list, most: int) -> list:
        """`solve`."""
        return solve(batch, most)


def _scene(side: int, kernel: int) -> int:
    """Length of the scene that an exported model solves for, as `operators.frame.scene_of`."""
    return min(side + kernel + -(side + kernel) % MULTIPLE, 2 * side)


def batches(jobs, max_batch: int, max_pixels: int, now: float) -> list[list]:
    """`jobs` as lists that can be solved together, those whose deadline is first coming first.

    They may be `Job` and `Call`, which are never solved together.
    """
    groups, full = {}, []
    for job in sorted(jobs, key=lambda job: job.deadline):
        key = job.group(now)
        group = groups.get(key, [])
        images, pixels = (sum(getattr(j, w) for j in [*group, job]) for w in ("images", "pixels"))
        if group and (images > max_batch or pixels > max_pixels):
            full.append(groups.pop(key))
        groups.setdefault(key, []).append(job)
    return sorted([*full, *groups.values()], key=lambda batch: batch[0].deadline)


def solve(batch: list[Job], most: int) -> list[Restored]:
    """What every job of one group became; an image's cap is its own, `most` or its deadline's.

    Raises ValueError, or what TensorFlow raises, if an image or its options are unusable.
    """
    first, started = batch[0], time.monotonic()
    model, pace = first.version.model, first.version.pace
    pixels, left = len(batch) * first.pixels, min(job.deadline for job in batch) - started
    times = first.ensemble * first.solves
    own = [min(most, job.max_evaluations or model.max_evaluations) for job in batch]
    caps = [pace.evaluations(left / times, pixels, cap) for cap in own]
    options = {"light": first.light, "max_evaluations": caps, "ensemble": first.ensemble}
    options["rtol"] = [model.rtol if job.rtol is None else job.rtol for job in batch]
    if first.kernel is not None:
        options["boundary"] = first.boundary
        shape = np.max([job.kernel.shape for job in batch], axis=0)
        options["kernel"] = np.stack([kernels.padded(job.kernel, shape) for job in batch])
    if model.takes_noise:
        options["noise"] = [job.noise for job in batch]
    if first.solves > 1:
        restored = [deblur_photo(model, first.photo, **options)]
    else:
        restored = deblur_photos(model, [job.photo for job in batch], **options)
    seconds = (time.monotonic() - started) / times
    pace.measured(seconds, max(r.evaluations for r in restored), pixels)
    return restored


def solve_each(batch: list, most: int) -> list:
    """`together` of one group, with the exception of each that failed: none fails another."""
    try:
        return batch[0].together(batch, most)
    except Exception as error:  # whatever a program raises
        if len(batch) == 1:
            return [error]
        return [solve_each([job], most)[0] for job in batch]


def records(outcome) -> list[tuple]:
    """(status, evaluations, residual) of every image of an outcome; none of other programs'."""
    if isinstance(outcome, Exception):
        return [("ERROR", None, None)]
    if isinstance(outcome, Restored):
        return [(status_of(outcome), outcome.evaluations, outcome.residual)]
    if not {"status", "evaluations", "residual"} <= set(outcome):
        return []
    columns = (outcome[name].tolist() for name in ("status", "evaluations", "residual"))
    return [(Status(s).name, e, r) for s, e, r in zip(*columns, strict=True)]


def status_of(restored: Restored) -> str:
    """CONVERGED, CAP or DIVERGED."""
    return Status(restored.status).name
