"""The images of a protocol as the methods get them, always the same."""

from typing import NamedTuple

import numpy as np

from tf_jfb._streams import Stream, generator, unit_noise
from tf_jfb.data import centre
from tf_jfb.data import light as lights
from tf_jfb.evaluation.protocols import Protocol
from tf_jfb.evaluation.tellings import Telling, to_eight_bits
from tf_jfb.operators import Operator


class Case(NamedTuple):
    """What the methods are told of a batch."""

    operator: Operator
    kernel: np.ndarray  # [k1, k2]
    noise: float
    boundary: str
    light: bool = False  # whether images are restored as light
    photons: int | None = None  # counted at white, for methods that are told
    taken: tuple = ()  # std of what compression took from every image, for an estimate

    def given(self, d) -> np.ndarray:
        """What a method gets of stored images."""
        return lights.decode(d) if self.light else d

    def stored(self, image) -> np.ndarray:
        """What it returns, as the images were stored."""
        return lights.encode(image) if self.light else image


class Slot(NamedTuple):
    """Which images of which kernel a batch holds."""

    kernel: int
    images: range


class Degraded:
    """Test images at one noise, with one telling; no image depends on its batch.

    The noise of image i with kernel k is drawn from `Stream.NOISE` at (k, i), or by the protocol's
    own seed.

    Args:
        protocol: of the images.
        kernels: the true ones.
        images: sharp, `images[i]` [H, W, C] in [0, 1].
        noise: its standard deviation, in [0, 1] units.
        telling: what departs from what the methods are told.
        seed: of all that is drawn, >= 0.
    """

    def __init__(self, protocol: Protocol, kernels, images, noise, telling: Telling, seed: int):
        self.protocol, self.kernels, self.images = protocol, list(kernels), images
        self.noise, self.telling, self.seed = noise, telling, seed
        self.blurs = [protocol.operator(kernel) for kernel in self.kernels]
        self.cases = [self._case(number) for number in range(len(self.kernels))]

    def slots(self, count: int, batch: int) -> list[Slot]:
        """The batches of the first `count` images with every kernel."""
        # Whole images may differ in size, and what is told of stored light in noise.
        size = batch if self.protocol.side and not self._as_stored else 1
        firsts = range(0, count, size)
        return [
            Slot(kernel, range(first, min(first + size, count)))
            for kernel in range(len(self.kernels))
            for first in firsts
        ]

    def batch(self, slot: Slot) -> tuple:
        """(sharp, d, Case), sharp and d [B, H, W, C]."""
        sharp, blurred = self._blurred(slot)
        photos = [
            self.telling.measured(
                image,
                np.float32(self.noise) * self._unit(image.shape, slot.kernel, index),
                generator(self.seed, Stream.PHOTONS, slot.kernel, index),
            )
            for image, index in zip(blurred, slot.images, strict=True)
        ]
        d = np.stack([photo.pixels for photo in photos])
        case = self.cases[slot.kernel]._replace(taken=tuple(photo.taken for photo in photos))
        if self._as_stored:
            case = case._replace(noise=lights.noise_in_pixels(case.noise, d))
        return sharp, d, case

    @property
    def _as_stored(self) -> bool:
        """Whether light is restored as it was stored, with the noise that it has there."""
        return self.telling.light and not self.telling.decoded

    def _blurred(self, slot) -> tuple:
        """(sharp, blurred) [B, H, W, C]: both as stored, or light of what is sharp as stored."""
        kernel, blur, light = self.kernels[slot.kernel], self.blurs[slot.kernel], self.telling.light
        images = {i: self.images[i] for i in slot.images}
        if light:
            images = {i: lights.decode(image) for i, image in images.items()}
        sharp, blurred = blurred_images(images, slot.images, self.protocol, blur, kernel)
        return lights.encode(sharp) if light else sharp, blurred

    def _case(self, number) -> Case:
        true = self.kernels[number]
        told = self.telling.kernel(true, generator(self.seed, Stream.PSF, number))
        operator = self.blurs[number] if told is true else self.protocol.operator(told)
        noise, boundary = self.noise * self.telling.noise, self.protocol.boundary
        return Case(operator, told, noise, boundary, self.telling.decoded, self.telling.photons)

    def _unit(self, shape, kernel, index):
        if self.protocol.own_seed is None:
            return unit_noise(self.seed, Stream.NOISE, shape, kernel, index)
        legacy = np.random.RandomState(self.protocol.own_seed)
        return legacy.standard_normal(shape).astype(np.float32)


def blurred_images(images, indices, protocol, blur, kernel) -> tuple:
    """(sharp, blurred) [B, H, W, C], without the margin of the boundary "photo"."""
    margin = protocol.margin(kernel)
    wide = [images[i] for i in indices]
    if protocol.side is not None:
        wide = [centre(image, protocol.side + 2 * margin) for image in wide]
    wide = np.stack(wide)
    inner = (slice(None), *(slice(margin, size - margin) for size in wide.shape[1:3]))
    blurred = blur(wide).numpy()[inner]
    return wide[inner], to_eight_bits(blurred) if protocol.eight_bits else blurred
