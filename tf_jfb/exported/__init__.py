"""Models as SavedModels: written, opened by path or name, and asked to restore images."""

from tf_jfb.exported._ensemble import ENSEMBLES, check_ensemble
from tf_jfb.exported._folder import BLUR_OF_EXPORT, CONFIG_OF_EXPORT, describe, shipped
from tf_jfb.exported._inputs import check_options, told_once
from tf_jfb.exported._noise import told_noise
from tf_jfb.exported._warmup import example_inputs
from tf_jfb.exported.deblur import deblur, load_model
from tf_jfb.exported.export import export, export_denoiser, for_blur
from tf_jfb.exported.model import ExportedModel, load
from tf_jfb.exported.photos import Restored, deblur_photo, deblur_photos

__all__ = [
    "BLUR_OF_EXPORT",
    "CONFIG_OF_EXPORT",
    "ENSEMBLES",
    "ExportedModel",
    "Restored",
    "check_ensemble",
    "check_options",
    "deblur",
    "deblur_photo",
    "deblur_photos",
    "describe",
    "example_inputs",
    "export",
    "export_denoiser",
    "for_blur",
    "load",
    "load_model",
    "shipped",
    "told_noise",
    "told_once",
]
