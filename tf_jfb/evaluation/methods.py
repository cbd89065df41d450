"""The methods of a comparison: functions of measurements and of what is told of them."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_jfb import psf
from tf_jfb._types import Status
from tf_jfb.exported import ExportedModel, told_noise, told_once
from tf_jfb.models.baselines import PlugAndPlay
from tf_jfb.noise import PoissonGaussian
from tf_jfb.operators import BlurFFT, Frame, kernels
from tf_jfb.operators.frame import scene_of

NOISE_FROM = ("telling", "image", "photons")  # where a model has its noise from


class Method:
    """`method(d, case)` returns (restored [B, H, W, C], {figure: [B]})."""

    parameters = None  # of its network, in millions

    def __call__(self, d, case) -> tuple:
        """The measurements themselves."""
        return d, {}

    def warm_up(self, d, case) -> None:
        """Traces what a call with images of this size will run, without the work."""


@dataclasses.dataclass(frozen=True)
class Baseline(Method):
    """`function(d, operator, **options)`, an image beyond the frame being guessed and solved for.

    `least` are the options with which it does next to nothing; None for what is not traced.
    """

    function: Callable
    options: dict
    least: dict | None = None
    told_noise: bool = False
    parameters: float | None = None

    def __call__(self, d, case):
        restored = self._run(d, case, self.options)
        return restored, {name: np.full(len(d), float(v)) for name, v in self.options.items()}

    def warm_up(self, d, case):
        if self.least is not None:
            self._run(d, case, {**self.options, **self.least})

    def _run(self, d, case, options):
        operator, (height, width) = case.operator, d.shape[1:3]
        image = tf.constant(d, tf.float32)
        if case.boundary == "photo":
            image, seen = scene_of(image, case.kernel.shape)
            operator = Frame(BlurFFT(case.kernel), seen)
        told = {"noise": case.noise} if self.told_noise else {}
        return self.function(image, operator, **options, **told).numpy()[:, :height, :width]


@dataclasses.dataclass(frozen=True)
class Denoise(Method):
    """A denoiser alone."""

    denoiser: PlugAndPlay

    @property
    def parameters(self):
        return millions(self.denoiser.network.weights)

    def __call__(self, d, case):
        image, network = tf.constant(d, tf.float32), self.denoiser.network
        level = tf.fill([len(d)], np.float32(case.noise))
        return network.denoised(network.frozen(training=False), image, level).numpy(), {}

    def warm_up(self, d, case):
        self(d, case)  # eager: what it costs is its first convolution of a size


@dataclasses.dataclass(frozen=True)
class Exported(Method):
    """An exported equilibrium model."""

    model: ExportedModel
    rtol: float | None = None
    max_evaluations: int | None = None
    refine: bool = False  # whether the kernel told is only a start
    noise_from: str = "telling"  # one of NOISE_FROM
    ensemble: int = 1  # of `ExportedModel.restore`

    @property
    def parameters(self):
        return millions(self.model.weights)

    def __call__(self, d, case):
        out = self._solve(d, case, self.rtol, self.max_evaluations)
        restored = out["restored"].mean(-1, keepdims=True) if d.shape[-1] == 1 else out["restored"]
        return restored, {
            "evaluations": out["evaluations"],
            "residual": out["residual"],
            "converged": out["status"] == Status.CONVERGED,
            "diverged": out["status"] == Status.DIVERGED,
        }

    def warm_up(self, d, case):
        self._solve(d, case, self.rtol, 1)

    def trace(self, d, case) -> np.ndarray:
        """Relative residual of every evaluation, [B, evaluations], NaN where there is none."""
        return self._solve(d, case, trace=True)["trace"]

    def _solve(self, d, case, rtol=None, max_evaluations=None, trace=False) -> dict:
        model, images = self.model, len(d)
        levels = self._levels(d, case)
        image, told = told_once(np.asarray(d, np.float32), levels, model.channels)
        inputs = {"image": image}
        if model.takes_kernel:
            inputs["kernel"] = self._kernels(d, case, levels)
        if model.takes_noise:
            inputs["noise"] = told
        cap = model.max_evaluations if max_evaluations is None else max_evaluations
        inputs["rtol"] = np.full(images, model.rtol if rtol is None else rtol)
        inputs["max_evaluations"] = np.full(images, cap)
        boundary = "circular" if case.boundary == "circular" else "photo"
        return model.run(inputs, boundary, trace, self.ensemble)

    def _levels(self, d, case) -> np.ndarray:
        """The noise that the model is told, [B]."""
        noise = case.noise
        if self.noise_from == "image":
            noise = None
        elif self.noise_from == "photons" and case.photons:
            noise = PoissonGaussian(case.photons, read_noise=noise * case.photons)
        taken = case.taken or [0.0] * len(d)
        # An estimate is of what was stored, and carried to the light.
        decoded = noise is None and case.light
        d = case.stored(d) if decoded else d
        told = [told_noise(x, noise, decoded, taken=t).std for x, t in zip(d, taken, strict=True)]
        return np.float32(told)

    def _kernels(self, d, case, levels) -> np.ndarray:
        """[B, k1, k2], of sum 1."""
        if self.refine:
            told = zip(d, levels, strict=True)
            return np.stack(of_one_size([psf.refine(x, case.kernel, s).kernel for x, s in told]))
        kernel = (case.kernel / case.kernel.sum()).astype(np.float32)
        return np.repeat(kernel[None], len(d), 0)


def of_one_size(each) -> list:
    """Padded with zeros about their origins, index size // 2."""
    size = max(max(kernel.shape) for kernel in each)
    size += 1 - size % 2
    return [kernels.padded(kernel, (size, size)).astype(np.float32) for kernel in each]


def millions(weights) -> float:
    """Of numbers."""
    return sum(int(np.prod(w.shape)) for w in weights) / 1e6
