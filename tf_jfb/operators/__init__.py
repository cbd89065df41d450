"""Linear forward operators with exact adjoints."""

from tf_jfb.operators import kernels
from tf_jfb.operators.base import Operator
from tf_jfb.operators.blur import Blur
from tf_jfb.operators.blur_fft import BlurFFT
from tf_jfb.operators.gaussian_blur import GaussianBlur

__all__ = ["Blur", "BlurFFT", "GaussianBlur", "Operator", "kernels"]
