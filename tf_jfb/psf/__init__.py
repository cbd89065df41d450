"""Point-spread functions for users: made from optics, measured, checked, drawn, written."""

from tf_jfb.psf._check import Check, check
from tf_jfb.psf._draw import draw
from tf_jfb.psf._make import KINDS, make
from tf_jfb.psf._measure import Measured, measure
from tf_jfb.psf._refine import Refined, refine
from tf_jfb.psf._save import FORMATS, save

__all__ = [
    "FORMATS",
    "KINDS",
    "Check",
    "Measured",
    "Refined",
    "check",
    "draw",
    "make",
    "measure",
    "refine",
    "save",
]
