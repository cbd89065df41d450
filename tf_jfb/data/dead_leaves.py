"""Dead leaves: an endless, seeded stand-in for natural images that needs no files."""

import numpy as np

from tf_jfb._validate import check


class DeadLeaves:
    r"""Occluding textured shapes with radii of density proportional to $r^{-3}$.

    That size law makes the image statistics scale-invariant, as those of natural images are
    (Lee, Mumford and Huang, 2001). Shapes are rotated ellipses and rectangles with soft edges,
    each with a base colour, a linear shading and a sinusoidal or noise texture.
    `source[i]` is float32 [size, size, channels] in [0, 1] and depends on (seed, i) alone.

    Args:
        length: images per epoch, >= 1.
        size: side in pixels, >= 8.
        channels: 1 or 3.
        seed: of all images.
        shapes: shapes per image, drawn back to front.

    Raises:
        ValueError: an argument is outside its range.
    """

    def __init__(
        self,
        length: int = 10_000,
        size: int = 64,
        channels: int = 3,
        seed: int = 0,
        shapes: int = 150,
    ):
        check(length >= 1, "`length` must be >= 1.", length=length)
        check(size >= 8, "`size` must be >= 8.", size=size)
        check(channels in (1, 3), "`channels` must be 1 or 3.", channels=channels)
        check(shapes >= 1, "`shapes` must be >= 1.", shapes=shapes)
        self.length, self.size, self.channels = length, size, channels
        self.seed, self.shapes = seed, shapes

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> np.ndarray:
        check(0 <= index < self.length, f"`index` must lie in [0, {self.length}).", index=index)
        rng = np.random.default_rng([self.seed, 2, index])
        image = np.empty((self.size, self.size, self.channels), np.float32)
        image[:] = _colour(rng, self.channels)
        for radius in draw_radii(rng, self.shapes, 1.5, 0.6 * self.size):
            _paint(image, radius, rng)
        return np.clip(image, 0.0, 1.0)


def dead_leaves(length: int = 10_000, size: int = 64, channels: int = 3, seed: int = 0):
    """The embedded default training data: a `DeadLeaves` source."""
    return DeadLeaves(length, size, channels, seed)


def draw_radii(rng, count: int, smallest: float, largest: float) -> np.ndarray:
    r"""Radii with density proportional to $r^{-3}$ on [smallest, largest], by inversion."""
    low, high = smallest**-2.0, largest**-2.0
    return (low - rng.random(count) * (low - high)) ** -0.5


def _colour(rng, channels):
    """Correlated across channels, as natural colours are."""
    grey = rng.random()
    return np.clip(grey + 0.18 * rng.standard_normal(channels), 0.0, 1.0).astype(np.float32)


def _paint(image, radius, rng) -> None:
    """Paints one shape over `image`, within its bounding box."""
    size = image.shape[0]
    row, column = rng.uniform(-0.5 * radius, size + 0.5 * radius, 2)
    reach = int(np.ceil(1.5 * radius)) + 1
    top, left = max(0, int(row) - reach), max(0, int(column) - reach)
    bottom, right = min(size, int(row) + reach + 1), min(size, int(column) + reach + 1)
    if top >= bottom or left >= right:
        return
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - row
    x = np.arange(left, right, dtype=np.float32)[None, :] - column
    angle = rng.uniform(0, np.pi)
    u = (np.cos(angle) * x + np.sin(angle) * y) / radius
    v = (np.cos(angle) * y - np.sin(angle) * x) / (radius * rng.uniform(0.4, 1.0))
    inside = np.sqrt(u * u + v * v) if rng.random() < 0.6 else np.maximum(abs(u), abs(v))
    cover = np.clip((1.0 - inside) * radius + 0.5, 0.0, 1.0)[..., None]
    shade = (0.15 * rng.standard_normal() * u + _texture(u, v, radius, rng))[..., None]
    colour = np.clip(_colour(rng, image.shape[-1]) + shade, 0.0, 1.0)
    window = image[top:bottom, left:right]
    window += cover.astype(np.float32) * (colour.astype(np.float32) - window)


def _texture(u, v, radius, rng):
    """Stripes, grain or nothing; the period is given in pixels."""
    kind = rng.integers(3)
    if kind == 0:
        return 0.0
    strength = 0.12 * rng.random()
    if kind == 1:
        return strength * rng.standard_normal(np.broadcast_shapes(u.shape, v.shape))
    period = rng.uniform(3.0, 16.0) / radius
    return strength * np.sin(2 * np.pi * (u + rng.uniform(-1, 1) * v) / period)
