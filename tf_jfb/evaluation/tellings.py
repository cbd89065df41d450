"""What a method is told falsely of an image, or not told at all: as real users bring them."""

import dataclasses
import io

import numpy as np

from tf_jfb import data
from tf_jfb._validate import check
from tf_jfb.data import light as lights
from tf_jfb.operators import kernels


@dataclasses.dataclass(frozen=True)
class Telling:
    """How what is told departs from how an image was blurred, noised and stored."""

    width: float = 1.0  # of the kernel told, over that of the true one, about its origin
    shift: float = 0.0  # of the kernel told, pixels down and to the right, in [-1, 1]
    kernel_noise: float = 0.0  # std of that of the kernel told, over its peak
    noise: float = 1.0  # standard deviation told, over the true one
    photons: int | None = None  # whose shot noise a white pixel has too, which is not told
    eight_bits: bool = False  # whether the image is rounded to 8 bits
    jpeg: int | None = None  # quality of the JPEG file that it comes from
    light: bool = False  # whether light was blurred, and what came of it encoded as sRGB
    decoded: bool = False  # whether such an image is restored as light

    def __post_init__(self):
        for name in ("width", "noise"):
            factor = getattr(self, name)
            check(0 < factor < 100, f"`{name}` must lie in (0, 100).", **{name: factor})
        check(
            self.light or not self.decoded,
            "`decoded` needs images of `light`.",
            light=self.light,
            decoded=self.decoded,
        )
        check(
            self.kernel_noise >= 0, "`kernel_noise` must be >= 0.", kernel_noise=self.kernel_noise
        )

    def kernel(self, kernel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The kernel that is told where [k1, k2] is true, of sum 1 where it is another."""
        told = kernel
        if self.width != 1:
            told = kernels.stretched(told, self.width)
        if self.shift:
            told = kernels.shifted(told, self.shift, self.shift)
        if self.kernel_noise:
            told = told + self.kernel_noise * told.max() * rng.standard_normal(told.shape)
            told = told / told.sum()
        return told

    def measured(self, blurred, noise, rng: np.random.Generator) -> data.Photo:
        """A blurred image [H, W, C] with `noise`, [H, W, C], and what is not told of."""
        if self.photons:
            blurred = rng.poisson(np.maximum(blurred, 0.0) * self.photons) / self.photons
        image = np.asarray(blurred + noise, np.float32)
        if self.light:
            image = lights.encode(image)
        if self.eight_bits:
            image = to_eight_bits(image)
        return data.Photo(image) if self.jpeg is None else _through_jpeg(image, self.jpeg)


def to_eight_bits(images: np.ndarray) -> np.ndarray:
    """Clipped to [0, 1] and rounded to the 256 levels of 8 bits, float32."""
    return np.round(np.clip(images, 0.0, 1.0) * 255.0).astype(np.float32) / np.float32(255.0)


def _through_jpeg(image, quality) -> data.Photo:
    """As Pillow writes and reads it, with colours at half the resolution below a quality of 95."""
    from PIL import Image

    levels = np.round(to_eight_bits(image) * 255.0).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels).save(
        file, "JPEG", quality=quality
    )
    return data.read_image(file.getvalue())


FALSE = {
    "told right": Telling(),
    "noise halved": Telling(noise=0.5),
    "noise doubled": Telling(noise=2.0),
    "kernel 10 % wide": Telling(width=1.1),
    "kernel 10 % narrow": Telling(width=0.9),
    "wide and half a pixel off": Telling(width=1.1, shift=0.5),
    "kernel with noise of 3 % of its peak": Telling(kernel_noise=0.03),
    "JPEG of quality 90": Telling(jpeg=90),
    "1000 photons": Telling(photons=1000),
    "8 bits": Telling(eight_bits=True),
}
CAMERA = {  # of one that blurs light
    "restored as light": Telling(light=True, decoded=True, eight_bits=True),
    "restored as stored": Telling(light=True, eight_bits=True),
}
PHOTONS = {f"{count} photons": Telling(photons=count) for count in (50, 100, 1000)}
TELLINGS = FALSE | CAMERA | PHOTONS
