"""What a camera would see of a sharp photograph."""

import numpy as np
import tensorflow as tf

from tf_jfb._streams import Stream, unit_noise
from tf_jfb._validate import check
from tf_jfb.data import light as lights
from tf_jfb.data.image_io import Photo
from tf_jfb.noise import PoissonGaussian, poisson_gaussian
from tf_jfb.operators import Blur, kernels

LEAST = 8  # pixels of a side that are left beside the kernel


def simulate(
    photo: Photo,
    blur,
    noise: float = 0.0,
    *,
    seed: int = 0,
    black: bool = True,
    light: str = "encoded",
    camera: PoissonGaussian | None = None,
) -> tuple[Photo, Photo]:
    """(sharp, blurred): `photo` and what a camera sees of it.

    Args:
        photo: sharp.
        blur: a kernel [k1, k2], or its name for `kernels.parse`.
        noise: standard deviation, in [0, 1] units of the values that are stored.
        seed: of all that is drawn, >= 0.
        black: whether all is black beyond `photo`. Otherwise both lose the edge, half the kernel
            wide, where the blur mixes in what is beyond.
        light: "linear" where light is blurred, and encoded as `photo` is; "encoded" where the
            values are, as always of a photograph that is linear.
        camera: counts the blurred light, or values, beside `noise`.

    Raises ValueError if an argument is outside its range, or `photo` is too small for the kernel.
    """
    check(noise >= 0, "`noise` must be >= 0.", noise=noise)
    check(seed >= 0, "`seed` must be >= 0.", seed=seed)
    lights.check_light(light)
    kernel = kernels.parse(blur) if isinstance(blur, str) else np.asarray(blur)
    decoded = light == "linear" and not photo.linear
    pixels = lights.decode(photo.pixels, photo.icc) if decoded else photo.pixels
    pixels = Blur(kernel)(tf.constant(pixels[None]))[0].numpy()
    if camera is not None:
        camera = camera.at_white(photo.white)
        told = (camera.photons, seed, camera.read_noise)
        pixels = poisson_gaussian(pixels[None], *told)[0].numpy()
    pixels = lights.encode(pixels, photo.icc) if decoded else pixels
    unit = unit_noise(seed, Stream.NOISE, pixels.shape)
    blurred = photo._replace(pixels=pixels + np.float32(noise) * unit, taken=0.0)
    if black:
        return photo, blurred
    size = photo.pixels.shape[:2]
    check(
        min(size) >= LEAST + max(kernel.shape),
        "The photograph is too small for this blur.",
        size=size,
        kernel=kernel.shape,
    )
    inner = tuple(slice(k // 2, n - k // 2) for k, n in zip(kernel.shape, size, strict=True))
    return cut(photo, *inner), cut(blurred, *inner)


def cut(photo: Photo, rows: slice, columns: slice) -> Photo:
    """A part of `photo`."""

    def of(array):
        return None if array is None else array[rows, columns]

    return photo._replace(
        **{name: of(getattr(photo, name)) for name in ("pixels", "alpha", "mask")}
    )
