"""What a kernel will do to an image, and what may be wrong with it."""

from typing import NamedTuple

import numpy as np

from tf_jfb.operators.kernels import check_kernel

GRID = 256  # least side of the grid of frequencies
PASSES = 0.1  # of the transfer's magnitude: below, noise has the better of details
OFF = 0.45  # pixels between centre of mass and origin that are told: those of even sides are
CUT = 0.01  # share of the light beyond the border that is told
NEGATIVE = 0.01  # share of negative weights that is told


class Check(NamedTuple):
    """What is known of a kernel."""

    shape: tuple  # rows, columns
    sum: float  # as given; restoring makes it 1
    offset: tuple  # centre of mass less the origin, rows and columns, in pixels
    width: tuple  # standard deviation along rows and columns, in pixels
    negative: float  # of the weights' absolute sum
    border: float  # share of the sum in the outermost pixels
    cut: float  # share of all light estimated to lie beyond, where the kernel fades towards it
    lowest: float  # least magnitude of the transfer function
    passes: float  # cycles per pixel up to which its mean over directions is above 0.1; most 0.5
    notes: tuple  # sentences on what to look at


def check(kernel) -> Check:
    """Examines a kernel [k1, k2]; its origin is index size // 2 of each axis.

    Raises ValueError if it is not 2-D, finite and of positive sum.
    """
    array = check_kernel(kernel)
    total, k = float(array.sum()), array / array.sum()
    offsets = [np.arange(n) - n // 2 for n in k.shape]
    centre = [float(k.sum(1 - axis) @ offsets[axis]) for axis in (0, 1)]
    spread = [float(k.sum(1 - i) @ (offsets[i] - centre[i]) ** 2) for i in (0, 1)]
    border, cut = _beyond(k)
    frequencies, mean, least, _ = transfer(k)
    below = np.flatnonzero(mean < PASSES)
    record = Check(
        shape=k.shape,
        sum=total,
        offset=tuple(centre),
        width=tuple(float(np.sqrt(max(s, 0.0))) for s in spread),
        negative=float(np.abs(k[k < 0]).sum() / np.abs(k).sum()),
        border=border,
        cut=cut,
        lowest=float(least.min()),
        passes=float(frequencies[below[0]]) if len(below) else 0.5,
        notes=(),
    )
    return record._replace(notes=tuple(_notes(record, k)))


def transfer(kernel) -> tuple:
    """(frequencies, mean, least, greatest) of |H| over directions; frequencies to 0.5 per pixel."""
    side = max(GRID, *(2 * n for n in kernel.shape))
    magnitude = np.abs(np.fft.fft2(kernel, (side, side)))
    axis = np.fft.fftfreq(side)
    radius = np.hypot(axis[:, None], axis[None])
    rings = np.round(radius * GRID).astype(int)
    count = GRID // 2 + 1
    inside = rings < count
    rings, values = rings[inside], magnitude[inside]
    mean = np.bincount(rings, values, count) / np.bincount(rings, minlength=count)
    least, greatest = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(least, rings, values)
    np.maximum.at(greatest, rings, values)
    return np.arange(count) / GRID, mean, least, greatest


def _beyond(k) -> tuple:
    """Shares of the sum in the outermost pixels, and of all light beyond them.

    The latter if every pixel of the border is lit and the last rings fall off smoothly, which is
    then taken to go on; a disk or a shake ends where it ends.
    """
    sums = [np.abs(k[i : n - i, i : m - i]).sum() for (n, m) in [k.shape] for i in range(4)]
    rings = -np.diff(sums)
    share = float(rings[0] / sums[0])
    edge = np.concatenate([k[0], k[-1], k[1:-1, 0], k[1:-1, -1]])
    if min(k.shape) < 7 or edge.min() <= 0 or min(rings) <= 0:
        return share, 0.0
    last, before = rings[0] / rings[1], rings[1] / rings[2]
    if last < 0.5 * before:
        return share, 0.0
    beyond = share * min(last, 0.95) / (1 - min(last, 0.95))
    return share, float(beyond / (1 + beyond))


def _notes(record, k):
    rows, columns = record.offset
    if max(abs(rows), abs(columns)) > OFF:
        yield (
            f"Its centre of mass lies {rows:+.1f} rows and {columns:+.1f} columns from the origin: "
            "restored images are shifted by as much."
        )
    if record.cut > CUT:
        yield f"About {record.cut:.0%} of its light seems to lie beyond the border: make it larger."
    if record.negative > NEGATIVE:
        yield f"{record.negative:.0%} of its weights are negative, which light is not."
    edge = np.concatenate([k[0], k[-1], k[1:-1, 0], k[1:-1, -1]])
    if min(k.shape) >= 5 and edge.min() > 0.01 * k.max():
        yield "All of its border is above 1 % of its peak: it is cut off, or holds a background."
    if k.size == 1 or k.max() > 0.99:
        yield "It is a single point: nothing is blurred."
    if record.passes < 0.5:
        yield (
            f"Details finer than {1 / record.passes:.1f} pixels come through at less than "
            f"{PASSES:.0%}: they will be guessed rather than restored."
        )
