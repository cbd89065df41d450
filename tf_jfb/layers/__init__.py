"""Keras layers."""

from tf_jfb.layers.fixed_point import FixedPoint

__all__ = ["FixedPoint"]
