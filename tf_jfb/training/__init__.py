"""Training through `model.fit`, resumable."""

from tf_jfb.training import strategies
from tf_jfb.training.build import build_model, load_denoiser, load_run
from tf_jfb.training.callbacks import AuditGradient
from tf_jfb.training.config import Config, load_config
from tf_jfb.training.denoiser import Denoiser
from tf_jfb.training.fit import train, train_denoiser

__all__ = [
    "AuditGradient",
    "Config",
    "Denoiser",
    "build_model",
    "load_config",
    "load_denoiser",
    "load_run",
    "strategies",
    "train",
    "train_denoiser",
]
