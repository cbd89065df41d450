"""Photographs through an exported model; alpha, depth and metadata stay as they are."""

from typing import NamedTuple

import numpy as np

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data import Photo
from tf_jfb.data import light as lights
from tf_jfb.exported._inputs import as_mask, check_options, same_channels
from tf_jfb.exported._noise import LEAST, Told, at_white, told_noise
from tf_jfb.exported.model import ExportedModel
from tf_jfb.exported.tiles import overlap, restore_in_tiles
from tf_jfb.noise import PoissonGaussian
from tf_jfb.psf import Refined, refine
from tf_jfb.solvers import Solution


class Restored(NamedTuple):
    """A restored photograph and how its solve went."""

    photo: Photo
    evaluations: int
    residual: float
    status: Status
    trace: np.ndarray | None = None  # residual of every evaluation, where it was asked for
    noise: float | None = None  # of one channel of the values or light that it solved for
    estimated: bool = False  # whether that was estimated from the photograph
    doubt: str | None = None  # why not to trust the estimate
    refined: Refined | None = None  # the kernel it was restored with, where that was asked for


def deblur_photo(
    model: ExportedModel, photo: Photo, trace: bool = False, tile=None, progress=None, **options
) -> Restored:
    """Restores `photo`.

    Grey runs as colour if need be; of other numbers of channels, each is restored by itself.

    Args:
        model: of `ExportedModel.open`.
        photo: what to restore. Its own mask counts with `mask`; where it is linear already,
            `light` is of no matter.
        trace: whether the record holds the residual of every evaluation; that of tiles, or of
            channels which are restored one by one, holds none.
        tile: side of the squares, or (height, width) of the rectangles, to solve at once, which
            overlap; default the whole.
        progress: called as (tiles done, tiles) after each.
        options: of `ExportedModel.restore`, whose `boundary` is "photo" with tiles; and
            `refine_kernel`, whether the kernel is a start for `psf.refine`.

    Raises:
        ValueError: as `restore`.
    """
    channels = photo.pixels.shape[-1]
    if channels not in (1, model.channels):
        return _channel_by_channel(model, photo, tile=tile, progress=progress, **options)
    tile = (tile, tile) if np.ndim(tile) == 0 else tile
    if None in tile or all(n <= t for n, t in zip(photo.pixels.shape, tile, strict=False)):
        return deblur_photos(model, [photo], trace, **options)[0]
    check(
        options.get("boundary") != "circular",
        "`tile` must be left out: an image that wraps around is solved whole.",
        tile=tile,
        boundary="circular",
    )
    values, told, level, refined = _solved_for(model, photo, **options)
    mask, margin = told.pop("mask"), overlap_for(model, told["kernel"])

    def restore(pixels, mask):
        return model.restore(pixels, mask=mask, **told)

    done = restore_in_tiles(restore, values, tile, margin, mask, progress)
    return _restored(photo, done, level, options.get("light"))._replace(refined=refined)


def overlap_for(model: ExportedModel, kernel) -> int:
    """`tiles.overlap` for the `kernel` told, or for the blur that the model was made for."""
    return overlap(model.blur if kernel is None else kernel)


def deblur_photos(
    model: ExportedModel, photos, trace: bool = False, noise=None, **options
) -> list[Restored]:
    """`deblur_photo` for photographs of one size, in one solve; `noise` may be one for each.

    So may `kernel`, `rtol` and `max_evaluations`, as of `ExportedModel.restore`. Grey and colour
    photographs may be mixed.
    """
    sizes = {photo.pixels.shape[:2] for photo in photos}
    check(len(sizes) == 1, "Photographs of one solve must have one size.", sizes=sorted(sizes))
    whole = isinstance(noise, PoissonGaussian) or np.ndim(noise) == 0
    levels = [noise] * len(photos) if whole else list(noise)
    if options.get("refine_kernel") and len(photos) > 1:  # each has its own
        rows = enumerate(zip(photos, levels, strict=True))
        own = [({"noise": level, **_own(options, i)}, photo) for i, (photo, level) in rows]
        return [deblur_photo(model, photo, trace, **told) for told, photo in own]
    pairs = zip(photos, levels, strict=True)
    each = [_solved_for(model, photo, noise=level, **options) for photo, level in pairs]
    widest = max(values.shape[-1] for values, *_ in each)
    images = np.stack([_wide(values, widest) for values, *_ in each])
    told = each[0][1]
    if model.takes_noise:
        names = ("noise", "shares_noise")
        told = told | {name: [one[name] for _, one, *_ in each] for name in names}
    masks = [one["mask"] for _, one, *_ in each]
    if any(mask is not None for mask in masks):
        ones = np.ones((*images.shape[1:3], 1), np.float32)
        told["mask"] = np.stack([ones if mask is None else mask for mask in masks])
    result = model.restore(images, **told, trace=trace)
    return [
        _restored(photo, _entry(result, i), level, options.get("light"))._replace(refined=refined)
        for i, (photo, (_, _, level, refined)) in enumerate(zip(photos, each, strict=True))
    ]


def _solved_for(
    model,
    photo,
    kernel=None,
    noise=None,
    light="encoded",
    mask=None,
    refine_kernel=False,
    **options,
) -> tuple:
    """(values [H, W, C] to solve for, options of `restore` for them, `Told`, `Refined` or None)."""
    check_options(noise=noise)
    lights.check_light(light)
    decoded = light == "linear" and not photo.linear
    noise = at_white(noise, photo.white, decoded)
    masks = [m for m in (mask, photo.mask) if m is not None]
    if masks:
        shape = (1, *photo.pixels.shape)
        common = np.prod([as_mask(m, shape) for m in masks], axis=0)
        mask = as_mask(common, shape)[0]  # of both, some pixels must be left
    level = Told(noise)
    if model.takes_noise:
        level = told_noise(photo.pixels, noise, decoded, photo.icc, mask, photo.taken)
    values = lights.decode(photo.pixels, photo.icc) if decoded else photo.pixels
    refined = None
    if refine_kernel:
        check(kernel is not None, "`refine_kernel` needs a `kernel` to start from.", kernel=kernel)
        refined = refine(values, kernel, level.std or LEAST, mask)
        kernel = refined.kernel
    told = {"kernel": kernel, "noise": level.std, "mask": mask, **options}
    told["shares_noise"] = bool(same_channels(photo.pixels))
    return values, told, level, refined


def _own(options, i) -> dict:
    """Of `options` for many photographs those of number `i`."""
    ranks = {"kernel": 2, "rtol": 0, "max_evaluations": 0}  # of what holds for all
    return {k: v[i] if np.ndim(v) > ranks.get(k, np.inf) else v for k, v in options.items()}


def _wide(pixels, channels):
    return np.repeat(pixels, channels, axis=-1) if pixels.shape[-1] == 1 else pixels


def _entry(result, i) -> Solution:
    """One image's of a batch's record."""
    evaluations, status = int(result.evaluations[i]), Status(int(result.status[i]))
    trace = None if result.trace is None else result.trace[i, :evaluations]
    return Solution(result.image[i], evaluations, float(result.residual[i]), status, trace)


def _restored(photo, result, level, light) -> Restored:
    """`photo` with the pixels of `result`, encoded as it was.

    In [0, 1], or to its largest value where white is less than full scale; but what floating or
    signed numbers hold stays.
    """
    image = result.image
    if photo.pixels.shape[-1] == 1:
        image = image.mean(axis=-1, keepdims=True)
    if light == "linear" and not photo.linear:
        image = lights.encode(image, photo.icc)
    if not str(photo.dtype).startswith(("float", "int")):
        scaled = photo.white is not None and photo.white < 2**photo.bits - 1
        image = np.clip(image, 0.0, max(1.0, float(photo.pixels.max())) if scaled else 1.0)
    how = (result.evaluations, result.residual, result.status, result.trace)
    return Restored(photo._replace(pixels=image), *how, *level)


def _channel_by_channel(model, photo, **options) -> Restored:
    """The most evaluations, the largest residual and the worst status stand for all channels."""
    planes = np.split(photo.pixels, photo.pixels.shape[-1], axis=-1)
    each = [deblur_photo(model, photo._replace(pixels=plane), **options) for plane in planes]
    pixels = np.concatenate([one.photo.pixels for one in each], axis=-1)
    return Restored(
        photo._replace(pixels=pixels),
        max(one.evaluations for one in each),
        max(one.residual for one in each),
        Status(max(one.status for one in each)),
        None,
        *most_told(each),
        each[0].refined,
    )


def most_told(restored) -> Told:
    """One record for several: the largest noise, whether any was estimated, the first doubt."""
    return Told(
        max((one.noise for one in restored if one.noise is not None), default=None),
        any(one.estimated for one in restored),
        next((one.doubt for one in restored if one.doubt), None),
    )
