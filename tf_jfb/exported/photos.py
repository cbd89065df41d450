"""Photographs through an exported model; alpha, depth and metadata stay as they are."""

from typing import NamedTuple

import numpy as np

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data import Photo
from tf_jfb.exported.model import ExportedModel


class Restored(NamedTuple):
    """A restored photograph and how its solve went."""

    photo: Photo
    evaluations: int
    residual: float
    status: Status
    trace: np.ndarray | None = None  # residual of every evaluation, where it was asked for


def deblur_photo(model: ExportedModel, photo: Photo, trace: bool = False, **options) -> Restored:
    """Restores `photo`. Grey runs as colour if need be.

    Args:
        model: of `ExportedModel.open`.
        photo: what to restore.
        trace: whether the record holds the residual of every evaluation.
        options: of `ExportedModel.restore`; `boundary` is "photo".

    Raises:
        ValueError: as `restore`.
    """
    return deblur_photos(model, [photo], trace, **options)[0]


def deblur_photos(model: ExportedModel, photos, trace: bool = False, **options) -> list[Restored]:
    """`deblur_photo` for photographs of one size, in one solve; options may be one for each.

    Grey and colour photographs may be mixed.
    """
    sizes = {photo.pixels.shape[:2] for photo in photos}
    check(len(sizes) == 1, "Photographs of one solve must have one size.", sizes=sorted(sizes))
    widest = max(photo.pixels.shape[-1] for photo in photos)
    images = np.stack([_wide(photo.pixels, widest) for photo in photos])
    result = (model.trace if trace else model.restore)(images, **options)
    return [_one(result, i, photo) for i, photo in enumerate(photos)]


def _wide(pixels, channels):
    return np.repeat(pixels, channels, axis=-1) if pixels.shape[-1] == 1 else pixels


def _one(result, i, photo) -> Restored:
    image, evaluations = result.image[i], int(result.evaluations[i])
    if photo.pixels.shape[-1] == 1:
        image = image.mean(axis=-1, keepdims=True)
    return Restored(
        photo._replace(pixels=np.clip(image, 0.0, 1.0)),
        evaluations,
        float(result.residual[i]),
        Status(int(result.status[i])),
        None if result.trace is None else result.trace[i, :evaluations],
    )
