"""From a configuration to images: what a training learns from, and what it is judged on."""

import contextlib
import re
import warnings

import numpy as np
import tensorflow as tf

from tf_jfb import data
from tf_jfb._validate import check
from tf_jfb.data.folder import SPLITS

CACHE = 2**29  # bytes of decoded images that a source keeps


def degradation(config) -> data.Degradation:
    """That of the images that a model of `config` restores."""
    if not config.any_blur:
        return data.Fixed(config.operator, config.noise, told=config.network == "unet")
    blurs = data.RandomBlurs(config.blur_families, config.kernel_size, files=config.blur_files)
    noise, told = (config.noise, config.noise_high or config.noise), config.model != "de-grad"
    return data.Drawn(blurs, noise, config.boundary, told, config.misjudged, config.linear)


def noisy(config) -> data.Degradation:
    """That of the images that the denoiser of `config` is trained on."""
    if config.network == "dncnn":
        return data.Fixed(None, config.denoiser_noise)
    low, high = config.denoiser_noise, config.denoiser_noise_high
    return data.Drawn(None, (low, high or low))


def source(config, split: str):
    """Images of `config` for "train" or "test"."""
    sources = [_source(config, kind, folder, split) for kind, folder in config.sources]
    if split == "train" and config.crop is None and config.batch_size > 1:
        sizes = set().union(*(source.sizes for source in sources))
        check(
            len(sizes) == 1,
            "`crop`, or `size`, must be given: the images of a batch are of one size.",
            crop=config.crop,
            sizes=sorted(sizes)[:3],
        )
    return sources[0] if len(sources) == 1 else data.Mixture(sources)


def _source(config, kind, folder, split):
    side = config.size or {"dead-leaves": config.crop or 64, "celeba": 128}.get(kind)
    check(
        split == "test" or None in (config.crop, side) or config.crop <= side,
        "`crop` must fit into the images.",
        crop=config.crop,
        side=side,
    )
    if kind == "dead-leaves":
        return data.DeadLeaves(
            10_000,
            side,
            seed=config.seed + (0 if split == "train" else 1_000_003),
            grain=config.grain,
        )
    if kind == "celeba":
        return data.celeba(folder, split, side, cache=CACHE)
    images = data.split_folder(folder, split)
    check(images.is_dir(), "`path` must be an existing folder of images.", path=str(images))
    if split == "test" and images == data.split_folder(folder, "train"):
        warnings.warn(
            f"Validation takes the images of training: {folder} has no folder `train` beside "
            f"one named {' or '.join(SPLITS['test'])}.",
            stacklevel=2,
        )
    return data.FolderSource(images, config.size, cache=CACHE, least=config.crop or 1)


def check_crop(config, kind: data.Degradation) -> None:
    """Raises ValueError if the kernels do not fit into the crops that are learned from."""
    if config.crop:
        kind.measure(np.zeros((1, config.crop, config.crop, 3), np.float32), config.seed)


@contextlib.contextmanager
def named_images():
    """Within it what an image raised while a graph loaded it is the ValueError that it was."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(r"ValueError: (.+)", error.message)
        if found is None:
            raise
        raise ValueError(found[1]) from error


def validation_pairs(config, kind: data.Degradation, count: int, most: int = 256) -> tuple:
    """(measured, sharp) of the first `count` validation images, always the same.

    Centre-cropped to the smallest side among them, and to `most`.
    """
    images = source(config, "test")
    sharp = [images[i] for i in range(min(count, len(images)))]
    side = min(most, *(n for image in sharp for n in image.shape[:2]))
    sharp = np.stack([data.centre(image, side) for image in sharp])
    return kind.measure(sharp, config.seed)
