"""Kernels as a person gives them: chosen, drawn, or in a file."""

import math
import pathlib
from typing import NamedTuple

import cv2
import numpy as np

from tf_jfb.operators import kernels
from tf_jfb.serving.page.asked import need, number
from tf_jfb.serving.server import pictures

CANVAS = 2048  # side of a drawing, at most
SHOWN = 216  # side of a kernel's picture


class Control(NamedTuple):
    """A slider."""

    label: str
    least: float
    most: float
    step: float
    value: float


# {what it is called: (its name for `kernels.parse`, one or two sliders)}
KINDS = {
    "Camera shake": (
        "motion:{0:.0f}:{1:.0f}",
        Control("Size, pixels", 5, 27, 1, 25),
        Control("Which shake", 0, 99, 1, 3),
    ),
    "Straight motion": (
        "line:{0:g}:{1:g}",
        Control("Length, pixels", 2, 25, 1, 15),
        Control("Angle, degrees", -90, 90, 5, 30),
    ),
    "Out of focus": ("disk:{0:g}", Control("Radius, pixels", 0.5, 13, 0.5, 3)),
    "Gaussian": ("gaussian:{2:.0f}:{0:g}", Control("Width (std), pixels", 0.5, 4, 0.1, 2)),
}


def name_of(kind: str, *values) -> str:
    """The name of a chosen kernel, such as "disk:3". Raises ValueError for one out of range.

    >>> name_of("Gaussian", 2.0)
    'gaussian:13:2'
    """
    need(kind in KINDS, f"The blur must be one of {', '.join(KINDS)}.")
    form, *controls = KINDS[kind]
    told = [number(c.label, v, c.least, c.most) for c, v in zip(controls, values, strict=False)]
    need(len(told) == len(controls), "A value of the blur is missing.")
    size = 2 * math.ceil(3 * told[0]) + 1
    return form.format(told[0], told[-1], size)


def drawn(canvas, side: int) -> np.ndarray:
    """The kernel [side, side] of a drawing: what is painted, about its centre of mass.

    Args:
        canvas: of the page's drawing: {"layers": [RGBA [H, W, 4] of 255], ...}.
        side: of the kernel in pixels; the drawing's own is scaled to it.

    Raises:
        ValueError: nothing is painted, or it is no drawing.
    """
    side = int(number("side", side, 3, 65))
    layers = (canvas or {}).get("layers") or []
    good = all(np.ndim(layer) == 3 and layer.shape[-1] == 4 for layer in layers)
    need(good and max((max(x.shape) for x in layers), default=0) <= CANVAS, "It is no drawing.")
    ink = np.max([layer[..., 3] for layer in layers] or [np.zeros((1, 1))], axis=0) / 255.0
    need(bool(ink.any()), "Nothing is drawn yet: draw the path that a point of light took.")
    length = max(ink.shape)
    rows, columns = np.indices(ink.shape)
    centre = [float((index * ink).sum() / ink.sum()) for index in (rows, columns)]
    # A square of the canvas's side about the centre; what leaves it was painted at the very edge.
    shift = np.float32([[1, 0, (length - 1) / 2 - centre[1]], [0, 1, (length - 1) / 2 - centre[0]]])
    square = cv2.warpAffine(np.float32(ink), shift, (length, length))
    odd = side + 1 - side % 2
    kernel = cv2.resize(square, (odd, odd), interpolation=cv2.INTER_AREA)
    return kernels.check_kernel(kernel) / kernel.sum()


def uploaded(path, most: int) -> np.ndarray:
    """The kernel of a file. Raises RefusedError where it is none."""
    need(path is not None, "Upload a kernel first: a picture of a point of light, or numbers.")
    file = pathlib.Path(path)
    return pictures.kernel_of_file(file.read_bytes(), file.name, most)


def picture(kernel: np.ndarray) -> np.ndarray:
    """uint8 [n, n], every pixel of the kernel a square; white is its largest value."""
    side = max(kernel.shape)
    square = np.zeros((side, side), np.float32)
    top, left = ((side - n) // 2 for n in kernel.shape)
    square[top : top + kernel.shape[0], left : left + kernel.shape[1]] = np.maximum(kernel, 0)
    times = max(1, SHOWN // side)
    levels = np.uint8(np.round(255 * np.sqrt(square / square.max())))
    return np.kron(levels, np.ones((times, times), np.uint8))
