"""Images too large for one solve: solved in tiles that overlap, and faded into each other."""

import itertools
from typing import NamedTuple

import numpy as np

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.solvers import Solution

# Pixels of a tile at a cut, on either side of it, that the neighbour also holds. What is beyond the
# cut is guessed, and with kernels of 25 pixels the guess has faded below 1e-3 after 96 of them.
MARGIN, PER_KERNEL = 48, 2
FADED = 0.5  # of them the share, about the cut, over which one tile fades into the other


def overlap(kernel) -> int:
    """Pixels by which tiles reach beyond a cut, for a kernel [k1, k2]; None counts as 5 x 5."""
    return MARGIN + PER_KERNEL * (5 if kernel is None else max(np.shape(kernel)))


class Axis(NamedTuple):
    """The tiles along one axis."""

    starts: list  # of every tile
    length: int  # of all of them
    weights: np.ndarray  # [tiles, length], those of the tiles that hold a pixel sum to 1


def split(size: int, tile: int, margin: int) -> Axis:
    """Tiles of at most `tile` pixels, `margin` of them beyond each cut, spread evenly over `size`.

    Raises ValueError if that leaves a tile nothing of its own.
    """
    if size <= tile:
        return Axis([0], size, np.ones([1, size], np.float32))
    core = tile - 2 * margin
    check(
        core >= margin, f"`tile` must be at least {3 * margin} pixels for this kernel.", tile=tile
    )
    count = -(-(size - 2 * margin) // core)
    tile = min(tile, -(-(size - 2 * margin) // count) + 2 * margin)
    starts = [round(i * (size - tile) / (count - 1)) for i in range(count)]
    # From 0 at `hidden` pixels from an end that is a cut, to 1 at `hidden` + `fade`.
    fade = max(1, round(2 * margin * FADED))
    hidden, place = (2 * margin - fade) / 2, np.arange(tile) + 0.5
    rise, ones = np.clip((place - hidden) / fade, 0.0, 1.0), np.ones(tile)
    weights = [
        (rise if start else ones) * (rise[::-1] if start + tile < size else ones)
        for start in starts
    ]
    total = np.zeros(size)
    for start, weight in zip(starts, weights, strict=True):
        total[start : start + tile] += weight
    pairs = zip(starts, weights, strict=True)
    weights = [weight / total[start : start + tile] for start, weight in pairs]
    return Axis(starts, tile, np.float32(weights))


def restore_in_tiles(restore, image, tile, margin: int, mask=None, progress=None) -> Solution:
    """`restore(tile, mask)` of tiles of `image` [H, W, C], put together.

    Tiles that hold no trusted pixel are left as they are. The record holds the most evaluations,
    the largest residual and the worst status of all.

    Args:
        restore: of one [h, w, C] and its mask [h, w, 1] or None, a `Solution`.
        image: float32.
        tile: (height, width) of a tile, at most.
        margin: of `overlap`.
        mask: [H, W, 1], or None.
        progress: called as (tiles done, tiles) after each.
    """
    rows, columns = (split(n, t, margin) for n, t in zip(image.shape, tile, strict=False))
    whole = np.zeros(image.shape, np.float32)
    records, count = [], len(rows.starts) * len(columns.starts)
    pairs = itertools.product(
        zip(rows.starts, rows.weights, strict=True),
        zip(columns.starts, columns.weights, strict=True),
    )
    for done, ((top, down), (left, across)) in enumerate(pairs, 1):
        place = (slice(top, top + rows.length), slice(left, left + columns.length))
        one = image[place]
        trusted = None if mask is None else mask[place]
        if trusted is None or trusted.any():
            records.append(restore(one, trusted))
            one = records[-1].image
        whole[place] += one * (down[:, None] * across)[..., None]
        if progress is not None:
            progress(done, count)
    return Solution(
        whole,
        max(record.evaluations for record in records),
        max(record.residual for record in records),
        Status(max(record.status for record in records)),
    )
