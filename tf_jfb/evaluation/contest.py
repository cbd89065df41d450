"""A comparison with its files opened: images, kernels, models and the denoiser."""

import dataclasses
import hashlib

import numpy as np

from tf_jfb._validate import check
from tf_jfb.evaluation.comparison import Comparison
from tf_jfb.evaluation.degraded import Degraded
from tf_jfb.evaluation.methods import Denoise, Exported, Method
from tf_jfb.evaluation.partial import Partial, fingerprint, partial_of
from tf_jfb.evaluation.quoted import quoted
from tf_jfb.evaluation.tellings import TELLINGS
from tf_jfb.evaluation.tuning import Tuning, baselines
from tf_jfb.exported import ExportedModel, check_ensemble
from tf_jfb.models.baselines import PlugAndPlay
from tf_jfb.training.build import config_of, load_denoiser


class Contest:
    """What `compare` runs.

    Raises ValueError if a file or folder is not what it should be, or there is nothing to compare.
    """

    def __init__(self, comparison: Comparison, denoiser: PlugAndPlay | None, candidates: dict):
        self.comparison, self.protocol = comparison, comparison.problem
        if denoiser is None and comparison.denoiser is not None:
            denoiser = open_denoiser(comparison.denoiser)
        self.denoiser, self.candidates = denoiser, candidates
        check(
            bool(comparison.model) != self.protocol.denoising
            and (denoiser is not None or not self.protocol.denoising),
            "There must be a `model` to restore with, or to denoise a `denoiser` alone.",
            model=comparison.model,
            protocol=comparison.protocol,
        )
        self.kernels = list(self.protocol.kernels(comparison.kernels).values())
        self.models = _opened(comparison)
        margin = max(map(self.protocol.margin, self.kernels))
        for path, method in zip(comparison.model, self.models.values(), strict=True):
            self._check_suits(path, method.model)
        self.images = self.protocol.source(comparison.path, "test", margin)
        self.count = min(comparison.images, self.protocol.most or len(self.images))
        self.count = min(self.count, len(self.images))
        self._check_sizes(margin)

    @property
    def settings(self) -> dict:
        """{key of a table: (noise, Telling)}."""
        if self.protocol.tellings:
            (noise,) = self.protocol.noises
            return {name: (noise, TELLINGS[name]) for name in self.protocol.tellings}
        telling = self.comparison.telling
        return {noise: (noise, telling) for noise in self.protocol.noises}

    @property
    def first(self) -> str:
        """The method from which the others' differences are told."""
        return next(iter(self.models), "denoiser")

    def degraded(self, noise, telling) -> Degraded:
        """The test images."""
        seed = self.comparison.seed
        return Degraded(self.protocol, self.kernels, self.images, noise, telling, seed)

    def methods(self, noise: float, partial: Partial) -> dict:
        """{name: Method}, the baselines tuned at `noise`, or as `partial` has them."""
        if self.protocol.denoising:
            return {"noisy": Method(), "denoiser": Denoise(self.denoiser)}
        methods = {"blurred": Method()}
        if self.comparison.baselines:
            options = partial.get("tuned", noise)
            if options is None:
                options = self._tuning().options(self.protocol, self.kernels, noise, self.denoiser)
                partial.put(options, "tuned", noise)
            methods |= baselines(options, self.denoiser)
        return methods | self.models

    def quoted(self, noise: float) -> dict:
        """Published rows, where all images of the protocol are there and nothing was changed."""
        whole = self.comparison.is_as_published and self.count == self.protocol.most
        return quoted(self.comparison.protocol, noise) if whole else {}

    def identity(self) -> dict:
        """What the figures depend on: options, and what the files were."""
        options = dataclasses.asdict(self.comparison)
        written = [options.pop(name) for name in ("output", "figure", "curves")]
        written.append(written[0] and partial_of(written[0]))
        files = {name: options[name] for name in ("path", "tuning_path", "kernels", "denoiser")}
        folders = [method.model.folder for method in self.models.values()]
        files |= dict(zip(self.comparison.model, folders, strict=True))
        network = self.denoiser and [w.tobytes() for w in self.denoiser.network.get_weights()]
        return {
            **options,
            "files": {name: fingerprint(path, written) for name, path in files.items()},
            "network": network and hashlib.sha256(b"".join(network)).hexdigest(),
            "candidates": self.candidates,
        }

    def _check_sizes(self, margin) -> None:
        """Refuses images of which some, but not all, are smaller than the protocol's."""
        if self.protocol.side is None:
            return
        whole = self.protocol.side + 2 * margin
        sides = {min(whole, *size) for size in self.images.sizes[: self.count]}
        check(
            len(sides) == 1,
            f"`side` must be at most {min(sides) - 2 * margin}: smaller images would be among "
            "larger ones.",
            side=self.protocol.side,
        )

    def _check_suits(self, path, model) -> None:
        """Refuses a model that would solve another problem, or know what the others are not told.

        One that was made for one blur knows that, whatever is told, and black surroundings.
        """
        tellings = [telling for _, telling in self.settings.values()]
        check(
            model.takes_noise or all(telling.noise == 1 for telling in tellings),
            "`model` must be told the noise where that is told wrongly: it knows its own.",
            model=path,
        )
        if model.takes_kernel:
            return
        own, right = model.blur, (1.0, 0.0, 0.0)
        check(
            len(self.kernels) == 1
            and self.protocol.boundary == "zero"
            and all((t.width, t.shift, t.kernel_noise) == right for t in tellings)
            and (own is None or _alike(own, self.kernels[0])),
            "`model` must take any blur: it was made for one with black surroundings, and the "
            "comparison is of another, or of several, or tells it wrongly.",
            model=path,
        )

    def _tuning(self) -> Tuning:
        own = self.comparison
        return Tuning(own.tuning_path or own.path, own.tuning, own.seed, self.candidates)


def _alike(kernel, other) -> bool:
    same = kernel.shape == other.shape
    return same and np.allclose(kernel / kernel.sum(), other / other.sum(), atol=1e-5)


def _opened(comparison) -> dict:
    """{name: Exported}."""
    own = comparison
    how = (own.rtol, own.max_evaluations, own.refine_kernel, own.noise_from, own.ensemble)
    mean = f", mean of {own.ensemble}" if own.ensemble > 1 else ""
    models = {n + mean: Exported(ExportedModel.open(p), *how) for n, p in own.names().items()}
    opened = [method.model for method in models.values()]
    check(own.ensemble == 1 or opened, "`ensemble` needs a `model`.", ensemble=own.ensemble)
    for model in opened:
        check_ensemble(own.ensemble, model)
    check(
        not own.refine_kernel or opened and all(model.takes_kernel for model in opened),
        "`refine_kernel` must be left out: no model, or one that was made for one blur.",
        model=own.model,
    )
    check(
        own.noise_from == "telling" or opened and all(model.takes_noise for model in opened),
        "`noise_from` must be left out: no model, or one that was made for one level.",
        noise_from=own.noise_from,
        model=own.model,
    )
    return models


def open_denoiser(path) -> PlugAndPlay:
    """The denoiser of a run folder or an export, for the levels that it was trained on.

    Raises ValueError if there is none.
    """
    config = config_of(path)
    low = config.denoiser_noise
    levels = (low, config.denoiser_noise_high or low)
    return PlugAndPlay(load_denoiser(path).network, levels)
