"""Exported models at work on many images."""

from tf_jfb.serving import bulk

__all__ = ["bulk"]
