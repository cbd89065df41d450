"""A camera's frame of a blurred scene."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.operators import Blur, BlurEach, BlurFFT, Frame, kernels
from tf_jfb.operators.frame import scene_of

KERNELS = np.stack([kernels.motion(7, seed) for seed in (1, 2)]).astype(np.float32)
RNG = np.random.default_rng(0)


def images(*shape):
    return tf.constant(RNG.random(shape, np.float32))


def frame(scene=16):
    seen = np.zeros((2, scene, scene, 1), np.float32)
    seen[:, :9, :8] = 1
    seen[0, 3, 4] = 0  # a broken pixel
    return Frame(BlurEach(tf.constant(KERNELS)), tf.constant(seen))


def test_a_frame_of_a_scene_does_not_wrap_around():
    """Its pixels are those of zero padding too, away from the border of the scene."""
    scene, seen = images(1, 24, 24, 3), np.zeros((1, 24, 24, 1), np.float32)
    seen[:, 3:-3, 3:-3] = 1
    y = Frame(BlurFFT(KERNELS[0]), tf.constant(seen))(scene)
    expected = Blur(KERNELS[0])(scene)[:, 3:-3, 3:-3]
    np.testing.assert_allclose(y[:, 3:-3, 3:-3], expected, atol=1e-6)
    assert float(tf.reduce_sum(tf.abs(y))) == pytest.approx(float(tf.reduce_sum(expected)), 1e-5)


def test_the_adjoint_is_exact():
    operator, x, y = frame(), images(2, 16, 16, 3), images(2, 16, 16, 3)
    left = tf.reduce_sum(operator(x) * y, axis=(1, 2, 3))
    right = tf.reduce_sum(x * operator.adjoint(y), axis=(1, 2, 3))
    np.testing.assert_allclose(left, right, rtol=1e-5)


def test_a_data_step_minimises_what_it_says():
    operator, z, d, rho = frame(), images(2, 16, 16, 3), images(2, 16, 16, 3), [0.1, 0.3]
    seen = operator.seen
    step, inputs = operator.prox_map(d, tf.constant(rho))
    assert all(len(part) == 2 for part in inputs)
    x = step(z, *inputs)
    gradient = operator.adjoint(operator(x) - seen * d)
    gradient += np.reshape(rho, (2, 1, 1, 1)) * (x - z)
    np.testing.assert_allclose(gradient, 0.0, atol=3e-3)
    exact = step(z, operator(z), *inputs[1:])
    np.testing.assert_allclose(exact, z, atol=1e-6)
    other = step(z, seen * d + (1 - seen) * 9.0, *inputs[1:])
    np.testing.assert_allclose(other, x, atol=1e-5)


def test_a_scene_is_a_guess_without_a_step():
    photo = tf.constant(np.linspace(0.0, 1.0, 24, dtype=np.float32).reshape(1, 6, 4, 1))
    scene, seen = scene_of(tf.repeat(photo, 2, -1), (3, 2))
    assert scene.shape == (1, 12, 8, 2)  # 9 and 6 made multiples of 8, 6 rows at most being added
    np.testing.assert_array_equal(scene[:, :6, :4], tf.repeat(photo, 2, -1))
    assert float(tf.reduce_sum(seen)) == 24 and float(tf.reduce_sum(seen[:, :6, :4])) == 24
    steps = np.abs(np.diff(np.concatenate([scene[0], scene[0][:1]]), axis=0))
    assert steps.max() < 0.35  # from 1 to 0 in six rows and a little more


@pytest.mark.parametrize(
    ("blur", "seen", "message"),
    [
        (Blur(KERNELS[0]), np.ones((1, 4, 4, 1), np.float32), "`blur` must be a BlurFFT"),
        (BlurFFT(KERNELS[0]), np.ones((4, 4), np.float32), "`seen` must be floating"),
        (BlurFFT(KERNELS[0]), np.ones((1, 4, 4, 1), bool), "`seen` must be floating"),
    ],
)
def test_refused(blur, seen, message):
    with pytest.raises(ValueError, match=message):
        Frame(blur, seen)
    with pytest.raises(NotImplementedError):
        frame().get_config()
