"""The classical baselines on a problem whose solution they are made for."""

import numpy as np
import pytest
import tensorflow as tf
from baseline_images import BLUR, CIRCULAR, measure, score

from tf_jfb.models.baselines import (
    tikhonov,
    tune,
    tune_options,
    tv,
    wiener,
)
from tf_jfb.models.baselines._differences import (
    GRADIENT_NORM_SQUARED,
    gradient,
    gradient_adjoint,
)
from tf_jfb.models.baselines._programs import MOST, Programs
from tf_jfb.operators import Blur, BlurEach, BlurFFT, Frame, kernels
from tf_jfb.operators.frame import scene_of

METHODS = pytest.mark.parametrize(
    "method", [tikhonov, tv, wiener], ids=["tikhonov", "tv", "wiener"]
)
BLURS = pytest.mark.parametrize("operator", [BLUR, CIRCULAR], ids=["zero", "circular"])


@pytest.fixture(scope="module")
def small(sharp):
    """What is enough for thousands of steps."""
    return sharp[:, 6:24, 8:26]


def tv_objective(x, d, operator, weight):
    down, right = gradient(x)
    variation = tf.sqrt(tf.reduce_sum(down**2 + right**2, axis=3))
    data = tf.reduce_sum((operator(x) - d) ** 2)
    return float(0.5 * data + weight * tf.reduce_sum(variation))


def test_gradient_adjoint_and_norm():
    rng = np.random.default_rng(0)
    x, p, q = tf.constant(rng.standard_normal((3, 1, 7, 9, 2)))
    down, right = gradient(x)
    forward = tf.reduce_sum(down * p + right * q)
    assert float(forward) == pytest.approx(float(tf.reduce_sum(x * gradient_adjoint(p, q))))
    basis = tf.reshape(tf.eye(63, dtype=tf.float64), [63, 7, 9, 1])
    matrix = tf.reshape(gradient_adjoint(*gradient(basis)), [63, 63])
    assert np.linalg.norm(matrix, 2) <= GRADIENT_NORM_SQUARED


@METHODS
@BLURS
def test_beats_the_blurred_image(method, operator, sharp):
    d = measure(operator, sharp)
    restored = method(d, operator, 5e-3)
    assert restored.shape == d.shape and restored.dtype == d.dtype
    gain = 0.5 if method is wiener else 2.0  # which takes images for white noise
    assert score(sharp, restored) > score(sharp, d) + gain


def test_tv_beats_tikhonov_on_piecewise_constant_images(sharp):
    d = measure(BLUR, sharp)
    weights = (1e-3, 3e-3, 1e-2)
    best = {m: m(d, BLUR, tune(m, d, sharp, BLUR, weights)) for m in (tikhonov, tv)}
    assert score(sharp, best[tv]) > score(sharp, best[tikhonov]) + 1.0


@BLURS
def test_tv_approaches_its_minimum(operator, small):
    d = tf.cast(measure(operator, small), tf.float64)
    values = [
        tv_objective(tv(d, operator, 1e-3, n), d, operator, 1e-3) for n in (25, 100, 400, 2000)
    ]
    assert values == sorted(values, reverse=True)
    assert values[2] < values[3] * (1 + 1e-4)


def test_tv_minimum_beats_every_neighbour(small):
    d = tf.cast(measure(BLUR, small), tf.float64)
    x = tv(d, BLUR, 1e-3, 2000)
    least = tv_objective(x, d, BLUR, 1e-3)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2):
        near = tf.clip_by_value(x + size * rng.standard_normal(x.shape), 0.0, 1.0)
        assert tv_objective(near, d, BLUR, 1e-3) > least
    assert tv_objective(tf.cast(small, d.dtype), d, BLUR, 1e-3) > least


def test_tv_of_an_operator_of_large_norm(sharp):
    """The same problem in other units; steps that ignored the norm would diverge."""
    scaled = Blur(20.0 * BLUR.kernel)
    d = measure(BLUR, sharp)
    restored = tv(20.0 * d, scaled, 400.0 * 1e-3, 50)
    np.testing.assert_allclose(restored, tv(d, BLUR, 1e-3, 50), atol=1e-3)


def test_tv_stays_in_range(sharp):
    x = tv(3.0 * measure(BLUR, sharp) - 1.0, BLUR, 1e-4, 20)
    assert float(tf.reduce_min(x)) >= 0.0 and float(tf.reduce_max(x)) <= 1.0


def test_tikhonov_solves_its_normal_equations(sharp):
    d = tf.cast(measure(BLUR, sharp), tf.float64)
    x = tikhonov(d, BLUR, 1e-2, 300)
    residual = BLUR.adjoint(BLUR(x) - d) + 1e-2 * gradient_adjoint(*gradient(x))
    np.testing.assert_allclose(residual, 0.0, atol=1e-9)


def test_tikhonov_closed_form_solves_the_circular_normal_equations(sharp):
    d = tf.cast(measure(CIRCULAR, sharp), tf.float64)
    x = tikhonov(d, CIRCULAR, 1e-2)
    laplacian = sum(2 * x - tf.roll(x, 1, axis) - tf.roll(x, -1, axis) for axis in (1, 2))
    residual = CIRCULAR.adjoint(CIRCULAR(x) - d) + 1e-2 * laplacian
    np.testing.assert_allclose(residual, 0.0, atol=1e-12)


@METHODS
def test_images_are_independent(method, sharp):
    d = measure(BLUR, sharp)
    np.testing.assert_allclose(method(d, BLUR, 1e-3)[1:], method(d[1:], BLUR, 1e-3), atol=1e-4)


@METHODS
@pytest.mark.parametrize(
    "options, message",
    [
        ({"weight": 0.0}, "`weight` must be positive. Received: weight=0.0"),
        ({"weight": 1e-3, "iterations": 0}, "`iterations` must be >= 1. Received: iterations=0"),
        ({"weight": 1e-3, "operator": len}, "`operator` must be a tf_jfb.operators.Operator"),
        ({"weight": 1e-3, "d": tf.zeros([8, 8, 3])}, "`d` must be a batch of images"),
    ],
)
def test_refused(method, options, message):
    with pytest.raises(ValueError, match=message):
        method(**{"d": tf.zeros([1, 8, 8, 3]), "operator": BLUR, **options})


def test_tune_takes_the_best_weight(sharp):
    d = measure(BLUR, sharp)
    weights = (1e-6, 5e-3, 10.0)
    assert tune(tikhonov, d, sharp, BLUR, weights) == 5e-3
    with pytest.raises(ValueError, match=r"`weights` must not be empty. Received: weights=\(\)"):
        tune(tikhonov, d, sharp, BLUR, ())


def test_tune_passes_over_a_weight_that_fails(sharp):
    def method(d, operator, weight):
        return d if weight == 1.0 else d * float("nan")

    assert tune(method, sharp + 0.1, sharp, BLUR, (0.5, 1.0)) == 1.0
    with pytest.raises(ValueError, match="finite PSNR"):
        tune(method, sharp, sharp, BLUR, (0.5,))


def test_wiener_solves_its_normal_equations(sharp):
    d = tf.cast(measure(CIRCULAR, sharp), tf.float64)
    x = wiener(d, CIRCULAR, 1e-2)
    mean = tf.reduce_mean(d, (1, 2), keepdims=True)
    residual = CIRCULAR.adjoint(CIRCULAR(x) - d) + 1e-2 * (x - mean)
    np.testing.assert_allclose(residual, 0.0, atol=1e-12)


@METHODS
def test_one_trace_serves_every_kernel_and_frame(method, small):
    """Kernels and masks are arguments: each restores with its own."""
    other = kernels.box(5)
    each = BlurEach(np.float32([CIRCULAR.kernel, other]))
    d = measure(each, small)
    both = method(d, each, 5e-3)
    for i, kernel in enumerate((CIRCULAR.kernel, other)):
        one = method(d[i : i + 1], BlurFFT(kernel), 5e-3)
        np.testing.assert_allclose(both[i : i + 1], one, atol=2e-4)
    scene, seen = scene_of(d, (5, 5))
    framed = method(scene, Frame(each, seen), 5e-3)
    assert framed.shape == scene.shape
    assert not np.allclose(framed, method(scene, Frame(each, tf.ones_like(seen)), 5e-3), atol=1e-3)


def test_blurs_of_one_kernel_share_a_trace_and_few_are_kept(small):
    d, traced = measure(BLUR, small), []

    def method(operator, d):
        traced.append(operator.kernel.shape)
        return operator(d)

    programs = Programs(method)
    for operator in (Blur(BLUR.kernel), BLUR, Blur(BLUR.kernel)):
        np.testing.assert_allclose(programs(operator, d), BLUR(d), atol=1e-6)
    assert traced == [(5, 5)]
    for size in range(2, 3 + MOST):
        programs(Blur(np.eye(size)), d)
    assert len(traced) == 2 + MOST and len(programs._own) == MOST


def test_options_are_tuned_in_turns():
    """The best a depends on b: from the middle it takes a second turn."""
    tried = []

    def method(d, operator, a, b):
        tried.append((a, b))
        return d + 0.1 * abs(a - b) + 0.15 * abs(b - 3)

    d = tf.zeros([1, 2, 2, 1])
    candidates = {"a": (0, 1, 2, 3), "b": (0, 2, 1, 2.9)}
    assert tune_options(method, d, d + 0.001, BLUR, candidates) == {"a": 3, "b": 2.9}
    assert len(tried) == len(set(tried)) > 8  # nothing twice
    assert tune_options(method, d, d + 0.001, BLUR, {"a": (2, 5), "b": (2,)}) == {"a": 2, "b": 2}
    with pytest.raises(ValueError, match=r"Every option must have a candidate.*empty=\['b'\]"):
        tune_options(method, d, d, BLUR, {"a": (1,), "b": ()})


def test_total_variation_of_an_image_does_not_depend_on_its_neighbours_blur(sharp):
    sharpening = np.array([[0.0, -1.0, 0.0], [-1.0, 5.0, -1.0], [0.0, -1.0, 0.0]])
    pair = np.stack([kernels.gaussian(3, 0.8), sharpening]).astype(np.float32)
    d = tf.cast(sharp, tf.float32)[:1]
    both = tv(tf.repeat(d, 2, axis=0), BlurEach(pair), 2e-3, iterations=5)
    np.testing.assert_allclose(both[:1], tv(d, BlurEach(pair[:1]), 2e-3, iterations=5), atol=1e-6)
