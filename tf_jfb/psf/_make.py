"""Kernels from what is known of the optics or of the motion."""

import inspect
from collections.abc import Callable

import numpy as np

from tf_jfb._validate import check
from tf_jfb.operators import kernels

KINDS: dict[str, Callable] = {  # {name: maker}
    "airy": kernels.airy,
    "box": kernels.box,
    "disk": kernels.disk,
    "gaussian": kernels.gaussian,
    "elongated": kernels.anisotropic,
    "line": kernels.line,
    "shake": kernels.motion,
}


def make(kind: str, **options) -> np.ndarray:
    """Kernel [k1, k2] of sum 1.

    Args:
        kind: one of `KINDS`: "airy" (a perfect lens: wavelength, pixel, numerical_aperture or
            f_number), "disk" (out of focus: radius), "gaussian" (size, std), "elongated" (size,
            std1, std2, angle), "line" (straight motion: length, angle), "shake" (a random one:
            size, seed), "box" (size).
        options: arguments of the function of that name in `operators.kernels`.

    Raises:
        ValueError: there is no such kind, it has no such option or lacks one, or one is outside
            its range.

    >>> make("disk", radius=2.0).shape
    (5, 5)
    """
    check(kind in KINDS, f"`kind` must be one of {', '.join(sorted(KINDS))}.", kind=kind)
    known = inspect.signature(KINDS[kind]).parameters
    needed = {name for name, p in known.items() if p.default is inspect.Parameter.empty}
    check(
        needed <= set(options) <= set(known),
        f"The options of {kind} are {', '.join(known)}; it needs {', '.join(sorted(needed))}.",
        options=sorted(options),
    )
    return KINDS[kind](**options)
