"""Blur and noise over a data set."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.data import degrade
from tf_jfb.operators import GaussianBlur

IMAGES = np.random.default_rng(0).random((6, 12, 10, 3)).astype(np.float32)
BLUR = GaussianBlur(3, 1.0)


def run(dataset, noise=0.05, seed=0, operator=BLUR):
    pairs = list(degrade(dataset, operator, noise, seed).as_numpy_iterator())
    return [np.stack(parts) for parts in zip(*pairs, strict=True)]


@pytest.mark.parametrize("batch", [None, 2])
def test_blur_then_noise(batch):
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    blurred, sharp = run(dataset.batch(batch) if batch else dataset)
    np.testing.assert_array_equal(sharp.reshape(IMAGES.shape), IMAGES)
    noise = blurred.reshape(IMAGES.shape) - BLUR(IMAGES)
    assert np.std(noise) == pytest.approx(0.05, rel=0.05)
    assert len({round(float(n[0, 0, 0]), 6) for n in noise}) == len(IMAGES)


def test_noise_depends_on_seed_and_index_alone():
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    whole = run(dataset)[0]
    np.testing.assert_array_equal(run(dataset)[0], whole)
    np.testing.assert_array_equal(run(dataset.take(3))[0], whole[:3])
    assert np.abs(run(dataset, seed=1)[0] - whole).max() > 0.01


def test_no_noise_and_images_of_any_size():
    dataset = tf.data.Dataset.from_generator(
        lambda: (IMAGES[0, :n] for n in (4, 7)),
        output_signature=tf.TensorSpec([None, None, 3], tf.float32),
    )
    shapes = [b.shape for b, _ in degrade(dataset, BLUR, 0.0).as_numpy_iterator()]
    assert shapes == [(4, 10, 3), (7, 10, 3)]


def test_errors():
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES)
    for noise in (-1.0, float("nan")):
        with pytest.raises(ValueError, match=f"`noise` must .* Received: noise={noise}"):
            degrade(dataset, BLUR, noise)
    with pytest.raises(ValueError, match="`dataset` must yield images"):
        degrade(tf.data.Dataset.from_tensor_slices((IMAGES, IMAGES)), BLUR, 0.1)
    with pytest.raises(ValueError, match="`dataset` must yield images"):
        degrade(tf.data.Dataset.range(3), BLUR, 0.1)
