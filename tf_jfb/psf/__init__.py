"""Point-spread functions for users: made from optics, measured from beads, checked, drawn."""

from tf_jfb.psf._check import Check, check
from tf_jfb.psf._draw import draw
from tf_jfb.psf._make import KINDS, make
from tf_jfb.psf._measure import Measured, measure

__all__ = ["KINDS", "Check", "Measured", "check", "draw", "make", "measure"]
