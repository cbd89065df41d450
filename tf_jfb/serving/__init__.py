"""Exported models."""

from tf_jfb.serving import evaluate, report
from tf_jfb.serving.deblur import Restored, deblur, load_model
from tf_jfb.serving.export import export

__all__ = ["Restored", "deblur", "evaluate", "export", "load_model", "report"]
