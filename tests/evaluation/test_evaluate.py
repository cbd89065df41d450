"""Tables of models and baselines: protocols, boundaries, tuning, and the figures of both."""

import argparse

import keras
import numpy as np
import pytest

from tf_jfb import data, models, networks, operators
from tf_jfb.data import Photo, write_image
from tf_jfb.data.folder import centre
from tf_jfb.evaluation import evaluate
from tf_jfb.evaluation.protocols import LEVIN, PROTOCOLS, Protocol
from tf_jfb.exported import export, for_blur
from tf_jfb.metrics import psnr
from tf_jfb.models.baselines import wiener
from tf_jfb.operators import kernels

BLUR = "gaussian:5:1.0"
OPTIONS = {
    "protocol": None,
    "path": None,
    "tuning_path": None,
    "kernels": None,
    "blur": BLUR,
    "noise": 0.005,
    "side": None,
    "boundary": None,
    "kernel_error": 1.0,
    "noise_error": 1.0,
    "images": 1,
    "tuning": 1,
    "batch": 2,
    "rtol": None,
    "max_evaluations": 6,
    "seed": 0,
    "no_baselines": False,
    "figure": None,
    "curves": None,
}


def options(**changes):
    return argparse.Namespace(**{**OPTIONS, **changes})


@pytest.fixture(scope="module")
def any_blur():
    keras.utils.set_random_seed(0)
    model = models.DEHQS(None, networks.UNet((4, 6), blocks=1, gain=1e-3), rho=0.01)
    model.build((None, None, None, 3))
    return model


@pytest.fixture(scope="module")
def exported(any_blur, tmp_path_factory):
    """Two models of the same weights: for any blur, and for one with zero padding."""
    folder = tmp_path_factory.mktemp("models")
    export(any_blur, folder / "any" / "1")
    export(for_blur(any_blur, operators.Blur(kernels.parse(BLUR))), folder / "one" / "1")
    return [str(folder / "any"), str(folder / "one" / "1")]


@pytest.fixture(scope="module")
def levin(tmp_path_factory):
    """A folder of small images, and a file of eight small kernels of two sizes."""
    folder = tmp_path_factory.mktemp("levin")
    for i in range(2):
        write_image(folder / f"{i}.png", Photo(data.dead_leaves(2, 28)[i][:24]))
    made = {name: kernels.gaussian(3 + 2 * (i % 2), 1.0) for i, name in enumerate(LEVIN)}
    np.savez(folder / "kernels.npz", **made)
    return {"path": str(folder), "kernels": str(folder / "kernels.npz")}


def test_baselines_and_models_on_the_same_images(exported, any_blur, tmp_path, monkeypatch):
    few = {name: weights[1:3] for name, weights in evaluate.WEIGHTS.items()}
    monkeypatch.setattr(evaluate, "WEIGHTS", few)
    files = {name: tmp_path / f"{name}.png" for name in ("figure", "curves")}
    tables = evaluate.compare(options(model=exported[1:], **files))
    rows = tables[0.005]
    baselines = ["Wiener", "Tikhonov", "TV"]
    assert list(rows) == ["blurred", *baselines, "one"]
    assert all(rows[name]["psnr"] > rows["blurred"]["psnr"] + 1 for name in baselines)
    sharp = PROTOCOLS["celeba-g5s1"].source(None, "test")[0][None]
    unit = np.random.default_rng([0, 4]).standard_normal(sharp.shape, np.float32)
    blur = operators.Blur(kernels.parse(BLUR))
    restored = for_blur(any_blur, blur).restore(
        blur(sharp).numpy() + np.float32(0.005) * unit, max_evaluations=6, noise=0.005
    )
    score = float(psnr(sharp, np.clip(restored.image, 0, 1))[0])
    assert rows["one"]["psnr"] == pytest.approx(score, abs=0.01)
    assert rows["one"]["evaluations"] <= 6 and "difference" not in rows["one"]
    difference = rows["TV"]["psnr"] - rows["one"]["psnr"]
    assert rows["TV"]["difference"] == pytest.approx(difference, abs=1e-4)
    assert all(file.stat().st_size > 10_000 for file in files.values())
    text = evaluate.markdown(tables)
    assert text.startswith("noise 0.005") and text.count("\n") == 3 + len(rows)


def test_a_protocol_of_eight_circular_kernels(exported, levin):
    given = options(model=exported[:1], protocol="set3c-levin", images=2, **levin)
    given.no_baselines = True
    tables = evaluate.compare(given)
    (noise,) = PROTOCOLS["set3c-levin"].noises
    image = centre(PROTOCOLS["set3c-levin"].source(levin["path"], "test")[0], 256)
    assert image.shape == (24, 24, 3)
    given.images, given.batch = 1, 1
    one = evaluate.compare(given)[noise]
    rng, scores = np.random.default_rng([0, 4]), []
    for kernel in PROTOCOLS["set3c-levin"].kernels(levin["kernels"]).values():
        d = operators.BlurFFT(kernel)(image[None]).numpy()
        d += np.float32(noise) * rng.standard_normal(d.shape, np.float32)
        scores.append(float(psnr(image[None], np.clip(d, 0, 1))[0]))
    assert one["blurred"]["psnr"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert np.isfinite(tables[noise]["any"]["psnr"]) and tables[noise]["any"]["evaluations"] <= 6


def test_images_and_results_of_eight_bits_and_noise_of_numpys_own_seed(exported, levin):
    """The blurred image is rounded before the noise, and what is judged too."""
    given = options(model=exported[:1], protocol="set3c-dpir", no_baselines=True, **levin)
    tables = evaluate.compare(given)
    assert list(tables) == [2.55 / 255, 7.65 / 255]
    image = centre(PROTOCOLS["set3c-dpir"].source(levin["path"], "test")[0], 256)
    noise = np.random.RandomState(0).normal(0, 7.65 / 255, image.shape)
    scores = []
    for kernel in PROTOCOLS["set3c-dpir"].kernels(levin["kernels"]).values():
        blurred = np.round(operators.BlurFFT(kernel)(image[None]).numpy()[0] * 255) / 255
        judged = np.round(np.clip(blurred + noise, 0, 1) * 255) / 255
        scores.append(-10 * np.log10(np.mean((judged - image) ** 2)))
    assert tables[7.65 / 255]["blurred"]["psnr"] == pytest.approx(np.mean(scores), abs=1e-3)


def test_whole_images_of_any_shape_are_denoised(tmp_path):
    for i, shape in enumerate([(20, 24), (24, 17)]):
        write_image(
            tmp_path / f"{i}.png", Photo(data.dead_leaves(2, 28)[i][: shape[0], : shape[1]])
        )
    given = options(model=[], protocol="denoise-cbsd68", path=str(tmp_path), images=2)
    network = networks.UNet((4, 6), blocks=1, gain=0.1)
    network.build((None, None, None, 3))
    tables = evaluate.compare(given, network)
    scores = []
    for image in PROTOCOLS["denoise-cbsd68"].source(tmp_path, "test"):
        unit = np.random.RandomState(0).standard_normal(image.shape)
        noisy = (image + 25 / 255 * unit)[None].astype(np.float32)
        denoised = noisy - network(noisy, np.float32([25 / 255]))
        scores.append(float(psnr(image[None], np.clip(denoised, 0, 1))[0]))
    assert tables[25 / 255]["denoiser"]["psnr"] == pytest.approx(np.mean(scores), abs=1e-3)
    with pytest.raises(ValueError, match="to denoise a `denoiser` alone"):
        evaluate.compare(given)


def test_differences_are_of_the_same_images_and_kernels():
    first = {"psnr": np.array([20.0, 30.0, 40.0, 50.0])}  # two kernels, each of two images
    other = {"psnr": np.array([21.0, 33.0, 43.0, 55.0])}  # ahead by 1, 3, 3, 5: images by 2 and 4
    found = evaluate._difference(other, first, 2)
    assert found == {"difference": 3.0, "standard error": pytest.approx(1.0)}
    assert evaluate._difference(first, first, 2) == {}
    assert evaluate._difference(other, first, 4) == {
        "difference": 3.0,
        "standard error": pytest.approx(np.std([1, 3, 3, 5], ddof=1) / 2),
    }


def test_models_of_one_name_are_told_apart():
    names = evaluate._names(["a/deblur/1", "a/deblur/2", "a/other/1", "b/last"])
    assert list(names) == ["a/deblur/1", "a/deblur/2", "other", "last"]
    with pytest.raises(ValueError, match="`model` must name different models"):
        evaluate._names(["a/deblur", "a/deblur"])


def test_methods_can_be_told_a_wrong_kernel_and_noise(exported, any_blur, levin):
    protocol = PROTOCOLS["set3c-levin"]
    given = options(model=exported[:1], protocol="set3c-levin", no_baselines=True, **levin)
    args = argparse.Namespace(**{**vars(given), "kernel_error": 1.3, "noise_error": 2.0})
    known = protocol.kernels(levin["kernels"])
    images = protocol.source(levin["path"], "test")
    batches = [list(evaluate._batches(images, 1, protocol, known, 0.1, a)) for a in (given, args)]
    for kernel, right, wrong in zip(known.values(), *batches, strict=True):
        np.testing.assert_array_equal(wrong[1], right[1])
        np.testing.assert_array_equal(wrong[2].kernel, kernels.stretched(kernel, 1.3))
        assert wrong[2].noise == 0.2
    assert (
        evaluate.compare(args)[protocol.noises[0]]["any"]
        != (evaluate.compare(given)[protocol.noises[0]]["any"])
    )


def test_beyond_a_photograph_the_scene_goes_on(exported):
    kernel = kernels.parse("gaussian:9:2.0")
    protocol = Protocol("dead-leaves", ("gaussian:9:2.0",), (0.01,), "photo", 48)
    wide = centre(protocol.source(None, "test", 4)[0], 56)[None]
    images = protocol.source(None, "test", protocol.margin(kernel))
    known = {"gaussian": kernel}
    sharp, d, case = next(evaluate._batches(images, 1, protocol, known, 0.0, options()))
    np.testing.assert_array_equal(sharp, wide[:, 4:-4, 4:-4])
    np.testing.assert_allclose(d, operators.BlurFFT(kernel)(wide)[:, 4:-4, 4:-4], atol=1e-5)
    restored, _ = evaluate._baseline(wiener, 1e-3, d, case)
    assert restored.shape == sharp.shape
    cut = wiener(d, operators.BlurFFT(kernel), 1e-3)
    edges = [evaluate._edge_psnr(sharp, np.asarray(x))[0] for x in (restored, cut)]
    assert edges[0] > edges[1] + 1
    given = options(model=exported[:1], blur="gaussian:9:2.0", side=48, boundary="photo")
    given.no_baselines = True
    rows = evaluate.compare(given)[0.005]
    assert {"psnr", "psnr of the edge"} <= set(rows["any"])


def test_the_edge_is_a_frame():
    sharp = np.zeros([1, 48, 48, 3], np.float32)
    wrong = np.full_like(sharp, 0.1)
    wrong[:, 16:-16, 16:-16] = 0.5
    assert evaluate._edge_psnr(sharp, wrong)[0] == pytest.approx(20.0, abs=1e-4)


def test_what_is_missing_is_named(exported, levin):
    with pytest.raises(ValueError, match="`kernels` must name the .npz file"):
        evaluate.compare(options(model=exported, protocol="bsds-levin", path=levin["path"]))
    with pytest.raises(ValueError, match="`path` must name the folder"):
        wanting = {"protocol": "bsds-levin", "kernels": levin["kernels"]}
        evaluate.compare(options(model=exported, **wanting))
    with pytest.raises(ValueError, match="`side` must be >= 16"):
        evaluate.compare(options(model=exported, side=8))
    with pytest.raises(ValueError, match="`images` must be >= 1"):
        evaluate.compare(options(model=exported, images=0))


def test_a_model_of_one_blur_cannot_be_made_one_of_another(any_blur):
    one = for_blur(any_blur, operators.Blur(kernels.parse(BLUR)))
    with pytest.raises(ValueError, match="must be one that takes any blur"):
        for_blur(one, operators.Blur(kernels.parse(BLUR)))
