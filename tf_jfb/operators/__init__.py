"""Linear forward operators with exact adjoints."""

from tf_jfb.operators import kernels
from tf_jfb.operators.base import Operator
from tf_jfb.operators.blur import Blur
from tf_jfb.operators.blur_each import BlurEach
from tf_jfb.operators.blur_fft import BlurFFT
from tf_jfb.operators.downsample import Downsample
from tf_jfb.operators.frame import Frame
from tf_jfb.operators.gaussian_blur import GaussianBlur
from tf_jfb.operators.inpainting import Inpainting

__all__ = [
    "Blur",
    "BlurEach",
    "BlurFFT",
    "Downsample",
    "Frame",
    "GaussianBlur",
    "Inpainting",
    "Operator",
    "kernels",
]
