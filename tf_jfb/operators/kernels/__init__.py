"""Point-spread functions as arrays: checking, making and reading them."""

from tf_jfb.operators.kernels._checks import check_fits, check_kernel, separate
from tf_jfb.operators.kernels._families import anisotropic, box, disk, gaussian, shifted, stretched
from tf_jfb.operators.kernels._files import FORMS, load, parse
from tf_jfb.operators.kernels._motion import motion

__all__ = [
    "FORMS",
    "anisotropic",
    "box",
    "check_fits",
    "check_kernel",
    "disk",
    "gaussian",
    "load",
    "motion",
    "parse",
    "separate",
    "shifted",
    "stretched",
]
