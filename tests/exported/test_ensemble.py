"""Means over turned and mirrored copies: what they are, and that they turn with the image."""

import argparse
import types

import numpy as np
import pytest

from tf_jfb import Status
from tf_jfb.cli._shared import add_ensemble
from tf_jfb.data import Photo
from tf_jfb.exported import ENSEMBLES, ExportedModel, check_ensemble, deblur_photo
from tf_jfb.operators import kernels

RNG = np.random.default_rng(0)
IMAGE = RNG.random((14, 10, 3), np.float32)
KERNEL = RNG.random((3, 5), np.float32)
TOLD = {"noise": 0.02, "rtol": 1e-3, "max_evaluations": 12}


@pytest.fixture(scope="module")
def model(folder):
    return ExportedModel.open(folder)


def mirrored_turn(array):
    return np.flip(np.rot90(array), axis=1)


@pytest.mark.parametrize("boundary", ["photo", "circular"])
def test_the_mean_of_eight_turns_with_the_image(model, boundary):
    told = TOLD | {"boundary": boundary, "ensemble": 8}
    upright = model.restore(IMAGE, kernel=KERNEL, **told)
    turned = model.restore(mirrored_turn(IMAGE), kernel=mirrored_turn(KERNEL), **told)
    np.testing.assert_allclose(turned.image, mirrored_turn(upright.image), atol=2e-6)
    assert turned.evaluations == upright.evaluations


def test_of_two_it_is_their_mean_with_the_worst_record(model):
    mask = np.ones((14, 10, 1), np.float32)
    mask[2, 3] = 0
    upright = model.restore(IMAGE, kernel=KERNEL, mask=mask, **TOLD)
    lying = model.restore(np.rot90(IMAGE), kernel=np.rot90(KERNEL), mask=np.rot90(mask), **TOLD)
    both = model.restore(IMAGE, kernel=KERNEL, mask=mask, ensemble=2, trace=True, **TOLD)
    mean = (upright.image + np.rot90(lying.image, -1)) / 2
    np.testing.assert_allclose(both.image, mean, atol=1e-6)
    assert both.evaluations == max(upright.evaluations, lying.evaluations)
    assert both.residual == pytest.approx(max(upright.residual, lying.residual), rel=1e-3)
    assert both.status == Status(max(upright.status, lying.status))
    assert both.trace[upright.evaluations - 1] == pytest.approx(upright.residual, rel=1e-3)


def test_a_kernel_of_even_sides_keeps_its_origin(model):
    even = RNG.random((2, 4), np.float32)
    padded = np.pad(even, [(0, 1), (0, 1)])
    own, odd = (model.restore(IMAGE, kernel=k, ensemble=4, **TOLD).image for k in (even, padded))
    np.testing.assert_array_equal(own, odd)
    with pytest.raises(ValueError, match="even side must be smaller than the image"):
        model.restore(IMAGE, kernel=np.ones([14, 10], np.float32), ensemble=2, **TOLD)


def test_options_of_every_image_and_channels_of_their_own(model):
    images, levels = np.stack([IMAGE, IMAGE[::-1]]), [0.02, 0.1]
    told = {"kernel": KERNEL, "ensemble": 2, "rtol": 1e-3, "max_evaluations": 12}
    both = model.restore(images, noise=levels, **told).image
    for image, level, restored in zip(images, levels, both, strict=True):
        alone = model.restore(image, noise=level, **told).image
        np.testing.assert_allclose(restored, alone, atol=2e-6)
    photo = Photo(np.concatenate([IMAGE, IMAGE[..., :1]], axis=-1))
    pixels = deblur_photo(model, photo, noise=0.02, **told).photo.pixels
    grey = model.restore(IMAGE[..., 1:2], noise=0.02, **told).image
    np.testing.assert_allclose(pixels[..., 1:2], np.clip(grey, 0, 1), atol=2e-6)


def test_in_tiles_every_tile_is_an_ensemble(model, monkeypatch):
    whole, asked = model.restore, []
    spy = lambda *a, **told: asked.append(told["ensemble"]) or whole(*a, **told)  # noqa: E731
    monkeypatch.setattr(model, "restore", spy)
    photo = Photo(RNG.random((16, 300, 3), np.float32))
    told = {"kernel": kernels.gaussian(3, 0.7), "noise": 0.05, "rtol": 0.0, "max_evaluations": 4}
    tiled, alone = (deblur_photo(model, photo, tile=170, ensemble=n, **told) for n in (4, 1))
    assert asked == [4] * (len(asked) // 2) + [1] * (len(asked) // 2) and len(asked) > 2
    assert np.abs(tiled.photo.pixels - alone.photo.pixels).max() > 1e-4


def test_the_command_offers_every_ensemble():
    parser = argparse.ArgumentParser()
    add_ensemble(parser)
    assert parser._actions[-1].choices == ENSEMBLES


def test_what_is_no_ensemble_is_refused(model):
    for value in (8.0, True, "2", None):
        with pytest.raises(ValueError, match="`ensemble` must be 1, 2, 4 or 8"):
            check_ensemble(value)
    check_ensemble(np.int64(4))
    with pytest.raises(ValueError, match="`ensemble` must be 1, 2, 4 or 8. Received: ensemble=3"):
        model.restore(IMAGE, kernel=KERNEL, ensemble=3)


def test_a_model_of_one_blur_needs_one_that_is_the_same_when_turned():
    def made_for(blur):
        return types.SimpleNamespace(takes_kernel=False, blur=blur)

    shaken = kernels.parse("motion:3:45")
    check_ensemble(8, made_for(kernels.parse("gaussian:3:1.0")))
    check_ensemble(1, made_for(shaken))
    for unknown in (made_for(shaken), made_for(None), made_for(kernels.parse("box:2"))):
        with pytest.raises(ValueError, match="not known to be the same when it is turned"):
            check_ensemble(2, unknown)
    with pytest.raises(ValueError, match="made for one blur"):
        check_ensemble(2, made_for(None))
