"""Kernels told wrongly, put right from the power spectrum of the blurred image."""

import numpy as np
import pytest

from tf_jfb import data, operators, psf
from tf_jfb.operators import kernels
from tf_jfb.psf import _refine

NOISE = 0.01
TRUE = {
    "shake": kernels.motion(15, 3),
    "disk": kernels.disk(3.0),
    "line": kernels.line(9, 30),
    "gaussian": kernels.gaussian(15, 1.5),
}


def blurred(kernel, side=128):
    """The middle of a blurred scene, noisy: what lies beyond has been mixed in."""
    margin = max(kernel.shape) // 2
    scene = data.dead_leaves(1, side + 2 * margin, seed=1)[0]
    inner = operators.Blur(kernel)(scene[None]).numpy()[
        0, margin : margin + side, margin : margin + side
    ]
    return inner + NOISE * np.random.default_rng(0).standard_normal(inner.shape)


@pytest.mark.parametrize("name", ["shake", "disk", "line"])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_the_width_is_found(name, factor):
    told = kernels.stretched(TRUE[name], factor)
    found = psf.refine(blurred(TRUE[name]), told, NOISE)
    assert found.scale * factor == pytest.approx(1, abs=0.035) and not found.cleaned
    assert found.kernel.sum() == pytest.approx(1) and found.kernel.min() >= 0


@pytest.mark.parametrize("name", TRUE)
def test_what_is_told_right_stays(name):
    found = psf.refine(blurred(TRUE[name]), 3 * TRUE[name], 1.5 * NOISE)
    assert found.scale == 1 and not found.cleaned
    np.testing.assert_allclose(found.kernel, TRUE[name] / TRUE[name].sum())


def test_what_a_spectrum_does_not_tell_stays():
    d = blurred(TRUE["gaussian"])
    assert psf.refine(d, kernels.gaussian(15, 1.65), NOISE).scale == 1
    moved = kernels.shifted(np.pad(TRUE["shake"], 1), 1, 1)
    assert psf.refine(blurred(TRUE["shake"]), moved, NOISE).scale == 1


def test_noise_is_taken_out_of_a_kernel():
    true = TRUE["shake"]
    told = true + 0.03 * true.max() * np.random.default_rng(1).standard_normal(true.shape)
    found = psf.refine(blurred(true), told, NOISE)
    assert found.cleaned and found.kernel.min() >= 0
    errors = [np.linalg.norm(k - true) for k in (told / told.sum(), found.kernel)]
    assert errors[1] < 0.6 * errors[0]


def test_pixels_that_are_left_out_do_not_count():
    d, mask = blurred(TRUE["shake"]), np.ones((128, 128, 1))
    mask[60:64, 60:64] = 0
    told, spoilt = kernels.stretched(TRUE["shake"], 1.1), d.copy()
    spoilt[60:64, 60:64] = 50.0
    assert psf.refine(spoilt, told, NOISE, mask).scale * 1.1 == pytest.approx(1, abs=0.035)


def test_a_small_image_says_nothing():
    told = kernels.stretched(TRUE["shake"], 1.1)
    assert psf.refine(blurred(TRUE["shake"], 60), told, NOISE)[1:] == (1.0, False)


def test_stretched():
    kernel = TRUE["shake"]
    np.testing.assert_allclose(_refine._stretched(kernel, 1.0), kernel, atol=1e-12)
    there = _refine._stretched(kernel, 1.1)
    assert there.shape == kernels.stretched(kernel, 1.1).shape
    back = [
        f(kernels.stretched(kernel, 1.1), 1 / 1.1) for f in (_refine._stretched, kernels.stretched)
    ]
    cubic, linear = (np.linalg.norm(k - np.pad(kernel, (len(k) - 15) // 2)) for k in back)
    assert cubic < 0.8 * linear


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((np.ones((64, 64, 1)) * 1j, np.ones((3, 3)), 0.1), "`image` must hold real numbers"),
        ((np.ones((64, 64)), np.ones((3, 3)), 0.1), r"`image` must be \[H, W, C\]"),
        ((np.ones((64, 64, 1)), np.zeros((3, 3)), 0.1), "`kernel` must have a positive sum"),
        ((np.ones((64, 64, 1)), np.ones((3, 3)), 0.0), "`noise` must be positive"),
        ((np.ones((64, 64, 1)), np.ones((3, 3)), None), "`noise` must be positive"),
        (
            (np.ones((64, 64, 1)), np.ones((3, 3)), 0.1, np.ones((64, 64))),
            r"`mask` must be \[H, W, 1\], \(64, 64, 1\). Received: mask=\(64, 64\)",
        ),
        ((np.full((64, 64, 2), np.nan), np.ones((3, 3)), 0.1), "Received: non_finite=8192"),
    ],
)
def test_refine_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        psf.refine(*arguments)


def test_an_image_of_noise_alone_changes_nothing_and_warns_of_nothing():
    image = np.random.default_rng(1).random((64, 64, 3)).astype(np.float32)
    assert psf.refine(image, kernels.gaussian(3, 0.7), 0.01)[1:] == (1.0, False)


def test_an_image_of_nothing_changes_nothing():
    assert psf.refine(np.full((64, 64, 3), 0.5), np.ones((3, 3)), 0.01)[1:] == (1.0, False)
