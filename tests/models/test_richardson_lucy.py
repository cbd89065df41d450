"""Richardson and Lucy's method against its formula."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from baseline_images import BLUR, measure, score

from tf_jfb.models.baselines import richardson_lucy
from tf_jfb.operators import Blur, BlurEach, BlurFFT, Downsample, Frame, kernels
from tf_jfb.operators.frame import scene_of


def plain_richardson_lucy(d, operator, iterations):
    d, x = np.maximum(d, 1e-6), tf.fill(d.shape, 0.5)
    for _ in range(iterations):
        seen = operator(x)
        x *= operator.adjoint(tf.where(seen < 1e-4, 0.0, d / seen))
    return np.clip(x, 0, 1)


@pytest.mark.parametrize("kernel", [kernels.gaussian(5, 2.0), [[0, 1, 2], [0, 0, 1], [0, 0, 0]]])
@pytest.mark.parametrize("kind", [Blur, BlurFFT])
def test_richardson_and_lucys_iterations(kind, kernel, sharp):
    """Asymmetric kernels too; beyond a circular border the images go on, else their edge does."""
    kernel = np.array(kernel, float) / np.sum(kernel)
    operator, edge = kind(kernel), 3 * len(kernel)
    d = measure(operator, sharp)
    restored = richardson_lucy(d, operator, 8).numpy()
    assert restored.dtype == d.dtype.as_numpy_dtype and restored.max() <= 1
    if kind is BlurFFT:
        assert score(sharp, restored) > score(sharp, d) + 1
        expected = plain_richardson_lucy(d, operator, 8)
    else:
        wide = np.pad(d, [(0, 0), (edge, edge), (edge, edge), (0, 0)], "edge")
        expected = plain_richardson_lucy(wide, operator, 8)[:, edge:-edge, edge:-edge]
    np.testing.assert_allclose(restored, expected, atol=2e-3)


def test_richardson_and_lucys_method_of_an_even_kernel_of_every_images_own(sharp):
    """And negative weights of a kernel, and negative pixels, count as zero."""
    made = np.float32([[[0, 1], [2, 3]], [[-1, 1], [1, 2]]])
    d = measure(BlurEach(np.maximum(made, 0) / 6), sharp) - 0.3
    made /= made.sum((1, 2), keepdims=True)
    restored = richardson_lucy(d, BlurEach(made), 4)
    for i in range(2):
        operator = BlurFFT(np.maximum(made[i], 0) / np.maximum(made[i], 0).sum())
        expected = plain_richardson_lucy(d[i : i + 1], operator, 4)
        np.testing.assert_allclose(restored[i : i + 1], expected, atol=2e-3)
    scene, seen = scene_of(d, (2, 2))
    framed = richardson_lucy(scene, Frame(BlurEach(made), seen), 4)
    assert framed.shape == scene.shape and float(tf.reduce_min(framed)) >= 0


@pytest.mark.parametrize("kind", [Blur, BlurFFT])
def test_richardson_and_lucys_method_takes_the_kernel_with_its_sum(kind, sharp):
    kernel = kernels.gaussian(5, 1.0)
    half, one = kind(0.5 * kernel), kind(kernel)
    restored = richardson_lucy(half(sharp), half, 4)
    np.testing.assert_allclose(restored, richardson_lucy(one(sharp), one, 4), atol=1e-4)


def test_richardson_and_lucys_method_refuses(sharp, monkeypatch):
    with pytest.raises(ValueError, match="`operator` must be a Blur, a BlurFFT, a BlurEach"):
        richardson_lucy(sharp, Downsample(2), 1)
    with pytest.raises(ValueError, match="`iterations` must be >= 1. Received: iterations=0"):
        richardson_lucy(sharp, BLUR, 0)
    monkeypatch.setitem(sys.modules, "skimage.restoration", None)
    with pytest.raises(RuntimeError, match="scikit-image .* with the extra `evaluate`"):
        richardson_lucy(sharp, BLUR, 1)
