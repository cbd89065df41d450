"""Exported models."""

from tf_jfb.serving import evaluate, report
from tf_jfb.serving.deblur import Restored, deblur, load_model
from tf_jfb.serving.export import export, export_denoiser, for_blur

__all__ = [
    "Restored",
    "deblur",
    "evaluate",
    "export",
    "export_denoiser",
    "for_blur",
    "load_model",
    "report",
]
