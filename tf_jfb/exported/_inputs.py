"""Images and what comes with them, checked and made what an exported model takes."""

import numpy as np
import tensorflow as tf

from tf_jfb._validate import LEAST, MOST, check, check_real
from tf_jfb.noise import PoissonGaussian
from tf_jfb.operators import kernels

MOST_NOISE = np.float32(0.99)
# That a program of 32 bits can be told.
MOST_RTOL, MOST_EVALUATIONS = float(np.finfo(np.float32).max), np.iinfo(np.int32).max


def as_images(image) -> tuple:
    """(images [B, H, W, C], whether they came as a batch); integers are divided by their range."""
    array = np.asarray(image)
    integers = np.issubdtype(array.dtype, np.integer)
    check(
        integers or np.issubdtype(array.dtype, np.floating),
        "`image` must hold floating numbers in [0, 1], or integers.",
        dtype=str(array.dtype),
    )
    check(
        array.ndim in (3, 4) and array.size > 0,
        "`image` must be [H, W, C] or [B, H, W, C].",
        shape=array.shape,
    )
    if integers:
        array = array / np.float32(np.iinfo(array.dtype).max)
    batch = array.ndim == 4
    return np.asarray(array if batch else array[None], np.float32), batch


def white_of(image) -> int | None:
    """The value of `as_images` that became 1; None for floating numbers."""
    dtype = np.asarray(image).dtype
    return int(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else None


def check_pixels(images, mask=None) -> np.ndarray:
    """`images` with those pixels that the mask leaves out filled in, where they are not finite.

    Raises ValueError if another one is not finite, or lies outside (LEAST, MOST).
    """
    bad = ~np.isfinite(images)
    if mask is not None:
        bad &= mask > 0
    check(
        not bad.any(),
        "`image` must be finite wherever `mask` does not leave it out.",
        non_finite=int(bad.sum()),
    )
    images = _filled(images) if mask is not None else images
    low, high = float(images.min()), float(images.max())
    check(
        low > LEAST and high < MOST,
        "`image` must lie in [0, 1], give or take its noise: divide by the value of white.",
        min=low,
        max=high,
    )
    return images


def _filled(images) -> np.ndarray:
    """Every value that is not finite replaced by the mean of the finite ones of its image."""
    missing = ~np.isfinite(images)
    if not missing.any():
        return images
    counts = np.maximum((~missing).sum(axis=(1, 2, 3), keepdims=True), 1)
    means = np.where(missing, 0.0, images).sum(axis=(1, 2, 3), keepdims=True) / counts
    return np.where(missing, means, images).astype(np.float32)


def as_channels(images, channels: int) -> np.ndarray:
    """`images` of one channel repeated to `channels`; raises ValueError for other numbers."""
    own = images.shape[-1]
    check(own in (1, channels), f"The model restores {channels} channel(s).", channels=own)
    return np.repeat(images, channels, axis=-1) if own == 1 else images


def same_channels(images) -> np.ndarray:
    """[B]: whether the channels of an image [H, W, C] are one and the same.

    A model of C channels expects noise of its own in each. Noise sigma that all share lies in
    their mean alone, where it is as strong as independent noise of sqrt(C) sigma.
    """
    return (images == images[..., :1]).all(axis=(-3, -2, -1))


def told_once(images, noise, channels: int, shared=None) -> tuple:
    """(images of `channels`, what a model of those is told of their noise [B]).

    `shared`, one or [B], says whether all channels have one noise; default where they are the same.
    """
    images = as_channels(images, channels)
    shared = same_channels(images) if shared is None else np.asarray(shared)
    told = np.minimum(noise * np.where(shared, channels**0.5, 1.0), MOST_NOISE)
    return images, told.astype(np.float32)


def as_mask(mask, shape) -> np.ndarray:
    """[H, W], [H, W, 1] or [B, H, W, 1] as float32 [B, H, W, 1], 1 where a pixel is trusted."""
    check_real("mask", mask)
    array = np.asarray(mask)
    array = array[..., None] if array.ndim == 2 else array
    batch, height, width = shape[:3]
    check(
        array.shape in ((height, width, 1), (batch, height, width, 1)),
        "`mask` must be [H, W], [H, W, 1] or [B, H, W, 1], as the images.",
        mask=np.shape(mask),
        images=tuple(shape),
    )
    array = np.asarray(array, np.float32)
    check(
        bool(np.isin(array, (0.0, 1.0)).all()) and bool(array.any(axis=(-3, -2, -1)).all()),
        "`mask` must hold 0 and 1, and leave pixels of every image in.",
        trusted=float(array.mean()),
    )
    return np.broadcast_to(array, (batch, height, width, 1)).copy()


def as_kernels(kernel, shape) -> np.ndarray:
    """[k1, k2] or [B, k1, k2] as float32 [B, k1, k2], each of sum 1."""
    each, size = kernels.of_images(kernel, shape[0]), tuple(shape[1:3])
    check(
        all(k <= n for k, n in zip(each.shape[1:], size, strict=True)),
        "`kernel` must not be larger than the image.",
        kernel=each.shape[1:],
        image=size,
    )
    return (each / each.sum(axis=(1, 2), keepdims=True)).astype(np.float32)


def as_options(name: str, value, batch: int, dtype=np.float32) -> np.ndarray:
    """A number, or one for every image, as [B]."""
    array = np.asarray(value)
    check(
        array.dtype.kind in "iuf" and array.shape in ((), (batch,)),
        f"`{name}` must be a number, or [B] with one for every image.",
        **{name: value},
        images=batch,
    )
    return np.broadcast_to(array, (batch,)).astype(dtype)


def as_spec(name, value, spec):
    """A tensor of the rank of `spec`: the first exports took one option for all images."""
    array = np.asarray(value)
    if spec.shape.rank == 0 and array.ndim == 1:
        check(
            bool((array == array[0]).all()),
            f"`{name}` must be one for all images: this export has no other.",
            **{name: array},
        )
        array = array[0]
    return tf.constant(array, spec.dtype)


def _in(values, low, high):
    return (values >= low) & (values <= high)


def check_options(rtol=None, max_evaluations=None, noise=None) -> None:
    """Raises ValueError unless each is None or, every entry of it, in its range.

    `noise` may also be a `PoissonGaussian`, which has checked itself.
    """
    noise = None if isinstance(noise, PoissonGaussian) else noise
    told = {"rtol": rtol, "max_evaluations": max_evaluations, "noise": noise}
    told = {name: np.asarray(value) for name, value in told.items() if value is not None}
    rules = {
        "rtol": (
            f"be a finite number >= 0, at most {MOST_RTOL:.1e}",
            lambda v: _in(v, 0, MOST_RTOL),
        ),
        "max_evaluations": (
            f"be an integer >= 1, at most {MOST_EVALUATIONS}",
            lambda v: _in(v, 1, MOST_EVALUATIONS) & (v == np.floor(v)),
        ),
        "noise": ("lie in (0, 1), the units of the image", lambda v: (v > 0) & (v < 1)),
    }
    for name, value in told.items():
        rule, holds = rules[name]
        check(
            value.dtype.kind in "iuf" and bool(np.all(holds(value))),
            f"`{name}` must {rule}.",
            **{name: value.item() if value.ndim == 0 else value},
        )
