"""What a person asks of the page, checked; the page's fields may hold anything."""

import dataclasses
import math

import numpy as np

from tf_jfb._validate import check
from tf_jfb.data import Photo
from tf_jfb.data.light import check_light
from tf_jfb.exported import check_ensemble


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the page takes.

    Args:
        pixels: of a photograph.
        together: pixels that are solved at once; larger photographs are cut into tiles.
        bytes: of a file.
        kernel: side of a kernel.
        evaluations: that may be asked for.
        middle: side of the part that is restored for a quick look.
        waiting: persons who wait for a solve; one more is sent away.

    Raises:
        ValueError: one is not positive.
    """

    pixels: int = 1 << 24
    together: int = 1 << 20
    bytes: int = 64 << 20
    kernel: int = 129
    evaluations: int = 300
    middle: int = 384
    waiting: int = 16

    def __post_init__(self):
        for name, value in vars(self).items():
            check(value > 0, f"`{name}` must be positive.", **{name: value})


@dataclasses.dataclass(frozen=True)
class Asked:
    """One restoration.

    Args:
        photo: blurred, or sharp with `simulate`.
        kernel: [k1, k2], or None for a model that was made for one blur.
        noise: told to the model, over white; added too, with `simulate`.
        light: "linear" or "encoded", as of `tf-jfb deblur`.
        rtol, max_evaluations: of the solve.
        middle: side of the part in the middle that is restored; None: all.
        ensemble: restorations, turned and mirrored, whose mean it is.

    Raises:
        ValueError: one is outside its range.
    """

    photo: Photo
    kernel: np.ndarray | None
    noise: float | None
    light: str = "linear"
    rtol: float = 1e-3
    max_evaluations: int = 60
    simulate: bool = False
    middle: int | None = None
    ensemble: int = 1

    def __post_init__(self):
        check_light(self.light)
        check_ensemble(self.ensemble)
        noise = number("noise", self.noise, 0.0, 0.5) if self.noise is not None else None
        check(noise is None or noise > 0, "`noise` must be positive.", noise=noise)
        number("rtol", self.rtol, 0.0, 1.0)
        cap = number("max_evaluations", self.max_evaluations, 1, 1000)
        object.__setattr__(self, "max_evaluations", int(cap))
        size = self.photo.pixels.shape[:2]
        check(
            self.kernel is None
            or all(k <= n for k, n in zip(self.kernel.shape, size, strict=True)),
            "The kernel must not be larger than the photograph.",
            kernel=np.shape(self.kernel),
            photograph=size,
        )
        check(
            not self.simulate or self.kernel is not None, "To blur it needs a kernel.", kernel=None
        )


def need(there: bool, sentence: str) -> None:
    """Raises ValueError with what a person has yet to do, unless it is there."""
    if not there:
        raise ValueError(sentence)


def number(name: str, value, least: float, most: float) -> float:
    """`value` as a number within both ends. Raises ValueError where it is none."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    check(
        good and least <= value <= most, f"`{name}` must lie in [{least}, {most}].", **{name: value}
    )
    return float(value)
