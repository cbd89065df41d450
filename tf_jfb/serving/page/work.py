"""From a photograph and a kernel to a restored picture, step by step."""

import os
import pathlib
import time
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from tf_jfb._validate import check
from tf_jfb.data import Photo, light, simulate
from tf_jfb.data.simulated import cut
from tf_jfb.exported import Restored, told_noise
from tf_jfb.serving.page.asked import Asked, Limits, need
from tf_jfb.serving.photographs import Restorer
from tf_jfb.serving.server import pictures
from tf_jfb.serving.server.refused import RefusedError

FIRST = 4  # evaluations after which a first picture is shown
SHOWN = 1280  # longer side of a picture on the page
ERRORS = (RefusedError, ValueError, OSError, MemoryError, tf.errors.OpError)  # told of, not raised


class Opened(NamedTuple):
    """A photograph, and the noise that was estimated of it."""

    photo: Photo
    noise: float  # in [0.001, 0.1]
    doubt: str | None  # why not to trust that

    @property
    def picture(self) -> np.ndarray:
        """For the page."""
        return shown(self.photo)


class Step(NamedTuple):
    """What is known after a part of the solve, `done` being the last."""

    sharp: Photo | None  # where it was simulated
    blurred: Photo  # what was restored
    result: Restored
    seconds: float
    done: bool


def opened(path, limits: Limits) -> Opened:
    """The photograph of a file, which is looked at before it is decoded.

    Raises RefusedError or ValueError where it is missing, too large, damaged or of a kind that the
    page does not take.
    """
    need(path is not None, "Drop a photograph first, or take one of the examples.")
    size = os.path.getsize(path)
    check(size <= limits.bytes, f"The file must have at most {limits.bytes} bytes.", bytes=size)
    photo = pictures.photo_of(pathlib.Path(path).read_bytes(), limits.pixels, "photograph")
    channels = photo.pixels.shape[-1]
    check(channels in (1, 3), "The photograph must be grey or RGB.", channels=channels)
    need(min(photo.pixels.shape[:2]) >= 16, "The photograph must have at least 16 pixels a side.")
    told = told_noise(photo.pixels, mask=photo.mask, taken=photo.taken)
    return Opened(photo, min(told.std, 0.1), told.doubt)


def restored(model, asked: Asked, limits: Limits, progress=None):
    """Yields a `Step` after the first evaluations, then the one of the whole solve, or of them all.

    Large photographs go in tiles, in one step; `progress(done, tiles)` is called after each.

    Raises ValueError, or what TensorFlow raises, if they are unusable.
    """
    started = time.monotonic()
    photo = asked.photo if asked.middle is None else middle(asked.photo, asked.middle)
    sharp, blurred = simulated(photo, asked) if asked.simulate else (None, photo)
    options = {"kernel": asked.kernel, "light": asked.light, "rtol": asked.rtol}
    options["noise"] = asked.noise if model.takes_noise else None
    whole = np.prod(blurred.pixels.shape[:2]) <= limits.together
    solves = [(asked.max_evaluations, asked.ensemble)]
    if whole and asked.max_evaluations > 2 * FIRST:
        solves = [(FIRST, 1), *solves]
    for cap, ensemble in solves:
        told = options | {"max_evaluations": cap, "ensemble": ensemble}
        result = Restorer(model, None, told, limits.together).one(blurred, whole, progress)
        ended = cap == asked.max_evaluations or result.status.name != "CAP"
        done = ended and ensemble == asked.ensemble
        yield Step(sharp, blurred, result, time.monotonic() - started, done)
        if done:
            return


def middle(photo: Photo, side: int) -> Photo:
    """The square of `side` in its middle, or as much as there is."""
    starts = [max(0, (n - side) // 2) for n in photo.pixels.shape[:2]]
    return cut(photo, *(slice(s, s + side) for s in starts))


def simulated(photo: Photo, asked: Asked) -> tuple[Photo, Photo]:
    """(sharp, blurred): what a camera would see of `photo`, without the edge."""
    return simulate(photo, asked.kernel, asked.noise or 0.0, black=False, light=asked.light)


def shown(photo: Photo) -> np.ndarray:
    """uint8 [h, w, 3], the longer side at most `SHOWN`; what is linear is encoded."""
    pixels = np.clip(light.encode(photo.pixels) if photo.linear else photo.pixels, 0, 1)
    scale = SHOWN / max(pixels.shape[:2])
    if scale < 1:
        size = tuple(max(1, round(n * scale)) for n in pixels.shape[1::-1])
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        pixels = pixels.reshape(*size[::-1], -1)
    levels = np.uint8(np.round(pixels * 255))
    return np.repeat(levels, 3, -1) if levels.shape[-1] == 1 else levels
