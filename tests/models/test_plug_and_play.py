"""Plug-and-play with denoisers whose results are known, and what it holds on to."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from baseline_images import BLUR, CIRCULAR, measure, score

from tf_jfb import networks
from tf_jfb.models.baselines import PlugAndPlay, annealed_pnp, pnp
from tf_jfb.operators import BlurEach, BlurFFT, Frame, kernels
from tf_jfb.operators.frame import scene_of


@pytest.fixture(scope="module")
def small(sharp):
    return sharp[:, 6:24, 8:26]


class Shrink(networks.Network):
    """R(x) = 0.1 x: a denoiser that leaves 0.9 of an image."""

    def frozen(self, training=False):
        return lambda x, observe=False: 0.1 * x


@pytest.mark.parametrize("operator", [CIRCULAR, BLUR], ids=["circular", "zero"])
def test_plug_and_play_with_a_linear_denoiser(operator, sharp):
    """x = 0.9 (x + Q A^T (d - A x)) with Q = (A^T A + w)^-1, so A^T A x + 0.1 w x = 0.9 A^T d."""
    d, w = measure(operator, sharp), 0.2
    x = pnp(d, operator, w, network=Shrink(), noise=0.01)
    normal = operator.adjoint(operator(x)) + 0.1 * w * x
    np.testing.assert_allclose(normal, 0.9 * operator.adjoint(d), atol=3e-3)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"noise": 0}, "`noise` must be positive. Received: noise=0"),
        ({"operator": len}, "`operator` must be a tf_jfb.operators.Operator"),
        ({"max_evaluations": 0}, "`max_evaluations` must be >= 1. Received: max_evaluations=0"),
        ({"network": len}, "`network` must be a tf_jfb.networks.Network"),
        ({"levels": (0.2, 0.1)}, r"`levels` must be a range .* Received: levels=\(0.2, 0.1\)"),
    ],
)
def test_plug_and_play_refuses(sharp, wrong, message):
    arguments = {"operator": BLUR, "weight": 0.1, "network": Shrink(), "noise": 0.01} | wrong
    with pytest.raises(ValueError, match=message):
        pnp(sharp, **arguments)


class ShrinkMore(Shrink):
    """R(x; level) = level x."""

    conditional = True

    def frozen(self, training=False):
        return lambda x, level, observe=False: level[:, None, None, None] * x


@pytest.mark.parametrize("operator", [CIRCULAR, BLUR], ids=["circular", "zero"])
def test_annealed_plug_and_play_takes_its_steps(operator, sharp):
    """x <- (1 - s) (data step from x at w (sigma / s)^2), s = 0.4, 0.2, 0.1, 0.05."""
    d = measure(operator, sharp)
    x = annealed_pnp(d, operator, 0.3, network=ShrinkMore(), noise=0.05, start=0.4, steps=4)
    expected = d
    for level in (0.4, 0.2, 0.1, 0.05):
        step, prepared = operator.prox_map(d, 0.3 * (0.05 / level) ** 2)
        expected = (1.0 - level) * step(expected, *prepared)
    np.testing.assert_allclose(x, expected, atol=2e-5)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"noise": 0.0}, "`noise` must be positive"),
        ({"start": 0.01}, "`start` must be above `noise`. Received: start=0.01, noise=0.01"),
        ({"steps": 1}, "`steps` must be >= 2. Received: steps=1"),
        ({"network": Shrink()}, "`network` must be told the noise level"),
        ({"levels": (0.0, 0.1)}, "levels that the denoiser was trained on, 0 to 0.1. .* start=0.2"),
        ({"levels": (0.02, 0.2)}, "levels that the denoiser was trained on, 0.02 to 0.2"),
    ],
)
def test_annealed_plug_and_play_refuses(sharp, wrong, message):
    arguments = {"network": ShrinkMore(), "noise": 0.01} | wrong
    with pytest.raises(ValueError, match=message):
        annealed_pnp(sharp, BLUR, 0.1, **arguments)


def test_a_level_is_refused_that_the_denoiser_never_saw(sharp):
    """The level of the fixed point is noise / sqrt(weight)."""
    method = PlugAndPlay(ShrinkMore(), (0.01, 0.1))
    d = BLUR(sharp)
    assert method.fixed_point(d, BLUR, 0.01, noise=0.01, max_evaluations=1).shape == d.shape
    for weight in (0.009, 1.1):
        with pytest.raises(ValueError, match="one that the denoiser was trained on, 0.01 to 0.1"):
            method.fixed_point(d, BLUR, weight, noise=0.01)


def test_a_method_takes_its_networks_and_traces_with_it(sharp):
    method = PlugAndPlay(ShrinkMore())
    network = weakref.ref(method.network)
    d = measure(CIRCULAR, sharp)
    first = method.annealed(d, CIRCULAR, 0.3, noise=0.05, steps=2)
    with tf.init_scope():
        traces = method._annealed._circular.experimental_get_tracing_count()
    other = method.annealed(d, BlurFFT(kernels.box(5)), 0.2, noise=0.04, start=0.3, steps=3)
    assert method._annealed._circular.experimental_get_tracing_count() == traces == 1
    assert not np.allclose(first, other, atol=1e-3)
    del method
    gc.collect()
    assert network() is None


def test_plug_and_play_of_a_frame_explains_what_was_seen(small):
    """Both kinds, on a scene that goes on beyond the image, by a kernel of every image's own."""
    each = BlurEach(np.float32([CIRCULAR.kernel, kernels.box(5)]))
    d = measure(each, small)
    scene, seen = scene_of(d, (5, 5))
    frame, method = Frame(each, seen), PlugAndPlay(ShrinkMore(), (0.0, 0.2))
    guess = score(d, (seen * each(scene))[:, :18, :18])
    for restored in (
        method.fixed_point(scene, frame, 0.5, noise=0.001),
        method.annealed(scene, frame, 0.5, noise=0.001, start=0.01, steps=4),
    ):
        assert restored.shape == scene.shape
        assert score(d, frame(restored)[:, :18, :18]) > guess + 6
