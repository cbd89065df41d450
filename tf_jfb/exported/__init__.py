"""Models as SavedModels: written, loaded, and asked to restore photographs."""

from tf_jfb.exported.deblur import Restored, deblur, load_model
from tf_jfb.exported.export import export, export_denoiser, for_blur

__all__ = ["Restored", "deblur", "export", "export_denoiser", "for_blur", "load_model"]
