"""How measurements come from sharp images: what models and denoisers are trained and judged on."""

import abc
import dataclasses

import numpy as np
import tensorflow as tf

from tf_jfb._streams import Stream, unit_noise
from tf_jfb.data.random_blurs import RandomBlurs, degrade_randomly
from tf_jfb.data.sources import examples
from tf_jfb.operators import Operator

_OTHERS = 1_000_003  # added to the seed of training: that of validation


class Degradation(abc.ABC):
    """d = A x + e, and what a model is told of A and e."""

    @abc.abstractmethod
    def examples(self, images, start: int = 0, **options) -> tf.data.Dataset:
        """Endless batches (measurements, sharp); arguments as of `data.examples`."""

    @abc.abstractmethod
    def measure(self, sharp: np.ndarray, seed: int) -> tuple:
        """(measurements, sharp) of validation images [B, H, W, C], always the same."""


@dataclasses.dataclass(frozen=True)
class Fixed(Degradation):
    """One operator and one noise level for all images."""

    operator: Operator | None  # None: the identity
    noise: float
    told: bool = False  # whether the model is told the noise level

    def examples(self, images, start: int = 0, **options) -> tf.data.Dataset:
        pairs = examples(images, self.operator, self.noise, start=start, **options)
        if not self.told:
            return pairs
        return pairs.map(lambda d, x: ({"image": d, "noise": self._levels(tf.shape(d)[0])}, x))

    def measure(self, sharp: np.ndarray, seed: int) -> tuple:
        blurred = sharp if self.operator is None else self.operator(sharp).numpy()
        measured = blurred + self.noise * unit_noise(seed, Stream.VALIDATION, blurred.shape)
        if not self.told:
            return measured, sharp
        return {"image": measured, "noise": self._levels(len(sharp)).numpy()}, sharp

    def _levels(self, count) -> tf.Tensor:
        return tf.fill([count], tf.constant(self.noise, tf.float32))


@dataclasses.dataclass(frozen=True)
class Drawn(Degradation):
    """A blur and a noise level of every image's own: see `degrade_randomly`."""

    blurs: RandomBlurs | None  # None: sharp, noisy images
    noise: tuple  # range of standard deviations
    boundary: str = "circular"
    told: bool = True  # whether the model is told the noise level
    misjudged: float = 0.0
    linear: float = 0.0

    def examples(self, images, start: int = 0, **options) -> tf.data.Dataset:
        pairs = examples(images, None, 0.0, start=start, **options)
        place = {"start": start // options["batch_size"], "shard": options.get("shard", (1, 0))}
        sharp = pairs.map(lambda _, sharp: sharp)
        return self._drawn(sharp, seed=options.get("seed", 0), **place)

    def measure(self, sharp: np.ndarray, seed: int) -> tuple:
        batch = tf.data.Dataset.from_tensors(sharp)
        drawn = self._drawn(batch, seed=seed + _OTHERS, count=len(sharp))
        return tf.nest.map_structure(lambda part: part.numpy(), next(iter(drawn)))

    def _drawn(self, sharp: tf.data.Dataset, **place) -> tf.data.Dataset:
        how: dict = {"boundary": self.boundary, "misjudged": self.misjudged, "linear": self.linear}
        pairs = degrade_randomly(sharp, self.blurs, self.noise, **how, **place)
        if self.told:
            return pairs
        return pairs.map(lambda d, x: ({k: v for k, v in d.items() if k != "noise"}, x))
