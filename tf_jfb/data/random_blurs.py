"""Kernels and noise drawn at random: training data for any blur."""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb import noise as noises
from tf_jfb._numerics import per_image
from tf_jfb._streams import Stream, generator
from tf_jfb._validate import check, check_boundary
from tf_jfb.data.folder import centre
from tf_jfb.data.light import LINEAR, OFFSET, POWER, SLOPE
from tf_jfb.operators import BlurEach, kernels

FAMILIES = ("gaussian", "anisotropic", "motion", "disk", "box")


class RandomBlurs:
    """Kernels [size, size] float32 of sum 1 about the middle pixel, drawn from families.

    Every family is as likely as any other, the files together being one; within its range a
    parameter is uniform, standard deviations in their logarithm. `draw(index, seed)` depends on
    its arguments alone.

    | family | drawn |
    |---|---|
    | "gaussian" | one standard deviation |
    | "anisotropic" | two standard deviations and an angle |
    | "motion" | a path of the camera, and how far it goes |
    | "disk" | a radius |
    | "box" | a side, odd |
    | of `files` | a file |

    Args:
        families: names of the table; () for files alone.
        size: side of the arrays, odd and >= 7.
        std: range of standard deviations, in pixels.
        radius: range of radii of disks; None for 1 to a quarter of the size.
        box: range of sides of boxes, holding an odd one; None for 3 to half of the size.
        motion: range of the farthest distance from the centroid along an axis, in pixels; None for
            an eighth to half of the size.
        files: kernel files, FILE.npz:NAME for one of several arrays, their origins being size // 2
            as everywhere.

    Raises:
        ValueError: an argument is outside its range, or a kernel does not fit into the size.

    >>> RandomBlurs(size=9).draw(index=0, seed=1).shape
    (9, 9)
    """

    def __init__(
        self,
        families=FAMILIES,
        size: int = 25,
        std=(0.6, 4.0),
        radius=None,
        box=None,
        motion=None,
        files=None,
    ):
        unknown = sorted(set(families) - set(FAMILIES))
        check(not unknown, f"`families` must be among {', '.join(FAMILIES)}.", families=unknown)
        check(size >= 7 and size % 2 == 1, "`size` must be odd and >= 7.", size=size)
        half = (size - 1) / 2
        self.size, self.files = size, [_centred(kernels.parse(f), size) for f in files or ()]
        self.std = _range("std", std, math.inf)
        self.radius = _range("radius", radius or (1.0, half / 2), half + 0.5)
        self.box = _range("box", box or (3, half), size)
        self.motion = _range("motion", motion or (half / 4, half), half)
        check(
            bool(_odd_sides(*self.box)),
            "`box` must be a range that holds an odd side.",
            box=self.box,
        )
        self.families = tuple(families) + (("files",) if self.files else ())
        check(bool(self.families), "There must be a family or a file.", families=families)

    def draw(self, index: int, seed: int = 0) -> np.ndarray:
        """Kernel number `index` >= 0 of `seed` >= 0: [size, size] float32."""
        rng = generator(seed, Stream.KERNEL, index)
        family = self.families[rng.integers(len(self.families))]
        kernel = _centred(getattr(self, f"_{family}")(rng), self.size)
        return kernel.astype(np.float32)

    def bank(self, count: int = 4096, seed: int = 0, misjudged: bool = False) -> np.ndarray:
        """The first `count` kernels of `seed`, or what they are taken for: [count, size, size]."""
        check(count >= 1, "`count` must be >= 1.", count=count)
        draw = self.misjudged if misjudged else self.draw
        return np.stack([draw(index, seed) for index in range(count)])

    def misjudged(self, index: int, seed: int = 0) -> np.ndarray:
        """What a user may take kernel number `index` for: [size, size] float32 of sum 1.

        Up to an eighth too wide or too narrow, up to half a pixel off, with noise of up to 3 % of
        its peak, or several of these.
        """
        rng = generator(seed, Stream.MISJUDGED, index)
        kernel = self.draw(index, seed)
        wide, off, noisy = rng.random(3) < (0.6, 0.5, 0.3)
        if wide:
            kernel = centre(kernels.stretched(kernel, np.exp(rng.uniform(-0.12, 0.12))), self.size)
        if off:
            kernel = kernels.shifted(kernel, *rng.uniform(-0.5, 0.5, 2))
        if noisy:
            level = kernel.max() * rng.uniform(0, 0.03)
            noisy = kernel + level * rng.standard_normal(kernel.shape)
            kernel = np.maximum(noisy, 0) if rng.random() < 0.5 else noisy
        return (kernel / kernel.sum()).astype(np.float32)

    def _gaussian(self, rng):
        return kernels.gaussian(self.size, _log_uniform(rng, self.std))

    def _anisotropic(self, rng):
        stds = [_log_uniform(rng, self.std) for _ in range(2)]
        return kernels.anisotropic(self.size, *stds, rng.uniform(0, 180))

    def _motion(self, rng):
        return kernels.motion(self.size, int(rng.integers(2**62)), rng.uniform(*self.motion))

    def _disk(self, rng):
        return kernels.disk(rng.uniform(*self.radius))

    def _box(self, rng):
        return kernels.box(int(rng.choice(_odd_sides(*self.box))))

    def _files(self, rng):
        return self.files[rng.integers(len(self.files))]


def degrade_randomly(
    dataset: tf.data.Dataset,
    blurs: RandomBlurs | None,
    noise,
    seed: int = 0,
    count: int = 4096,
    start: int = 0,
    shard: tuple[int, int] = (1, 0),
    boundary: str = "circular",
    misjudged: float = 0.0,
    linear: float = 0.0,
) -> tf.data.Dataset:
    """Maps batches of sharp images to (measurements, sharp), with a blur and noise of each image's.

    Measurements are a dictionary: "image" [B, H, W, C], the circular blur of `sharp` plus Gaussian
    noise; "kernel" [B, size, size], its kernels, out of a bank; "noise" [B], the noise's standard
    deviation, uniform in its logarithm. All are of the dtype of the images. Batch i always gets
    the same: its draws depend on `seed` and i alone.

    Args:
        dataset: batches of sharp images [B, H, W, C] in [0, 1], no side less than the kernels'.
        blurs: what kernels are drawn from; None leaves images sharp and "kernel" out.
        noise: (low, high), the range of standard deviations in [0, 1] units, 0 < low <= high.
        seed: of everything drawn, >= 0.
        count: kernels in the bank.
        start: number of the first batch, >= 0: that of the next where a training resumes.
        shard: (n, i) where the batches are part i of n equal parts of larger ones, as `examples`
            yields them to one of several workers: what is drawn is that part's.
        boundary: "circular", images wrap around; or "photo", measurements and sharp images are cut
            by `blurs.size` // 2 on every side, to frames into which nothing wraps around.
        misjudged: share of the images that are told wrong, as users tell: the kernel as
            `RandomBlurs.misjudged` has it, the noise by a factor in [1/2, 2]; its variance grows
            with the brightness, to a share in [0, 1], and the image is rounded to 8 bits.
        linear: share of the images that are taken to linear light first, those of sRGB.

    Raises:
        ValueError: a number is outside its range, or the elements are no batches of floating images
            that hold the kernels.
    """
    low, high = _range("noise", noise, math.inf)
    check(seed >= 0, "`seed` must be >= 0.", seed=seed)
    check(start >= 0, "`start` must be >= 0.", start=start)
    spec = dataset.element_spec
    rank = spec.shape.rank if isinstance(spec, tf.TensorSpec) else None
    check(rank == 4, "`dataset` must yield batches of images [B, H, W, C].", yields=spec)
    check_boundary(boundary)
    for name, share in (("misjudged", misjudged), ("linear", linear)):
        check(0 <= share <= 1, f"`{name}` must lie in [0, 1].", **{name: share})
    bank = told = None
    if blurs is not None:
        bank = tf.constant(blurs.bank(count, seed), spec.dtype)
        if misjudged:
            told = tf.constant(blurs.bank(count, seed, misjudged=True), spec.dtype)
    edge = blurs.size // 2 if blurs is not None and boundary == "photo" else 0
    draws = _Draws(bank, told, low, high, seed, shard, edge, misjudged, linear)
    return dataset.enumerate(start).map(
        draws.measure, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


class _Draws(NamedTuple):
    """What is drawn for a batch from its number alone."""

    bank: tf.Tensor | None  # kernels [count, size, size]
    told: tf.Tensor | None  # what the misjudged ones are taken for
    low: float
    high: float  # of the standard deviations
    seed: int
    shard: tuple  # (parts, part) of the batch that is this worker's
    edge: int  # pixels cut off on every side
    misjudged: float  # share of the images that are told wrong
    linear: float  # share of those in linear light

    def measure(self, index, sharp) -> tuple:
        """(measurements, sharp) of batch number `index`."""
        # Philox by name: left to choose, TensorFlow takes another generator on some devices.
        seeds = tf.random.experimental.stateless_split([self.seed, index], 7, alg="philox")
        if self.linear:
            dark = self._uniform(seeds[3], sharp) < self.linear
            sharp = tf.where(per_image(dark, sharp), _srgb_decoded(sharp), sharp)
        std = self.low * (self.high / self.low) ** self._uniform(seeds[1], sharp)
        images = self.shard[0] * tf.shape(sharp)[0]
        zeros = tf.zeros([images, *tf.unstack(tf.shape(sharp)[1:])], sharp.dtype)
        unit = self._own(noises.gaussian(zeros, 1.0, seeds[2]), sharp)
        error = per_image(std, sharp) * tf.ensure_shape(unit, sharp.shape)
        told, blurred, which = {"noise": std}, sharp, None
        if self.bank is not None:
            shape, most = [images], self.bank.shape[0]
            which = tf.random.stateless_uniform(shape, seeds[0], 0, most, tf.int32, alg="philox")
            which = self._own(which, sharp)
            told["kernel"] = tf.gather(self.bank, which)
            blurred = BlurEach(told["kernel"])(sharp)
        told["image"] = blurred + error
        if self.misjudged:
            wrong = self._uniform(seeds[4], sharp) < self.misjudged
            false = self._misjudged(told, which, blurred, error, seeds[5:])
            told = {k: tf.where(per_image(wrong, v), false[k], v) for k, v in told.items()}
        if edge := self.edge:
            told["image"], sharp = (t[:, edge:-edge, edge:-edge] for t in (told["image"], sharp))
        return told, sharp

    def _misjudged(self, told, which, blurred, error, seeds) -> dict:
        """What a camera stores of the same images, and a user tells of them."""
        share = per_image(self._uniform(seeds[0], blurred), blurred)
        grown = tf.sqrt(1 - share + 2 * share * tf.clip_by_value(blurred, 0, 1))
        stored = tf.round(255 * tf.clip_by_value(blurred + grown * error, 0, 1)) / 255
        off = 2 ** (2 * self._uniform(seeds[1], blurred) - 1)
        false = {"image": stored, "noise": off * told["noise"]}
        return false if which is None else {**false, "kernel": tf.gather(self.told, which)}

    def _uniform(self, seed, sharp) -> tf.Tensor:
        """A number in [0, 1) for every image of this worker's."""
        images = self.shard[0] * tf.shape(sharp)[0]
        drawn = tf.random.stateless_uniform([images], seed, dtype=sharp.dtype, alg="philox")
        return self._own(drawn, sharp)

    def _own(self, drawn, sharp) -> tf.Tensor:
        """Of what is `drawn` for the whole batch, the part of this worker's images."""
        images, part = tf.shape(sharp)[0], self.shard[1]
        share = drawn[part * images : (part + 1) * images]
        return tf.ensure_shape(share, [sharp.shape[0], *drawn.shape[1:]])


def _range(name, values, most):
    """`values` as (low, high). Raises ValueError unless 0 < low <= high <= `most`, finite."""
    low, high = values if np.size(values) == 2 else (math.nan, math.nan)
    check(
        0 < low <= high <= most and high < math.inf,
        f"`{name}` must be a range (low, high), 0 < low <= high"
        + (f" <= {most}." if most < math.inf else "."),
        **{name: values},
    )
    return low, high


def _srgb_decoded(images) -> tf.Tensor:
    """Linear light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    power = ((tf.maximum(images, LINEAR) + OFFSET) / (1 + OFFSET)) ** POWER
    return tf.where(images <= LINEAR, images / SLOPE, power)


def _odd_sides(low, high):
    return [side for side in range(math.ceil(low), math.floor(high) + 1) if side % 2]


def _log_uniform(rng, bounds):
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _centred(kernel, size):
    """`kernel` in zeros [size, size], its origin, index size // 2, in the middle."""
    check(
        max(kernel.shape) <= size,
        f"The kernel must fit into the size {size}.",
        kernel=kernel.shape,
    )
    return kernels.padded(kernel, (size, size))
