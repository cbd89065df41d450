"""The noise that a model is told."""

from typing import NamedTuple

import numpy as np

from tf_jfb import noise as noises
from tf_jfb._validate import check
from tf_jfb.data import light as lights
from tf_jfb.exported._inputs import MOST_NOISE, same_channels

LEAST = 1e-3  # a model is told no less where the level is estimated
SHARED = 1.1  # of the noise of the mean to that of noise of the channels' own: more is shared


class Told(NamedTuple):
    """A level of noise, and where it comes from."""

    std: float | None  # of the values or light that are solved for; None: the model takes none
    estimated: bool = False  # from the image
    doubt: str | None = None  # why not to trust the estimate


def told_noise(
    values, noise=None, decoded: bool = False, icc=None, mask=None, taken: float = 0.0
) -> Told:
    """The level that a model is told of `values` [H, W, C]: `noise`, or estimated where None.

    With `decoded`, values are sRGB, or of the profile `icc`, and the level is that of the light
    they stand for; a number `noise` is in the units of the values all the same, and so is an
    estimate at first: a camera's noise is much more alike in dark and bright parts of its values
    than of light, whose flat parts are the dark ones. A `noises.PoissonGaussian` counts the light.
    `mask` [H, W, 1] is 0 where a pixel is not to be trusted. What compression took, the standard
    deviation `taken` of the values, is added to an estimate: it took noise too, which the pixels
    show no more.

    A model of C channels expects noise of its own in each. Where they share it, as cameras' colours
    and JPEG files do, an estimate is sqrt(C) times the noise of their mean, if that is more. (It is
    not where all channels are the same: `ExportedModel` sees to those.)
    """
    if isinstance(noise, noises.PoissonGaussian):
        light = lights.decode(values, icc) if decoded else values
        return Told(float(np.clip(noise.std(light, mask), 1e-6, MOST_NOISE)))
    least, doubt = 1e-6, None
    if estimated := noise is None:
        least, (noise, doubt) = LEAST, _estimated(values, mask, taken)
    if decoded:
        some = mask is not None and np.any(mask)
        trusted = values[mask[..., 0] > 0] if some else values
        noise = lights.noise_in_light(noise, trusted, icc)
    return Told(float(np.clip(noise, least, MOST_NOISE)), estimated, doubt)


def at_white(noise, white: float | None, decoded: bool):
    """`noise`, a `PoissonGaussian`'s gain being counted from `white`.

    Raises ValueError where there is a gain of values that are `decoded`, or that have no white.
    """
    if not isinstance(noise, noises.PoissonGaussian):
        return noise
    check(
        noise.gain is None or not decoded,
        "`gain` is of values that count light: with those of a photograph that is decoded "
        "first give `photons`, those at white, or say that they are light as they are.",
        gain=noise.gain,
        light="linear",
    )
    return noise.at_white(white)


def _estimated(pixels, mask, taken) -> noises.Estimate:
    """Of the channels, or of their mean if it has more than noise of their own would leave it.

    What was `taken` all share: compression takes it from the brightness.
    """
    pixels = np.asarray(pixels)
    own = noises.estimate(pixels, mask)
    own = own._replace(std=float(np.hypot(own.std, taken)))
    channels = pixels.shape[-1]
    if same_channels(pixels):
        return own
    mean = noises.estimate(pixels.mean(-1, keepdims=True), mask)
    shared = float(np.hypot(mean.std, taken)) * channels**0.5
    return own if shared < SHARED * own.std else noises.Estimate(shared, own.doubt or mean.doubt)
