"""Photographs on this machine, many at once: equal sizes together, large ones in tiles."""

import collections
import dataclasses
import math
import os
import pathlib
import time
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data import find_images
from tf_jfb.data.image_io import EXTENSIONS, Photo, check_output, write_image
from tf_jfb.exported import ExportedModel, Restored, deblur_photo, deblur_photos
from tf_jfb.exported.photos import most_told, overlap_for
from tf_jfb.serving.report import ERROR, KEPT, NO_DOUBT, Row

TOGETHER = 1 << 20  # pixels solved in one batch, at most: more of them are no faster
HELD = 0.1  # memory of a photograph in all its stages, to that of as many pixels in a solve
ERRORS = (OSError, ValueError, MemoryError, tf.errors.OpError)  # of one image


class Task(NamedTuple):
    """A photograph to read and where it goes."""

    source: pathlib.Path
    target: pathlib.Path


def plan(names, output) -> tuple[list[Task], int]:
    """Tasks for the images of files, folders and patterns, each at its place below `output`.

    Files of a kind that is only read, such as raw ones, become TIFFs. What a pattern matches below
    `output`, as a pattern that has been restored before does, is left out; the second is how many.

    Raises ValueError if a name stands for no image, or `output` lies among the images.
    """
    output, tasks, below = pathlib.Path(output), [], 0
    whole = output.resolve()
    for name in filter(os.path.isdir, names):
        check(
            pathlib.Path(name).resolve() not in (whole, *whole.parents),
            "`output` must lie outside the folder of the images.",
            output=str(output),
            images=str(name),
        )
    named = {os.path.realpath(name) for name in names if os.path.isfile(name)}
    for file in find_images(*names):
        real = file.path.resolve()
        if whole in real.parents:
            below += 1
            check(
                str(real) not in named,
                "`output` must not hold the images themselves.",
                output=str(output),
                image=str(file.path),
            )
            continue
        target = output / file.relative
        if target.suffix.lower() not in EXTENSIONS:
            target = target.with_name(f"{target.name}.tif")
        tasks.append(Task(file.path, target))
    check(bool(tasks), "`output` must not hold all the images.", output=str(output), images=below)
    return tasks, below


@dataclasses.dataclass
class Restorer:
    """Restores photographs with one model and one set of options.

    Args:
        model: of `ExportedModel.open`.
        read: of a path, the list of its photographs: one, or the pages of a stack.
        options: of `exported.deblur_photo`.
        pixels: that may be solved at once; larger photographs are cut into tiles of as many, less
            what they themselves take.
        tile: side of the tiles, in place of what `pixels` allows.
    """

    model: ExportedModel
    read: object
    options: dict
    pixels: int
    tile: int | None = None

    def one(self, photo: Photo, trace: bool = False, progress=None) -> Restored:
        """A photograph, in tiles if need be."""
        tile, area = self.tile, math.prod(photo.pixels.shape[:2])
        if tile is None and area > self.pixels:
            least = 4 * overlap_for(self.model, self.options["kernel"])
            tile = max(least, math.isqrt(max(0, self.pixels - int(area * HELD))))
        return deblur_photo(self.model, photo, trace, tile, progress, **self.options)

    def many(self, photos) -> list:
        """Of photographs of one size, a `Restored` or the error instead: none fails another."""
        try:
            if len(photos) > 1:
                return deblur_photos(self.model, photos, **self.options)
            return [self.one(photos[0])]
        except ERRORS as error:
            if len(photos) == 1:
                return [error]
        return [self.many([photo])[0] for photo in photos]

    def run(self, tasks, overwrite: bool = False, made=None):
        """Rows for `tasks`, as they are finished; what exists is kept unless `overwrite`.

        `made` tells of outputs, {path: source}, what earlier runs made them of.
        """
        claimed, groups = {}, collections.defaultdict(list)
        for task in tasks:
            other = claimed.setdefault(task.target, task.source)
            kept = other == task.source and task.target.exists() and not overwrite
            if kept and _differ((made or {}).get(task.target), task.source):
                other = made[task.target]
            if other != task.source:
                yield _failed(task, f"{other} has the same output, {task.target}")
            elif kept:
                yield Row(str(task.source), KEPT, output=str(task.target))
            else:
                yield from self._take(task, groups)
        for size in list(groups):
            yield from self._finish(groups.pop(size))

    def _take(self, task, groups):
        """Reads a photograph; solves a group that is full, or the largest if too many wait."""
        try:
            photos = self.read(task.source)
            task.target.parent.mkdir(parents=True, exist_ok=True)
            check_output(task.target, photos if photos[1:] else photos[0])
        except ERRORS as error:
            yield _failed(task, error)
            return
        if len(photos) > 1:
            yield self._stack(task, photos)
            return
        size = photos[0].pixels.shape[:2]
        groups[size].append((task, photos[0]))
        most = max(1, min(TOGETHER, self.pixels) // math.prod(size))
        if len(groups[size]) >= most or self.tile is not None:
            yield from self._finish(groups.pop(size))
        waiting = {s: math.prod(s) * len(group) for s, group in groups.items()}
        if sum(waiting.values()) > 4 * TOGETHER:
            yield from self._finish(groups.pop(max(waiting, key=waiting.get)))

    def _finish(self, group):
        start = time.perf_counter()
        results = self.many([photo for _, photo in group])
        seconds = (time.perf_counter() - start) / len(group)
        for (task, _), result in zip(group, results, strict=True):
            yield _written(task, result, seconds)

    def _stack(self, task, photos) -> Row:
        start = time.perf_counter()
        results = [self.many([photo])[0] for photo in photos]
        seconds = time.perf_counter() - start
        error = next((r for r in results if isinstance(r, Exception)), None)
        return _written(task, error or joined(results), seconds)


def joined(results) -> Restored:
    """One record of a stack's pages: the worst of each figure, `photo` being the list of all."""
    return Restored(
        [r.photo for r in results],
        max(r.evaluations for r in results),
        max(r.residual for r in results),
        Status(max(r.status for r in results)),
        None,
        *most_told(results),
        results[0].refined,
    )


def _differ(one, other) -> bool:
    """Whether two photographs are two; one that is not there any more may be the other, moved."""
    return one is not None and os.path.exists(one) and not os.path.samefile(one, other)


def _written(task, result, seconds) -> Row:
    if isinstance(result, Exception):
        return _failed(task, result)
    try:
        write_image(task.target, result.photo)
    except ERRORS as error:
        return _failed(task, error)
    figures = (f"{result.residual:.3e}", result.evaluations)
    noise = None if result.noise is None else f"{result.noise:.5f}"
    doubt = (result.doubt or NO_DOUBT) if result.estimated else None
    scale = None if result.refined is None else f"{result.refined.scale:.3f}"
    told = (noise, f"{seconds:.3f}", None, doubt, scale, str(task.target))
    return Row(str(task.source), result.status.name, *figures, *told)


def _failed(task, error) -> Row:
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    return Row(str(task.source), ERROR, message=" ".join(text.split()) or type(error).__name__)
