"""Export and use of a model that is told the blur."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tf_jfb
from tf_jfb import data, metrics, models, networks, noise, operators
from tf_jfb._weights import load_weights, named_weights
from tf_jfb.data import Photo, simulate
from tf_jfb.exported import (
    ExportedModel,
    _noise,
    deblur_photo,
    deblur_photos,
    export,
    for_blur,
)
from tf_jfb.operators import kernels

KERNEL = kernels.gaussian(5, 1.0)


@pytest.fixture
def model(model_of_any_blur):
    return model_of_any_blur


def photo(channels=3, side=40):
    image = data.dead_leaves(1, side)[0]
    return Photo(image if channels == 3 else image.mean(-1, keepdims=True))


def blurred(channels=3):
    return simulate(photo(channels), "gaussian:5:1.0", 0.0005)[1]


def test_the_exported_model_restores_as_the_model_does(model, folder):
    d = operators.BlurFFT(KERNEL)(photo().pixels[None]).numpy()
    out = ExportedModel.open(folder).loaded.signatures["deblur"](
        image=tf.constant(d),
        kernel=tf.constant(KERNEL[None], tf.float32),
        noise=tf.constant([0.01]),
        rtol=tf.constant([1e-4]),
        max_evaluations=tf.constant([60]),
    )
    expected = model.restore(d, 1e-4, 60, kernel=KERNEL, noise=0.01)
    np.testing.assert_allclose(out["restored"], expected.image, atol=1e-4)
    assert out["status"].numpy()[0] == expected.status[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_photograph_is_restored_up_to_its_edges(folder, channels):
    loaded, sharp, d = ExportedModel.open(folder), photo(channels), blurred(channels)
    # Untrained, it would go on to sharpen the noise.
    result = deblur_photo(loaded, d, max_evaluations=2, kernel=KERNEL, trace=True)
    assert result.photo.pixels.shape == sharp.pixels.shape
    inner = np.s_[None, 3:-3, 3:-3]
    before, after = (
        metrics.psnr(sharp.pixels[inner], p.pixels[inner])[0] for p in (d, result.photo)
    )
    assert after > before + 1.0
    assert result.trace.shape == (2,) and result.trace.min() == result.residual


def test_a_pixel_that_is_not_trusted_does_not_matter_to_the_data(folder, model):
    loaded, d = ExportedModel.open(folder).loaded, blurred(3).pixels[None]
    told = {"kernel": tf.constant(KERNEL[None], tf.float32), "noise": tf.constant([0.01])}
    told |= {"rtol": tf.constant([1e-4]), "max_evaluations": tf.constant([30])}
    broken = d.copy()
    broken[:, 12, 13] = 1.0
    mask = np.ones((1, *d.shape[1:3], 1), np.float32)
    program, errors = loaded.signatures["deblur_photo"], []
    clean = program(image=tf.constant(d), mask=tf.constant(mask), **told)["restored"]
    for trusted in (1.0, 0.0):
        mask[:, 12, 13] = trusted
        out = program(image=tf.constant(broken), mask=tf.constant(mask), **told)["restored"]
        errors.append(np.abs(out - clean).max())
    assert errors[1] < 0.3 * errors[0]
    default = loaded.signatures["serving_default"](
        image=tf.constant(d), kernel=told["kernel"], noise=told["noise"]
    )
    expected = model.restore(d, kernel=KERNEL, noise=0.01, boundary="photo")
    np.testing.assert_allclose(default["restored"], expected.image, atol=1e-4)


def test_a_batch_is_restored_as_its_photographs_are_alone(folder):
    loaded, pair = ExportedModel.open(folder), [blurred(1), blurred(3)]
    told = {"max_evaluations": 3, "kernel": KERNEL}  # the noise of each is estimated
    for d, result in zip(pair, deblur_photos(loaded, pair, **told), strict=True):
        alone = deblur_photo(loaded, d, **told)
        np.testing.assert_allclose(result.photo.pixels, alone.photo.pixels, atol=1e-5)
        assert (result.evaluations, result.status) == (alone.evaluations, alone.status)


@pytest.mark.slow
def test_a_model_made_for_one_blur_is_told_the_noise(model, tmp_path):
    fixed = for_blur(model, operators.BlurFFT(KERNEL))
    loaded, d = ExportedModel.open(export(fixed, tmp_path / "1")), blurred()
    result = deblur_photo(loaded, d, max_evaluations=3, noise=0.01)
    expected = fixed.restore(d.pixels[None], max_evaluations=3, noise=0.01).image[0]
    np.testing.assert_allclose(result.photo.pixels, np.clip(expected, 0, 1), atol=1e-4)
    with pytest.raises(
        ValueError, match="`kernel` must be left out: the model was made for one blur"
    ):
        deblur_photo(loaded, d, kernel=KERNEL)


def test_weights_that_nothing_is_folded_into_are_saved_once(tmp_path):
    unbounded = models.DEHQS(None, networks.UNet((4, 6), blocks=1))
    unbounded.build((None, None, None, 3))
    saved = tf.train.load_checkpoint(str(export(unbounded, tmp_path / "1") / "variables/variables"))
    sizes = [np.prod(shape, dtype=int) for shape in saved.get_variable_to_shape_map().values()]
    beside = 3  # tolerance, cap, and the graph of what is saved
    own = sum(tf.size(v).numpy() for v in named_weights(unbounded).values())
    assert sum(sizes) == own + beside
    assert sum(np.prod(w.shape) for w in ExportedModel.open(tmp_path / "1").weights) == own
    before = unbounded.get_weights()
    unbounded.set_weights([0 * weight for weight in before])
    load_weights(tmp_path / "1", unbounded)
    for old, new in zip(before, unbounded.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    about = json.loads((tmp_path / "1" / "assets.extra" / "tf_jfb.json").read_text())
    assert (about["format"], about["tf_jfb"]) == (2, tf_jfb.__version__)


def test_what_is_missing_or_too_much_is_said(folder):
    loaded = ExportedModel.open(folder)
    with pytest.raises(ValueError, match="`kernel` must be given"):
        deblur_photo(loaded, photo())
    with pytest.raises(ValueError, match="`kernel` must not be larger than the image"):
        deblur_photo(loaded, photo(side=8), kernel=np.ones((9, 9)))
    with pytest.raises(ValueError, match="`noise` must lie in"):
        deblur_photo(loaded, photo(), kernel=KERNEL, noise=5.0)


@pytest.mark.parametrize("level", [0.003, 0.02])
def test_the_noise_level_is_estimated(level):
    smooth = operators.BlurFFT(kernels.gaussian(9, 3.0))(photo(side=96).pixels[None])[0]
    noisy = smooth + level * np.random.default_rng(0).standard_normal(smooth.shape)
    told = _noise.told_noise(noisy)
    assert told.std == pytest.approx(level, rel=0.15) and told.estimated
    more = _noise.told_noise(noisy, taken=0.01)
    mean = noise.estimate(noisy.numpy().mean(-1, keepdims=True)).std
    assert more.std == pytest.approx(3**0.5 * np.hypot(mean, 0.01), rel=1e-6)
    light = [_noise.told_noise(noisy, decoded=True, taken=r).std for r in (0.01, 0.02)]
    slope = data.light.noise_in_light(1.0, noisy)
    assert light[1] ** 2 - light[0] ** 2 == pytest.approx(9e-4 * slope**2, rel=1e-4)
    assert _noise.told_noise(noisy, 0.02, taken=0.01).std == pytest.approx(0.02)


def test_the_noise_of_light_is_estimated_where_it_is_alike_in_dark_and_bright():
    """Of light, whose dark parts are flat, the estimate was 18 % of it."""
    ramp = np.linspace(0.05, 0.9, 96)[:, None, None] * np.ones((96, 96, 3))
    noisy = ramp + 0.02 * np.random.default_rng(0).standard_normal(ramp.shape)
    told = _noise.told_noise(noisy, decoded=True)
    assert told.std == pytest.approx(data.light.noise_in_light(0.02, noisy), rel=0.1)
    assert told.doubt is None


def test_a_noise_in_light_is_that_of_the_pixels_that_are_trusted():
    values, mask = np.full((32, 32, 3), 0.5), np.ones((32, 32, 1))
    values[:20], mask[:20] = 0.0, 0.0
    for taken, level in ((0.0, 0.01), (0.03, None)):
        told = {"noise": level, "decoded": True, "taken": taken}
        masked = _noise.told_noise(values, mask=mask, **told).std
        assert masked == pytest.approx(_noise.told_noise(values[20:], **told).std, rel=1e-6)
        nowhere = _noise.told_noise(values, mask=0 * mask, **told).std
        assert nowhere == pytest.approx(_noise.told_noise(values, **told).std, rel=1e-6)


def test_noise_that_channels_share_is_estimated_as_strong_as_a_model_takes_it():
    smooth = operators.BlurFFT(kernels.gaussian(9, 3.0))(photo(side=96).pixels[None])[0].numpy()
    own = 0.02 * np.random.default_rng(0).standard_normal(smooth.shape)
    assert _noise.told_noise(smooth + own).std == pytest.approx(0.02, rel=0.1)
    assert _noise.told_noise(smooth + own[..., :1]).std == pytest.approx(0.02 * 3**0.5, rel=0.1)
    grey = (smooth + own)[..., :1]  # of which `restore` tells sqrt(3) times as much
    alike = _noise.told_noise(np.repeat(grey, 3, axis=-1))
    assert alike.std == pytest.approx(_noise.told_noise(grey).std, rel=0.01)


def test_counted_photons_are_told_as_their_mean_level(folder):
    loaded, d = ExportedModel.open(folder), blurred()
    camera = noise.PoissonGaussian(photons=400, read_noise=2.0)
    light = data.light.decode(d.pixels)
    told = {"kernel": KERNEL, "max_evaluations": 1}
    for decoded, values in (("encoded", d.pixels), ("linear", light)):
        result = deblur_photo(loaded, d, noise=camera, light=decoded, **told)
        assert result.noise == pytest.approx(camera.std(values)) and not result.estimated
        same = deblur_photo(loaded, Photo(values), noise=camera.std(values), **told).photo.pixels
        same = data.light.encode(same) if decoded == "linear" else same
        np.testing.assert_allclose(result.photo.pixels, np.clip(same, 0, 1), atol=2e-3)
    whole = loaded.restore(d.pixels, noise=camera, **told).image
    expected = loaded.restore(d.pixels, noise=camera.std(d.pixels), **told).image
    np.testing.assert_allclose(whole, expected, atol=1e-6)


def test_a_gain_counts_from_the_white_of_the_file(folder):
    loaded, d = ExportedModel.open(folder), blurred()._replace(white=200.0)
    told = {"kernel": KERNEL, "max_evaluations": 1}
    gain = noise.PoissonGaussian(gain=2.0)
    result = deblur_photo(loaded, d, noise=gain, **told)
    assert result.noise == pytest.approx(noise.PoissonGaussian(400).std(d.pixels))
    with pytest.raises(ValueError, match="`light` must be one of"):
        deblur_photo(loaded, d, light="linaer", **told)
    with pytest.raises(ValueError, match="`gain` is of values that count light"):
        deblur_photo(loaded, d, noise=gain, light="linear", **told)
    with pytest.raises(ValueError, match="`gain` needs values as the file counts them"):
        loaded.restore(d.pixels, noise=gain, **told)
    stored = np.uint8(200 * d.pixels.clip(0, 1))
    loaded.restore(stored, noise=gain, **told)
    with pytest.raises(ValueError, match="`gain` is of values that count light"):
        loaded.restore(stored, noise=gain, light="linear", **told)


def test_an_estimate_that_is_not_to_be_trusted_says_so(folder):
    loaded, rng = ExportedModel.open(folder), np.random.default_rng(0)
    smooth = np.float32(rng.standard_normal((42, 42, 3)))
    smooth = (smooth[1:-1, 1:-1] + smooth[2:, 1:-1] + smooth[1:-1, 2:] + smooth[2:, 2:]) / 4
    result = deblur_photo(loaded, Photo(0.5 + 0.1 * smooth), kernel=KERNEL, max_evaluations=1)
    assert result.estimated and "correlated" in result.doubt
    told = {"kernel": KERNEL, "max_evaluations": 1}
    lossy = deblur_photo(loaded, Photo(0.5 + 0.1 * smooth, taken=0.02), **told)
    assert lossy.noise == pytest.approx(np.hypot(result.noise, 3**0.5 * 0.02), rel=0.1)
    sure = deblur_photo(loaded, photo(), noise=0.01, **told)
    assert (sure.noise, sure.estimated, sure.doubt) == (pytest.approx(0.01), False, None)
