"""Dead leaves: an endless, seeded stand-in for natural images that needs no files."""

import numpy as np

from tf_jfb._streams import Stream, generator
from tf_jfb._validate import check
from tf_jfb.data import _leaves

SMALLEST = 2.0  # radius in pixels
LARGEST = 0.6  # radius as a share of the side
MOST_GRAIN = _leaves.PLAIN
LAYERS = 5.0  # expected number of shapes over a pixel: e^-5 of it stays background


class DeadLeaves:
    r"""Occluding textured shapes with radii of density proportional to $r^{-3}$.

    That size law makes the image statistics scale-invariant, as those of natural images are
    (Lee, Mumford and Huang, 2001). Shapes are rotated ellipses and rectangles with antialiased
    edges, each with a colour of the image's palette, a linear shading and stripes, grain or no
    texture; they cover the image several times over, up to a background of the same kind.
    `source[i]` is float32 [size, size, channels] in [0, 1] and depends on (seed, i) alone.

    Args:
        length: images per epoch, >= 1.
        size: side in pixels, >= 8.
        channels: 1 or 3.
        seed: of all images, >= 0.
        shapes: shapes per image; None takes as many as cover it.
        grain: share of the shapes whose texture is grain, in [0, 0.7]. Grain is white, and so
            teaches a denoiser to leave noise alone.

    Raises:
        ValueError: an argument is outside its range.
    """

    def __init__(
        self,
        length: int = 10_000,
        size: int = 64,
        channels: int = 3,
        seed: int = 0,
        shapes: int | None = None,
        grain: float = 0.3,
    ):
        check(length >= 1, "`length` must be >= 1.", length=length)
        check(size >= 8, "`size` must be >= 8.", size=size)
        check(channels in (1, 3), "`channels` must be 1 or 3.", channels=channels)
        check(seed >= 0, "`seed` must be >= 0.", seed=seed)
        check(shapes is None or shapes >= 1, "`shapes` must be >= 1.", shapes=shapes)
        check(0 <= grain <= MOST_GRAIN, f"`grain` must lie in [0, {MOST_GRAIN}].", grain=grain)
        self.grain = grain
        self.length, self.size, self.channels, self.seed = length, size, channels, seed
        self.shapes = covering(size) if shapes is None else shapes

    @property
    def sizes(self) -> list:
        """(height, width) of every image."""
        return [(self.size, self.size)] * self.length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> np.ndarray:
        check(0 <= index < self.length, f"`index` must lie in [0, {self.length}).", index=index)
        rng = generator(self.seed, Stream.LEAVES, index)
        radii = draw_radii(rng, self.shapes, SMALLEST, LARGEST * self.size)
        return _leaves.render(radii, self.size, self.channels, self.grain, rng)


def dead_leaves(length: int = 10_000, size: int = 64, channels: int = 3, seed: int = 0):
    """The embedded default training data: a `DeadLeaves` source."""
    return DeadLeaves(length, size, channels, seed)


def draw_radii(rng, count: int, smallest: float, largest: float) -> np.ndarray:
    r"""Radii with density proportional to $r^{-3}$ on [smallest, largest], by inversion."""
    low, high = smallest**-2.0, largest**-2.0
    return (low - rng.random(count) * (low - high)) ** -0.5


def covering(size: int) -> int:
    r"""Number of shapes that lie `LAYERS` deep on average over an image of side `size`.

    Under the size law $E[r^2] = 2 \ln(r_1 / r_0) / (r_0^{-2} - r_1^{-2})$.
    """
    smallest, largest = SMALLEST, LARGEST * size
    square = 2 * np.log(largest / smallest) / (smallest**-2.0 - largest**-2.0)
    return int(np.ceil(LAYERS * _leaves.centre_area(size) / (_leaves.MEAN_AREA * square)))
