"""The baselines, their options chosen on training images."""

import dataclasses
import math

import numpy as np

from tf_jfb._streams import Stream, unit_noise
from tf_jfb._validate import check
from tf_jfb.evaluation.degraded import blurred_images
from tf_jfb.evaluation.methods import Baseline, millions, of_one_size
from tf_jfb.models.baselines import (
    PlugAndPlay,
    richardson_lucy,
    tikhonov,
    tune_options,
    tv,
    wiener,
)
from tf_jfb.models.baselines.richardson_lucy import require_scikit_image
from tf_jfb.operators import BlurEach

CLASSICAL = {
    "Wiener": (wiener, {"iterations": 1}),
    "Tikhonov": (tikhonov, {"iterations": 1}),
    "TV": (tv, {"iterations": 1}),
    "Richardson-Lucy": (richardson_lucy, None),
}
# Weights of Wiener, Tikhonov and TV at a noise of 0.005, with which they rise; of plug-and-play,
# where they stand for the noise of the data over the denoiser's, squared, at any.
CANDIDATES = {
    "Wiener": {"weight": (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)},
    "Tikhonov": {"weight": (1e-3, 2e-3, 3e-3, 5e-3, 7e-3, 1e-2, 1.5e-2, 2.5e-2)},
    "TV": {"weight": (2e-4, 3e-4, 4e-4, 6e-4, 8e-4, 1.2e-3, 2e-3)},
    "Richardson-Lucy": {"iterations": (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 56, 80)},
    "plug-and-play": {"weight": (0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.0075)},
    "annealed plug-and-play": {
        "weight": (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6),
        "start": (0.05, 0.1, 0.2),
        "steps": (4, 8, 16),
    },
}


BELOW = 0.99  # of a start the noise that annealing ends at, at most


@dataclasses.dataclass(frozen=True)
class Tuning:
    """Where training images come from, and what is tried on them."""

    path: str | None
    count: int  # images, at most
    seed: int
    candidates: dict = dataclasses.field(default_factory=lambda: CANDIDATES)

    def options(self, protocol, kernels, noise, denoiser: PlugAndPlay | None) -> dict:
        """{method: its best options} at a noise, of the methods that have candidates."""
        tried = self._tried(noise, denoiser)
        if "Richardson-Lucy" in tried:
            require_scikit_image()
        problem = self._problem(protocol, kernels, noise)
        return {
            name: tune_options(_bound(name, noise, denoiser), *problem, candidates)
            for name, candidates in tried.items()
        }

    def _problem(self, protocol, kernels, noise) -> tuple:
        """(d, sharp, operator). Of several kernels, every image has the next one."""
        if protocol.boundary == "photo":  # the options are those of images that wrap around
            protocol = dataclasses.replace(protocol, boundary="circular")
        images = protocol.source(self.path, "train")
        count = min(self.count, len(images))
        if protocol.side is None:
            side = min(256, *(min(size) for size in images.sizes[:count]))
            protocol = dataclasses.replace(protocol, side=side)
        known = of_one_size(kernels)
        if len(known) == 1:
            operator = protocol.operator(known[0])
        else:
            operator = BlurEach(np.stack([known[i % len(known)] for i in range(count)]))
        sharp, d = blurred_images(images, range(count), protocol, operator, known[0])
        unit = [unit_noise(self.seed, Stream.TUNING, d.shape[1:], i) for i in range(count)]
        return d + np.float32(noise) * np.stack(unit), sharp, operator

    def _tried(self, noise, denoiser) -> dict:
        """The candidates that a noise and a denoiser leave, at that noise."""
        tried = {n: options for n, options in self.candidates.items() if n in CLASSICAL}
        check(
            noise > 0 or not set(tried) - {"Richardson-Lucy"},
            "`noise` must be > 0 for baselines but Richardson-Lucy: their weights rise with it.",
            noise=noise,
        )
        for name in set(tried) - {"Richardson-Lucy"}:
            weights = [w * noise / 0.005 for w in tried[name]["weight"]]
            tried[name] = {**tried[name], "weight": weights}
        if denoiser is None:
            return tried
        fixed = self.candidates.get("plug-and-play", {}).get("weight", ())
        low, high = denoiser.levels
        if denoiser.network.conditional:
            fixed = [w for w in fixed if low <= noise / w**0.5 <= high]
        if fixed:
            tried["plug-and-play"] = {**self.candidates["plug-and-play"], "weight": fixed}
        annealed = self.candidates.get("annealed plug-and-play", {})
        starts = [start for start in annealed.get("start", ()) if noise < start <= high]
        if denoiser.network.conditional and starts and noise >= low:
            tried["annealed plug-and-play"] = {**annealed, "start": starts}
        return tried


def baselines(options: dict, denoiser: PlugAndPlay | None) -> dict:
    """{name: Baseline} of methods with the `options` that `Tuning.options` chose."""
    made = {}
    for name, chosen in options.items():
        if name in CLASSICAL:
            function, least = CLASSICAL[name]
            made[name] = Baseline(function, chosen, least)
            continue
        annealed = name.startswith("annealed")
        function = _within_levels(denoiser, annealed)
        least = {"steps": 2} if annealed else {"max_evaluations": 1}
        parameters = millions(denoiser.network.weights)
        made[name] = Baseline(function, chosen, least, told_noise=True, parameters=parameters)
    return made


def _within_levels(denoiser, annealed):
    """The method, the noise that it is told taken to the nearest that the denoiser knows.

    What is told wrongly, or of other values, may lie outside of them.
    """
    low, high = denoiser.levels if denoiser.network.conditional else (0.0, math.inf)

    def told(d, operator, weight, *, noise, **options):
        if not annealed:
            noise = min(max(noise, low * weight**0.5), high * weight**0.5)
            return denoiser.fixed_point(d, operator, weight, noise=noise, **options)
        start = options.get("start", high)
        start = start if noise < start else high
        noise = min(max(noise, low), BELOW * start)
        return denoiser.annealed(d, operator, weight, noise=noise, **options | {"start": start})

    return told


def _bound(name, noise, denoiser):
    """The method as a function of (d, operator, **options)."""
    if name in CLASSICAL:
        return CLASSICAL[name][0]
    method = denoiser.annealed if name.startswith("annealed") else denoiser.fixed_point

    def told(d, operator, **options):
        return method(d, operator, noise=noise, **options)

    return told
