"""Tables of models and baselines: protocols, boundaries, and the figures of both."""

import json
import re

import keras
import numpy as np
import pytest
from commands import script

from tf_jfb import data, models, networks, operators
from tf_jfb._streams import Stream, unit_noise
from tf_jfb.cli.evaluate import BASELINES
from tf_jfb.data import Photo, centre, write_image
from tf_jfb.evaluation import evaluate, figures
from tf_jfb.evaluation.comparison import model_names
from tf_jfb.evaluation.degraded import Degraded, Slot
from tf_jfb.evaluation.methods import Baseline, Method
from tf_jfb.evaluation.protocols import PROTOCOLS, Protocol
from tf_jfb.evaluation.tellings import Telling
from tf_jfb.exported import ExportedModel, for_blur
from tf_jfb.metrics import psnr
from tf_jfb.models.baselines import PlugAndPlay, wiener
from tf_jfb.operators import kernels

BLUR = "gaussian:3:1.0"
FEW = {name: {"weight": evaluate.CANDIDATES[name]["weight"][1:3]} for name in ("Wiener", "TV")}
FEW["Tikhonov"] = {"weight": (5e-3,)}
FEW["Richardson-Lucy"] = {"iterations": (4, 8)}
RIGHT = Telling()


def first(protocol, known, noise=0.0, telling=RIGHT, path=None, seed=0):
    """(sharp, d, Case) of the first image of every kernel."""
    margin = max(map(protocol.margin, known.values()))
    images = protocol.source(path, "test", margin)
    degraded = Degraded(protocol, known.values(), images, noise, telling, seed)
    return [degraded.batch(slot) for slot in degraded.slots(1, 1)]


def test_baselines_and_models_on_the_same_images(one, compared):
    model, folder = one
    tables = evaluate.compare(compared(model=[folder], side=32), candidates=FEW)
    rows = tables[0.005]
    baselines = ["Wiener", "TV", "Tikhonov", "Richardson-Lucy"]
    assert list(rows) == ["blurred", *baselines, "one"]
    assert all(rows[name]["psnr"] > rows["blurred"]["psnr"] + 1 for name in baselines[:3])
    assert rows["Richardson-Lucy"]["psnr"] > rows["blurred"]["psnr"]
    protocol = Protocol("celeba", (BLUR,), (0.005,), "zero", 32)
    sharp = protocol.source(None, "test")[0][None]
    unit = unit_noise(0, Stream.NOISE, sharp.shape[1:], 0, 0)
    d = operators.Blur(kernels.parse(BLUR))(sharp).numpy() + np.float32(0.005) * unit
    restored = model.restore(d, max_evaluations=6)
    score = float(psnr(sharp, np.clip(restored.image, 0, 1))[0])
    assert rows["one"]["psnr"] == pytest.approx(score, abs=0.01)
    assert rows["one"]["evaluations"] <= 6 and "difference" not in rows["one"]
    difference = rows["TV"]["psnr"] - rows["one"]["psnr"]
    assert rows["TV"]["difference"] == pytest.approx(difference, abs=1e-4)
    assert rows["Richardson-Lucy"]["iterations"] in (4, 8)
    text = evaluate.markdown(tables)
    assert text.startswith("noise 0.005") and text.count("\n") == 3 + len(rows)


def test_pictures_of_the_first_images(told, compared, tmp_path):
    files = {name: tmp_path / f"{name}.png" for name in ("figure", "curves")}
    given = {"model": [told], "side": 32, "boundary": "circular", "baselines": False}
    evaluate.compare(compared(**given, **files))
    assert all(file.stat().st_size > 10_000 for file in files.values())


def test_a_protocol_of_eight_circular_kernels(told, levin, compared):
    given = {"model": [told], "protocol": "set3c-levin", "baselines": False, **levin}
    tables = evaluate.compare(compared(images=2, **given))
    (noise,) = PROTOCOLS["set3c-levin"].noises
    image = centre(PROTOCOLS["set3c-levin"].source(levin["path"], "test")[0], 256)
    assert image.shape == (24, 24, 3)
    row = evaluate.compare(compared(images=1, batch=1, **given))[noise]
    scores = []
    known = PROTOCOLS["set3c-levin"].kernels(levin["kernels"])
    for number, kernel in enumerate(known.values()):
        d = operators.BlurFFT(kernel)(image[None]).numpy()
        d += np.float32(noise) * unit_noise(0, Stream.NOISE, image.shape, number, 0)
        scores.append(float(psnr(image[None], np.clip(d, 0, 1))[0]))
    assert row["blurred"]["psnr"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert np.isfinite(tables[noise]["any"]["psnr"]) and tables[noise]["any"]["evaluations"] <= 6


def test_no_image_depends_on_its_batch(levin):
    protocol = PROTOCOLS["set3c-levin"]
    known = protocol.kernels(levin["kernels"]).values()
    degraded = Degraded(protocol, known, protocol.source(levin["path"], "test"), 0.1, RIGHT, 3)
    assert degraded.slots(2, 2)[:2] == [Slot(0, range(2)), Slot(1, range(2))]
    (_, both, _), (_, alone, _) = map(degraded.batch, (Slot(1, range(2)), Slot(1, range(1, 2))))
    np.testing.assert_array_equal(both[1:], alone)
    noises = both - degraded.blurs[1](np.stack([centre(degraded.images[i], 24) for i in range(2)]))
    assert np.std(noises) == pytest.approx(0.1, rel=0.05)
    assert not np.allclose(noises[0], noises[1], atol=0.1)


def test_images_and_results_of_eight_bits_and_noise_of_numpys_own_seed(told, levin, compared):
    """The blurred image is rounded before the noise, and what is judged too."""
    given = compared(model=[told], protocol="set3c-dpir", baselines=False, **levin)
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


def test_whole_images_of_any_shape_are_denoised(tmp_path, compared):
    for i, shape in enumerate([(20, 24), (24, 17)]):
        write_image(
            tmp_path / f"{i}.png", Photo(data.dead_leaves(2, 28)[i][: shape[0], : shape[1]])
        )
    given = compared(protocol="denoise-cbsd68", path=tmp_path, images=2)
    network = networks.UNet((4, 6), blocks=1, gain=0.1)
    network.build((None, None, None, 3))
    tables = evaluate.compare(given, PlugAndPlay(network))
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
    reference = {"psnr": np.array([20.0, 30.0, 40.0, 50.0])}  # two kernels, each of two images
    other = {"psnr": np.array([21.0, 33.0, 43.0, 55.0])}  # ahead by 1, 3, 3, 5: images by 2 and 4
    found = figures.difference(other, reference, 2)
    assert found == {"difference": 3.0, "standard error": pytest.approx(1.0)}
    assert figures.difference(reference, reference, 2) == {}
    assert figures.difference(other, reference, 4) == {
        "difference": 3.0,
        "standard error": pytest.approx(np.std([1, 3, 3, 5], ddof=1) / 2),
    }


def test_models_of_one_name_are_told_apart():
    names = model_names(["a/deblur/1", "a/deblur/2", "a/other/1", "b/last"])
    assert list(names) == ["a/deblur/1", "a/deblur/2", "other", "last"]
    with pytest.raises(ValueError, match="`model` must name different models"):
        model_names(["a/deblur", "a/deblur"])


def test_methods_can_be_told_a_wrong_kernel_and_noise(told, levin, compared):
    protocol = PROTOCOLS["set3c-levin"]
    given = {"model": [told], "protocol": "set3c-levin", "baselines": False, **levin}
    false = compared(kernel_error=1.3, noise_error=2.0, **given)
    known = protocol.kernels(levin["kernels"])
    batches = [
        first(protocol, known, 0.1, telling, levin["path"]) for telling in (RIGHT, false.telling)
    ]
    for kernel, right, wrong in zip(known.values(), *batches, strict=True):
        np.testing.assert_array_equal(wrong[1], right[1])
        np.testing.assert_array_equal(wrong[2].kernel, kernels.stretched(kernel, 1.3))
        assert wrong[2].noise == 0.2
    assert (
        evaluate.compare(false)[protocol.noises[0]]["any"]
        != (evaluate.compare(compared(**given))[protocol.noises[0]]["any"])
    )


def test_beyond_a_photograph_the_scene_goes_on(told, compared):
    kernel = kernels.parse("gaussian:9:2.0")
    protocol = Protocol("dead-leaves", ("gaussian:9:2.0",), (0.01,), "photo", 48)
    wide = centre(protocol.source(None, "test", 4)[0], 56)[None]
    ((sharp, d, case),) = first(protocol, {"gaussian": kernel})
    np.testing.assert_array_equal(sharp, wide[:, 4:-4, 4:-4])
    np.testing.assert_allclose(d, operators.BlurFFT(kernel)(wide)[:, 4:-4, 4:-4], atol=1e-5)
    restored, extra = Baseline(wiener, {"weight": 1e-3}, {"iterations": 1})(d, case)
    assert restored.shape == sharp.shape and extra["weight"] == [1e-3]
    cut = wiener(d, operators.BlurFFT(kernel), 1e-3)
    edges = [figures.edge_psnr(sharp, np.asarray(x))[0] for x in (restored, cut)]
    assert edges[0] > edges[1] + 1
    given = {"blur": "gaussian:9:2.0", "side": 48, "boundary": "photo"}
    rows = evaluate.compare(compared(model=[told], baselines=False, **given))[0.005]
    assert {"psnr", "psnr of the edge"} <= set(rows["any"])
    assert rows["any"]["psnr"] == rows["blurred"]["psnr"]  # `Told` returns its image there


def test_the_edge_is_a_frame():
    sharp = np.zeros([1, 48, 48, 3], np.float32)
    wrong = np.full_like(sharp, 0.1)
    wrong[:, 16:-16, 16:-16] = 0.5
    assert figures.edge_psnr(sharp, wrong)[0] == pytest.approx(20.0, abs=1e-4)


def test_tracing_is_not_timed(levin):
    """A method is warmed up once for every size, and then asked in earnest."""
    protocol, calls = PROTOCOLS["set3c-levin"], []

    class Noted(Method):
        def warm_up(self, d, case):
            calls.append("warm")

        def __call__(self, d, case):
            calls.append(case.kernel.shape[0])
            return d, {}

    known = dict(list(protocol.kernels(levin["kernels"]).items())[:4])
    clock = figures.Clock()
    for _, d, case in first(protocol, known, path=levin["path"]):
        clock.run("noted", Noted(), d, case)
    assert calls == ["warm", 3, "warm", 5, 3, 5]


def test_what_is_missing_is_named(told, levin, compared):
    with pytest.raises(ValueError, match="`kernels` must name the .npz file"):
        evaluate.compare(compared(model=[told], protocol="bsds-levin", path=levin["path"]))
    with pytest.raises(ValueError, match="`path` must name the folder"):
        wanting = {"protocol": "bsds-levin", "kernels": levin["kernels"]}
        evaluate.compare(compared(model=[told], **wanting))
    with pytest.raises(ValueError, match="There must be a `model` to restore with"):
        evaluate.compare(compared())
    with pytest.raises(ValueError, match="`comparison` must be a tf_jfb.evaluation.Comparison"):
        evaluate.compare({"model": [told]})


def test_small_images_among_larger_ones_are_refused(told, levin, compared, tmp_path):
    for side in (30, 24):
        write_image(tmp_path / f"{side}.png", Photo(np.zeros((side, side, 3), np.float32)))
    given = {"protocol": "set3c-levin", "kernels": levin["kernels"], "path": str(tmp_path)}
    with pytest.raises(ValueError, match="`side` must be at most 24: smaller images would be"):
        evaluate.compare(compared(model=[told], images=2, **given))


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "set3c-levin"},
        {"kernel_error": 1.1},
        {"noise_error": 2.0},
        {"boundary": "circular"},
        {"protocol": "celeba-g5s5"},
    ],
    ids=str,
)
def test_a_model_that_knows_what_others_are_told_wrongly_is_refused(
    one, levin, compared, changes, monkeypatch
):
    """Made for a blur with black surroundings, it would look robust, or solve another problem."""
    monkeypatch.setattr(ExportedModel, "blur", kernels.parse("gaussian:3:1.0"))
    files = levin if changes.get("protocol") == "set3c-levin" else {}
    with pytest.raises(ValueError, match="`model` must (take any blur|be told the noise)"):
        evaluate.compare(compared(model=[one[1]], baselines=False, **changes, **files))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"side": 8}, "`side` must be >= 16. Received: side=8"),
        ({"images": 0}, "`images` must be >= 1. Received: images=0"),
        ({"batch": 0}, "`batch` must be >= 1. Received: batch=0"),
        ({"protocol": "celeba"}, "`protocol` must be one of celeba-g5s5, .* Received: protocol="),
        ({"boundary": "black"}, "`boundary` must be one of zero, circular, photo"),
        ({"noise": -0.1}, r"`noise` must lie in \[0, 1\). Received: noise=-0.1"),
        ({"noise_error": 0.0}, r"`noise_error` must lie in \(0, 100\)"),
        ({"seed": -1}, "`seed` must be >= 0"),
        ({"ensemble": 3}, "`ensemble` must be 1, 2, 4 or 8"),
        ({"rtol": -1.0}, "`rtol` must be a finite number >= 0"),
        ({"model": ["a", "a"]}, "`model` must name different models"),
        ({"protocol": "real", "kernel_error": 1.1}, "`kernel_error` and .* must be left out"),
    ],
)
def test_a_comparison_refuses(compared, wrong, message):
    with pytest.raises(ValueError, match=message):
        compared(**wrong)


def test_the_command_writes_its_figures(told, levin, tmp_path):
    out = tmp_path / "figures.json"
    options = ["--path", levin["path"], "--kernels", levin["kernels"], "--no-baselines"]
    options += ["--protocol", "set3c-levin", "--images", 1, "--seed", 5, "--output", out]
    ran = script("evaluate.py", "--model", told, *options)
    assert ran.returncode == 0, ran.stderr
    written = json.loads(out.read_text())
    assert written["options"]["seed"] == 5 and list(tmp_path.iterdir()) == [out]
    (rows,) = written["noise"].values()
    assert f"| any | {rows['any']['psnr']:.4g} |" in ran.stdout
    ran = script("evaluate.py", "--model", told, *options[:-2], "--images", 0)
    assert ran.returncode == 2 and "`images` must be >= 1" in ran.stderr


@pytest.mark.parametrize(
    "options, message",
    [
        (["TV", "tv"], "among Wiener, Tikhonov, TV, .* Received: \\['tv'\\]"),
        (["TV", "plug-and-play"], "of plug-and-play need a `denoiser`"),
        (["TV", "--protocol", "denoise-cbsd68"], "must be left out: denoise-cbsd68 has none"),
    ],
)
def test_baselines_that_would_not_run_are_refused(told, options, message):
    ran = script("evaluate.py", "--model", told, "--baselines", *options)
    assert ran.returncode == 2 and re.search(message, ran.stderr)


def test_the_command_knows_the_baselines_by_name():
    assert set(BASELINES) == set(evaluate.CANDIDATES)


def test_a_model_of_one_blur_cannot_be_made_one_of_another():
    keras.utils.set_random_seed(0)
    model = models.DEHQS(None, networks.UNet((4, 6), blocks=1, gain=1e-3), rho=0.01)
    model.build((None, None, None, 3))
    one = for_blur(model, operators.Blur(kernels.parse(BLUR)))
    with pytest.raises(ValueError, match="must be one that takes any blur"):
        for_blur(one, operators.Blur(kernels.parse(BLUR)))
