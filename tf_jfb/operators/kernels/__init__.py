"""Point-spread functions as arrays: checking, making and reading them."""

from tf_jfb.operators.kernels._checks import check_fits, check_kernel, of_images, separate
from tf_jfb.operators.kernels._families import (
    anisotropic,
    box,
    disk,
    gaussian,
    line,
    padded,
    shifted,
    stretched,
)
from tf_jfb.operators.kernels._files import load
from tf_jfb.operators.kernels._motion import motion
from tf_jfb.operators.kernels._names import FORMS, forms, parse
from tf_jfb.operators.kernels._optics import airy

__all__ = [
    "FORMS",
    "airy",
    "anisotropic",
    "box",
    "check_fits",
    "check_kernel",
    "disk",
    "forms",
    "gaussian",
    "line",
    "load",
    "motion",
    "of_images",
    "padded",
    "parse",
    "separate",
    "shifted",
    "stretched",
]
