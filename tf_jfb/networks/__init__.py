"""Networks R_theta whose normalisations can be frozen for the length of a solve."""

from tf_jfb.networks.base import Network
from tf_jfb.networks.dncnn import DnCNN
from tf_jfb.networks.spectral_conv import SpectralConv2D
from tf_jfb.networks.unet import UNet

__all__ = ["DnCNN", "Network", "SpectralConv2D", "UNet"]
