"""From a configuration to images: what a training learns from, and what it is judged on."""

import dataclasses
import warnings

import numpy as np
import tensorflow as tf

from tf_jfb import data
from tf_jfb.data.folder import SPLITS, centre, split_folder
from tf_jfb.operators import Operator

CACHE = 2**29  # bytes of decoded images that a source keeps


@dataclasses.dataclass(frozen=True)
class Fixed:
    """One operator and one noise level for all images."""

    operator: Operator | None  # None: the identity
    noise: float
    told: bool = False  # whether the model is told the noise level

    def examples(self, images, start: int = 0, **options) -> tf.data.Dataset:
        """Endless batches (measurements, sharp); options as in `data.examples`."""
        pairs = data.examples(images, self.operator, self.noise, start=start, **options)
        if not self.told:
            return pairs
        return pairs.map(lambda d, x: ({"image": d, "noise": self._levels(tf.shape(d)[0])}, x))

    def measure(self, sharp: np.ndarray, seed: int) -> tuple:
        """(measurements, sharp) of validation images, always the same."""
        blurred = sharp if self.operator is None else self.operator(sharp).numpy()
        unit = np.random.default_rng([seed, 3]).standard_normal(blurred.shape, np.float32)
        measured = blurred + self.noise * unit
        if not self.told:
            return measured, sharp
        return {"image": measured, "noise": self._levels(len(sharp)).numpy()}, sharp

    def _levels(self, count) -> tf.Tensor:
        return tf.fill([count], tf.constant(self.noise, tf.float32))


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A blur and a noise level of every image's own, which the model is told."""

    blurs: data.RandomBlurs | None  # None: sharp, noisy images
    noise: tuple  # range of standard deviations
    photo: bool = False  # whether the images are cut to frames, around which the scene goes on
    told: bool = True  # whether the model is told the noise level

    def examples(self, images, start: int = 0, **options) -> tf.data.Dataset:
        """Endless batches (measurements, sharp); options as in `data.examples`."""
        pairs = data.examples(images, None, 0.0, start=start, **options)
        sharp = pairs.map(lambda _, sharp: sharp)
        first, seed = start // options["batch_size"], options.get("seed", 0)
        shard = options.get("shard", (1, 0))
        place = {"start": first, "shard": shard, "photo": self.photo}
        return self._as_told(data.degrade_randomly(sharp, self.blurs, self.noise, seed, **place))

    def measure(self, sharp: np.ndarray, seed: int) -> tuple:
        """(measurements, sharp) of validation images, always the same, of other blurs."""
        batch = tf.data.Dataset.from_tensors(sharp)
        options = {"seed": seed + 1_000_003, "count": len(sharp), "photo": self.photo}
        drawn = self._as_told(data.degrade_randomly(batch, self.blurs, self.noise, **options))
        return tf.nest.map_structure(lambda part: part.numpy(), next(iter(drawn)))

    def _as_told(self, pairs: tf.data.Dataset) -> tf.data.Dataset:
        if self.told:
            return pairs
        return pairs.map(lambda d, x: ({k: v for k, v in d.items() if k != "noise"}, x))


def degradation(config) -> Fixed | Drawn:
    """That of the images that a model of `config` restores."""
    if not config.any_blur:
        return Fixed(config.operator, config.noise, told=config.network == "unet")
    blurs = data.RandomBlurs(config.blur_families, config.kernel_size, files=config.blur_files)
    noise, told = (config.noise, config.noise_high or config.noise), config.model != "de-grad"
    return Drawn(blurs, noise, config.photo, told)


def noisy(config) -> Fixed | Drawn:
    """That of the images that the denoiser of `config` is trained on."""
    if config.network == "dncnn":
        return Fixed(None, config.denoiser_noise)
    return Drawn(None, (config.denoiser_noise, config.denoiser_noise_high or config.denoiser_noise))


def source(config, split: str):
    """Images of `config` for "train" or "test"."""
    sources = [_source(config, kind, folder, split) for kind, folder in config.sources]
    return sources[0] if len(sources) == 1 else data.Mixture(sources)


def _source(config, kind, folder, split):
    if kind == "dead-leaves":
        return data.DeadLeaves(
            10_000,
            config.size or config.crop or 64,
            seed=config.seed + (0 if split == "train" else 1_000_003),
            grain=config.grain,
        )
    if kind == "celeba":
        return data.celeba(folder, split, config.size or 128, cache=CACHE)
    images = split_folder(folder, split)
    if split == "test" and images == split_folder(folder, "train"):
        warnings.warn(
            f"Validation takes the images of training: {folder} has no folder `train` beside "
            f"one named {' or '.join(SPLITS['test'])}.",
            stacklevel=2,
        )
    return data.FolderSource(images, config.size, cache=CACHE, least=config.crop or 1)


def validation_pairs(config, kind: Fixed | Drawn, count: int, most: int = 256) -> tuple:
    """(measured, sharp) of the first `count` validation images, always the same.

    Centre-cropped to the smallest side among them, and to `most`.
    """
    images = source(config, "test")
    sharp = [images[i] for i in range(min(count, len(images)))]
    side = min(most, *(n for image in sharp for n in image.shape[:2]))
    sharp = np.stack([centre(image, side) for image in sharp])
    return kind.measure(sharp, config.seed)
