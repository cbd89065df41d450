"""Piecewise-constant images and blurs for the tests of the baselines."""

import numpy as np
import tensorflow as tf

from tf_jfb import noise
from tf_jfb.metrics import psnr
from tf_jfb.operators import BlurFFT, GaussianBlur, kernels

BLUR = GaussianBlur(5, 2.0)
CIRCULAR = BlurFFT(kernels.gaussian(5, 2.0))


def sharp_images():
    """Two, [2, 32, 36, 3]."""
    x = np.full((2, 32, 36, 3), 0.2, np.float32)
    x[0, 8:20, 6:18] = [0.9, 0.5, 0.1]
    x[1, 4:28, 20:30] = [0.3, 0.8, 0.6]
    return tf.constant(x)


def measure(operator, sharp):
    return noise.gaussian(operator(sharp), 0.01, 0)


def score(x, y):
    return float(tf.reduce_mean(psnr(x, y)))
