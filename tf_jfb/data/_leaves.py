"""Rendering of dead leaves: which shape is in front at every sample, then its colour there.

Finding the front shape costs one pass over all shapes, vectorised over those of similar size;
colour is worked out for what is seen only. Four samples per pixel are averaged.
"""

from typing import NamedTuple

import numpy as np

SAMPLES = 2  # per pixel and axis
MARGIN = 8.0  # of the area of centres beyond the image, in pixels
PLAIN = 0.7  # share of the shapes that have no stripes; some of these have grain
MEAN_AREA = 0.7 * (0.6 * np.pi + 0.4 * 4.0)  # of a shape of radius 1; aspect 0.4 to 1


class Shapes(NamedTuple):
    """K shapes, the rearmost first; lengths in samples."""

    radius: np.ndarray  # [K], the half axis along u
    centre: np.ndarray  # [K, 2], row and column
    axis: np.ndarray  # [K, 2], cosine and sine of the angle from the columns to u
    aspect: np.ndarray  # [K], half axis along v over that along u
    round: np.ndarray  # bool [K], ellipse or rectangle


def centre_area(size: int) -> float:
    """Area over which centres are spread evenly, in square pixels."""
    return (size + 2 * MARGIN) ** 2


def render(radii: np.ndarray, size: int, channels: int, grain: float, rng) -> np.ndarray:
    """Image float32 [size, size, channels] in [0, 1] of shapes of these radii (in pixels)."""
    side = SAMPLES * size
    shapes = _draw_shapes(SAMPLES * radii, side, rng)
    front = _front(shapes, side)
    colour = _colour(shapes, front, channels, grain, rng)
    image = colour.reshape(size, SAMPLES, size, SAMPLES, channels).mean(axis=(1, 3))
    return np.clip(image, 0.0, 1.0, dtype=np.float32)


def _draw_shapes(radius, side, rng) -> Shapes:
    count = len(radius)
    angle = rng.uniform(0, np.pi, count)
    margin = SAMPLES * MARGIN
    # Behind them all, one shape larger than the image.
    return Shapes(
        np.append(4.0 * side, radius),
        np.append([[side / 2, side / 2]], rng.uniform(-margin, side + margin, (count, 2)), axis=0),
        np.append([[1.0, 0.0]], np.stack([np.cos(angle), np.sin(angle)], -1), axis=0),
        np.append(1.0, rng.uniform(0.4, 1.0, count)),
        np.append(True, rng.random(count) < 0.6),
    )


def _front(shapes, side) -> np.ndarray:
    """Index of the front shape at every sample, int [side * side]."""
    front = np.zeros(side * side, np.int32)
    reach = shapes.radius * np.where(shapes.round, 1.0, np.hypot(1.0, shapes.aspect))
    group = np.ceil(2 * np.log2(reach)).astype(int)  # windows of half an octave
    group[0] = -1  # the background needs no drawing
    for each in np.unique(group[1:]):
        members = np.flatnonzero(group == each)
        window = min(int(np.ceil(reach[members].max())) + 1, 2 * side)
        layer = np.zeros_like(front)
        parts = 1 + len(members) * (2 * window + 1) ** 2 // 2**18  # to stay in the cache
        for part in np.array_split(members, parts):
            where, which = _samples(shapes, part, window, side)
            layer[where] = which  # in rising order: the last one stays
        np.maximum(front, layer, out=front)
    return front


def _samples(shapes, members, window, side) -> tuple:
    """Samples inside each member shape, and the member, both flat, members in order."""
    steps = np.arange(-window, window + 1)
    start = np.round(shapes.centre[members]).astype(int)
    rows, columns = (start[:, i, None] + steps for i in (0, 1))
    dy = (rows - shapes.centre[members, 0, None]).astype(np.float32)[:, :, None]
    dx = (columns - shapes.centre[members, 1, None]).astype(np.float32)[:, None, :]
    u, v = _local(shapes, members[:, None, None], dy, dx)
    u, v = np.square(u, out=u), np.square(v, out=v)
    rounds = shapes.round[members, None, None]
    inside = np.where(rounds, u + v, np.maximum(u, v)) <= 1
    inside &= ((rows >= 0) & (rows < side))[:, :, None]
    inside &= ((columns >= 0) & (columns < side))[:, None, :]
    flat = (rows * side).astype(np.int32)[:, :, None] + columns.astype(np.int32)[:, None, :]
    counts = inside.sum(axis=(1, 2))
    return flat[inside], np.repeat(members.astype(np.int32), counts)


def _local(shapes, which, dy, dx) -> tuple:
    """Coordinates along the axes of each shape in units of its half axes."""
    turn = shapes.axis.T / shapes.radius
    (cos_u, sin_u), (cos_v, sin_v) = (
        each.astype(np.float32)[:, which] for each in (turn, turn / shapes.aspect)
    )
    return cos_u * dx + sin_u * dy, cos_v * dy - sin_v * dx


def _colour(shapes, front, channels, share, rng) -> np.ndarray:
    """Colours [side * side, channels] of the front shapes: base, shading and texture."""
    side = int(np.sqrt(len(front)))
    count = len(shapes.radius)
    base = _palette(count, channels, rng)
    shading = 0.1 * rng.standard_normal((count, 2))
    kind = rng.choice(3, count, p=(PLAIN - share, share, 1 - PLAIN))  # plain, grain, stripes
    strength = rng.uniform(0.02, 0.12, count)
    period = SAMPLES * rng.uniform(3.0, 16.0, count)
    slant = rng.uniform(-1, 1, count)

    row, column = np.divmod(np.arange(len(front)), side)
    dy, dx = row - shapes.centre[front, 0], column - shapes.centre[front, 1]
    u, v = _local(shapes, front, dy.astype(np.float32), dx.astype(np.float32))
    wave = np.sin((2 * np.pi * shapes.radius / period)[front] * (u + slant[front] * v))
    grain = SAMPLES * rng.standard_normal(len(front), np.float32)  # averaging halves it again
    texture = np.choose(kind[front], [np.zeros_like(u), grain, wave]) * strength[front]
    light = shading[front, 0] * u + shading[front, 1] * v + texture
    return np.clip(base[front] + light[:, None].astype(np.float32), 0.0, 1.0)


def _palette(count, channels, rng) -> np.ndarray:
    """Base colours [count, channels]: mostly muted, around a tint that the image shares."""
    lightness = rng.beta(1.3, 1.6, count)
    if channels == 1:
        return lightness[:, None].astype(np.float32)
    # Natural colours spread most in lightness, then from blue to yellow, then green to red.
    spread = np.array([0.09, 0.04]) * np.where(rng.random((count, 1)) < 0.15, 2.5, 1.0)
    chroma = np.array([0.05, 0.02]) * rng.standard_normal(2)
    chroma = chroma + spread * rng.standard_normal((count, 2))
    opponents = np.array([[0.5, 0.5, -1.0], [1.0, -1.0, 0.0]])
    return np.clip(lightness[:, None] + chroma @ opponents, 0.0, 1.0).astype(np.float32)
