"""A model that was opened: what it takes, what it refuses, and where it is found."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tf_jfb
from tf_jfb.data import Photo, light
from tf_jfb.exported import (
    ExportedModel,
    deblur,
    deblur_photo,
    deblur_photos,
    export,
    load_model,
    shipped,
    told_noise,
)
from tf_jfb.operators import kernels

KERNEL = kernels.gaussian(3, 0.7)
IMAGE = np.random.default_rng(0).random((12, 14, 3), np.float32)


@pytest.fixture(scope="module")
def model(folder):
    return ExportedModel.open(folder.parent)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """Made for one blur and one level of noise."""
    network = tf_jfb.networks.DnCNN(2, 4, lipschitz=1.0, gain=0.2)
    model = tf_jfb.models.DEGrad(tf_jfb.operators.GaussianBlur(3, 0.5), network)
    model.build((None, None, None, 3))
    return ExportedModel.open(export(model, tmp_path_factory.mktemp("fixed") / "1"))


def test_it_says_what_it_takes(model, fixed):
    assert (model.takes_kernel, model.takes_noise, model.channels) == (True, True, 3)
    assert (fixed.takes_kernel, fixed.takes_noise) == (False, False)
    assert model.rtol == pytest.approx(1e-3) and model.max_evaluations == 50
    assert model.certificate == {"bound": 0.9} and model.config == {
        "seed": 3,
        "noise": 0.01,
        "blur": "any",
        "kernel_files": None,
    }
    assert fixed.certificate is None


def test_it_says_which_blur_it_was_made_for(model, fixed, tmp_path, monkeypatch):
    """A file of the name that its export had elsewhere may be another's."""
    assert model.blur is None and fixed.blur is None
    monkeypatch.chdir(tmp_path)
    np.save("psf.npy", np.ones([3, 3]))
    beside = tmp_path / "1" / "assets.extra"
    beside.mkdir(parents=True)
    known = ExportedModel(fixed.loaded, beside.parent)
    for blur, expected in (("psf.npy", None), ("gaussian:3:0.7", KERNEL)):
        (beside / "config.yaml").write_text(f"blur: {blur}\n")
        np.testing.assert_array_equal(known.blur, expected)
    with pytest.raises(ValueError, match="`boundary` must be left out: .* made for one blur"):
        fixed.restore(IMAGE, boundary="circular")
    np.save(beside / "blur.npy", KERNEL.T + 1)
    np.testing.assert_array_equal(known.blur, KERNEL.T + 1)


def test_tiles_reach_beyond_their_cuts_by_the_blur_that_a_model_was_made_for(fixed, monkeypatch):
    monkeypatch.setattr(ExportedModel, "blur", np.ones([31, 3]))
    with pytest.raises(ValueError, match=f"`tile` must be at least {3 * (48 + 2 * 31)} pixels"):
        deblur_photo(fixed, Photo(np.zeros((400, 400, 3), np.float32)), tile=200)


def test_an_image_that_wraps_around_is_not_cut(model):
    told = {"kernel": KERNEL, "noise": 0.01, "boundary": "circular", "max_evaluations": 1}
    with pytest.raises(ValueError, match="`tile` must be left out: an image that wraps around"):
        deblur_photo(model, Photo(IMAGE), tile=8, **told)


def test_photographs_whose_kernel_is_refined_have_options_of_their_own(model):
    photos = [Photo(IMAGE), Photo(IMAGE[::-1])]
    told = {"noise": [0.01, 0.02], "rtol": 0.0, "max_evaluations": [1, 2], "refine_kernel": True}
    told["kernel"] = np.stack([KERNEL, KERNEL])
    one, other = deblur_photos(model, photos, **told)
    assert (one.evaluations, other.evaluations) == (1, 2)
    assert (one.noise, other.noise) == pytest.approx((0.01, 0.02))


def test_one_image_or_a_batch_floating_or_integers(model):
    told = {"kernel": KERNEL, "noise": 0.01, "max_evaluations": 3}
    one = model.restore(IMAGE, **told)
    assert one.image.shape == IMAGE.shape and one.image.dtype == np.float32
    assert isinstance(one.status, tf_jfb.Status) and isinstance(one.evaluations, int)
    many = model.restore(np.stack([IMAGE, IMAGE]), **told)
    assert many.status.shape == many.residual.shape == (2,)
    np.testing.assert_allclose(many.image[1], one.image, atol=1e-5)
    integers = np.round(IMAGE * 65535).astype(np.uint16)
    np.testing.assert_allclose(model.restore(integers, **told).image, one.image, atol=1e-3)


def test_noise_that_channels_share_is_told_as_strong_as_it_is_in_their_mean(model):
    grey, options = IMAGE[..., :1], {"kernel": KERNEL, "rtol": 0.0, "max_evaluations": 4}
    wide = np.repeat(grey, 3, axis=-1)
    almost = wide + np.float32([0.0, 1e-6, 0.0])  # so nearly grey that it is another image
    expected = model.restore(almost, noise=0.1 * 3**0.5, **options).image
    found = model.restore(wide, noise=0.1, **options).image
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(found - model.restore(almost, noise=0.1, **options).image).max() > 1e-3
    one = model.restore(grey, noise=0.1, **options).image
    np.testing.assert_allclose(one, found.mean(-1, keepdims=True), atol=1e-6)
    both = model.restore(np.stack([wide, almost]), noise=[0.1, 0.1 * 3**0.5], **options).image
    np.testing.assert_allclose(both, np.stack([expected] * 2), atol=1e-4)
    photo = deblur_photo(model, Photo(grey), noise=0.1, **options).photo
    np.testing.assert_allclose(photo.pixels, np.clip(one, 0, 1), atol=1e-6)


def test_grey_tiles_of_a_colour_photograph_are_told_what_the_others_are(model, monkeypatch):
    pixels = np.repeat(np.random.default_rng(1).random((16, 300, 1), np.float32), 3, axis=-1)
    pixels[:4, :4, 0] = 1.0  # a stamp
    whole, told = model.run, []
    monkeypatch.setattr(
        model, "run", lambda inputs, *rest: told.append(inputs["noise"]) or whole(inputs, *rest)
    )
    options = {"kernel": KERNEL, "rtol": 0.0, "max_evaluations": 2, "tile": 170}
    deblur_photo(model, Photo(pixels), noise=0.1, **options)
    np.testing.assert_allclose(told, 0.1, rtol=1e-6)
    told.clear()
    deblur_photo(model, Photo(pixels[..., 1:]), noise=0.1, **options)
    np.testing.assert_allclose(told, 0.1 * 3**0.5, rtol=1e-6)
    model.restore(IMAGE, KERNEL, noise=0.1, shares_noise=True, max_evaluations=1)
    assert told[-1] == pytest.approx(0.1 * 3**0.5)


def test_options_are_one_for_every_image(model):
    images = np.stack([IMAGE, IMAGE])
    told = {"kernel": np.stack([KERNEL, 7 * KERNEL]), "noise": [0.01, 0.2]}
    traced = model.trace(images, rtol=[0.0, 0.0], max_evaluations=[2, 4], **told)
    assert traced.evaluations.tolist() == [2, 4]
    assert np.isfinite(traced.trace).sum(axis=1).tolist() == [2, 4]
    last = model.trace(images[1], KERNEL, 0.2, rtol=0.0, max_evaluations=4)
    np.testing.assert_allclose(last.image, traced.image[1], atol=1e-5)
    assert last.trace.shape == (4,)


def test_boundaries_differ_at_the_edge(model):
    told = {"kernel": KERNEL, "noise": 0.01, "max_evaluations": 3}
    photo, circular = (
        model.restore(IMAGE, boundary=b, **told).image for b in ("photo", "circular")
    )
    difference = np.abs(photo - circular).max(axis=-1)
    assert difference[0].max() > 5 * difference[6, 7]


def test_linear_light_is_decoded_before_the_solve_and_encoded_after(model):
    told, stored = {"kernel": KERNEL, "max_evaluations": 3}, light.encode(IMAGE)
    found = model.restore(stored, light="linear", **told)
    expected = model.restore(IMAGE, noise=told_noise(stored, decoded=True).std, **told)
    np.testing.assert_allclose(light.decode(found.image), expected.image, atol=1e-4)
    noisy = model.restore(light.encode(IMAGE), light="linear", noise=0.02, **told)
    with pytest.raises(ValueError, match=r"`image` must lie in \[0, 1\].*max=4.6"):
        model.restore(IMAGE + 0.95, light="linear", noise=0.02, **told)  # of light too
    assert np.abs(noisy.image - found.image).max() > 1e-3


def test_what_is_masked_may_be_nan(model):
    told = {"kernel": KERNEL, "noise": 0.01, "max_evaluations": 20}
    mask, broken = np.ones((12, 14), bool), IMAGE.copy()
    mask[5, 6], broken[5, 6] = False, np.nan
    found = model.restore(broken, mask=mask, **told)
    assert np.isfinite(found.image).all()
    whole = model.restore(IMAGE, **told)
    assert np.abs(found.image - whole.image)[:, 10:].mean() < 0.02
    with pytest.raises(ValueError, match="`image` must be finite wherever"):
        model.restore(broken, mask=np.ones((12, 14)), **told)
    with pytest.raises(ValueError, match="`mask` must be left out"):
        model.restore(IMAGE, mask=mask, boundary="circular", **told)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kernel": None}, "`kernel` must be given"),
        ({"kernel": np.ones((15, 3))}, "`kernel` must not be larger than the image"),
        ({"kernel": np.zeros((3, 3))}, "must have a positive sum"),
        ({"kernel": np.ones((2, 3, 3))}, r"`kernel` must be \[k1, k2\], or"),
        ({"image": IMAGE * 255}, "`image` must lie in .* divide by the value of white"),
        ({"image": IMAGE[..., :2]}, r"restores 3 channel\(s\). Received: channels=2"),
        ({"image": IMAGE[..., 0]}, r"`image` must be \[H, W, C\]"),
        ({"image": np.full((9, 9, 3), np.nan)}, "`image` must be finite"),
        ({"image": IMAGE.astype(complex)}, "floating numbers in .0, 1., or integers"),
        ({"noise": 2.5}, "`noise` must lie in"),
        ({"noise": [0.1, 0.1]}, r"`noise` must be a number, or \[B\]"),
        ({"rtol": np.inf}, "`rtol` must be a finite number >= 0"),
        ({"rtol": 1e39}, r"`rtol` must be .* at most 3.4e\+38"),
        ({"max_evaluations": 2**32 + 2}, "`max_evaluations` must be .* at most 2147483647"),
        ({"rtol": "small"}, "`rtol` must be a finite number >= 0"),
        ({"max_evaluations": 0}, "`max_evaluations` must be an integer >= 1"),
        ({"max_evaluations": 2.5}, "`max_evaluations` must be an integer >= 1"),
        ({"boundary": "zero"}, "`boundary` must be 'photo' or 'circular'"),
        ({"light": "dark"}, "`light` must be one of"),
        ({"mask": np.zeros((12, 14))}, "`mask` must hold 0 and 1, and leave"),
        ({"mask": np.ones((12, 13))}, "as the images"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_bad_input_is_refused_before_the_solve(model, change, message, monkeypatch):
    monkeypatch.setattr(model, "run", None)
    with pytest.raises(ValueError, match=message):
        model.restore(**{"image": IMAGE, "kernel": KERNEL, "noise": 0.01, **change})


def test_a_model_of_one_blur_takes_nothing_else(fixed):
    for name, value in {"kernel": KERNEL, "noise": 0.01, "mask": np.ones((12, 14))}.items():
        with pytest.raises(ValueError, match=f"`{name}` must be left out"):
            fixed.restore(IMAGE, **{name: value})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"image": 255 * IMAGE[None]}, "`image` must be finite and lie in"),
        ({"image": np.where(IMAGE > 0.99, np.nan, IMAGE)[None]}, "`image` must be finite"),
        ({"kernel": np.zeros((1, 3, 3))}, "`kernel` must be finite, of positive sum"),
        ({"kernel": np.ones((1, 13, 3))}, "`kernel` must not be larger than the image"),
        ({"noise": [0.0]}, "`noise` must lie in"),
        ({"rtol": [-1.0]}, "`rtol` must be a finite number"),
        ({"max_evaluations": [0]}, "`max_evaluations` must be >= 1"),
        ({"mask": np.ones((1, 12, 13, 1))}, "`mask` must be .B, H, W, 1., as the image"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_the_signatures_check_what_they_are_given(model, change, message):
    """With TensorFlow alone, where the class does not stand before them."""
    program = model.loaded.signatures["deblur_photo"]
    good = {"image": IMAGE[None], "kernel": 2 * KERNEL[None], "noise": [0.01], "rtol": [1e-3]}
    good |= {"max_evaluations": [1], "mask": np.ones((1, 12, 14, 1))}
    inputs = {name: tf.constant(value, tf.float32) for name, value in (good | change).items()}
    inputs["max_evaluations"] = tf.cast(inputs["max_evaluations"], tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        program(**inputs)


def test_kernels_of_any_positive_sum_are_normalised_inside(model):
    inputs = {"image": np.full((1, 12, 14, 3), 0.5), "noise": [0.01]}
    inputs = {name: tf.constant(value, tf.float32) for name, value in inputs.items()}
    restored = [
        model.loaded.signatures["serving_default"](
            kernel=tf.constant(scale * KERNEL[None], tf.float32), **inputs
        )["restored"]
        for scale in (1, 25)
    ]
    np.testing.assert_allclose(*restored, atol=1e-5)


def test_shipped_models_are_found_by_name_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {"celeba-g5s5", "celeba-g5s5-unet", "deblur", "deblur-robust", "denoiser"} <= set(
        shipped()
    )
    model = tf_jfb.load("celeba-g5s5")
    assert model.folder == shipped()["celeba-g5s5"] and not model.takes_kernel
    with pytest.raises(ValueError, match="folder with a SavedModel, or one of .*deblur"):
        tf_jfb.load("nothing")
    with pytest.raises(ValueError, match="exported equilibrium model"):
        tf_jfb.load("denoiser")


def test_a_version_that_is_still_being_copied_hides_no_other(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "any" / "3")
    (tmp_path / "any" / "4").mkdir()
    (tmp_path / "any" / "5").touch()
    assert ExportedModel.open(tmp_path / "any").folder.name == "3"


def test_of_several_versions_the_newest_is_opened(folder, tmp_path):
    for version in ("2", "10"):
        (tmp_path / "m" / version).parent.mkdir(exist_ok=True)
        (tmp_path / "m" / version).symlink_to(folder)
    assert ExportedModel.open(tmp_path / "m").folder.name == "10"
    (tmp_path / "damaged").mkdir()
    pathlib.Path(tmp_path / "damaged" / "saved_model.pb").write_bytes(b"no")
    with pytest.raises(ValueError, match="`model` could not be loaded"):
        ExportedModel.open(tmp_path / "damaged")


def test_the_functions_before_warn_and_work(folder, model):
    with pytest.warns(DeprecationWarning, match="ExportedModel.open"):
        loaded = load_model(folder, kernel="given")
    photo = tf_jfb.data.Photo(IMAGE)
    with pytest.warns(DeprecationWarning, match="deblur_photo"):
        result = deblur(loaded, photo, max_evaluations=2, blur=KERNEL, noise=0.01)
    expected = model.restore(IMAGE, KERNEL, 0.01, max_evaluations=2).image
    np.testing.assert_allclose(result.photo.pixels, np.clip(expected, 0, 1), atol=1e-6)
