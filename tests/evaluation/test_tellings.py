"""What methods are told falsely, the table of it, and the published rows beside measured ones."""

import dataclasses

import numpy as np
import pytest

from tf_jfb import data, operators, psf
from tf_jfb.evaluation import PROTOCOLS, Telling, evaluate
from tf_jfb.evaluation.contest import Contest
from tf_jfb.evaluation.degraded import Case
from tf_jfb.evaluation.methods import Exported
from tf_jfb.evaluation.quoted import quoted
from tf_jfb.evaluation.tellings import FALSE
from tf_jfb.operators import kernels

NOISE = 2.55 / 255
KERNEL = kernels.gaussian(9, 1.5)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "telling, expected",
    [
        (Telling(), KERNEL),
        (Telling(noise=2.0, jpeg=90, photons=9), KERNEL),
        (Telling(width=1.1), kernels.stretched(KERNEL, 1.1)),
        (Telling(width=1.1, shift=0.5), kernels.shifted(kernels.stretched(KERNEL, 1.1), 0.5, 0.5)),
    ],
)
def test_kernels_that_are_told(telling, expected, rng):
    np.testing.assert_allclose(telling.kernel(KERNEL, rng), expected, atol=1e-12)


def test_a_measured_kernel_has_noise(rng):
    told = Telling(kernel_noise=0.03).kernel(KERNEL, rng)
    scale = told[4, 4] / KERNEL[4, 4]
    assert told.sum() == pytest.approx(1) and told.min() < 0
    assert np.std(told / scale - KERNEL) == pytest.approx(0.03 * KERNEL.max(), rel=0.2)


def test_what_happens_to_an_image_unsaid(rng):
    image, zero = np.full([64, 64, 3], 0.25, np.float32), 0.0
    assert Telling().measured(image, zero, rng).taken == 0.0
    np.testing.assert_array_equal(
        Telling().measured(image, 0.1, rng).pixels, image + np.float32(0.1)
    )
    grain = Telling(photons=1000).measured(image, zero, rng).pixels
    assert np.std(grain) == pytest.approx(np.sqrt(0.25 / 1000), rel=0.03)
    assert np.mean(grain) == pytest.approx(0.25, abs=1e-3) and grain.dtype == np.float32
    rounded = Telling(eight_bits=True).measured(image, 1.0, rng).pixels
    assert rounded.max() == 1.0
    levels = Telling(eight_bits=True).measured(image, 0.001, rng).pixels * 255
    np.testing.assert_allclose(levels, 64, atol=1e-4)
    ramp = np.linspace(0, 1, 64 * 64 * 3).reshape(64, 64, 3).astype(np.float32)
    noisy = ramp + 0.1 * rng.standard_normal(ramp.shape)
    photos = [Telling(jpeg=quality).measured(noisy, zero, rng) for quality in (90, 30)]
    errors = [np.std(photo.pixels - np.clip(noisy, 0, 1)) for photo in photos]
    assert 0.001 < errors[0] < errors[1] < 0.2 and 0 < photos[0].taken < photos[1].taken
    assert Telling(jpeg=90).measured(image[..., :1], zero, rng).pixels.shape == (64, 64, 1)


def test_a_telling_refuses():
    with pytest.raises(ValueError, match=r"`width` must lie in \(0, 100\). Received: width=0"):
        Telling(width=0)
    with pytest.raises(ValueError, match="`kernel_noise` must be >= 0"):
        Telling(kernel_noise=-0.1)
    with pytest.raises(ValueError, match="`decoded` needs images of `light`"):
        Telling(decoded=True)


def test_one_row_for_every_telling(told, levin, compared, monkeypatch):
    few = dataclasses.replace(PROTOCOLS["real"], blurs=("k2",))
    monkeypatch.setitem(PROTOCOLS, "real", few)
    given = {"model": [told], "protocol": "real", "batch": 1, **levin}
    tried = {"Richardson-Lucy": {"iterations": (2,)}}
    tables = evaluate.compare(compared(**given), candidates=tried)
    assert list(tables) == list(FALSE) and len(tables) == 10
    right = tables["told right"]
    assert set(right) == {"blurred", "Richardson-Lucy", "any"}
    # `Told` takes off the noise that it is told; the others are told none.
    halved, doubled = tables["noise halved"], tables["noise doubled"]
    for row in (halved, doubled):
        assert row["Richardson-Lucy"]["psnr"] == right["Richardson-Lucy"]["psnr"]
        assert row["any"]["psnr"] != right["any"]["psnr"]
    one = evaluate.compare(compared(tellings=["noise halved"], **given), candidates=tried)
    assert one["noise halved"]["any"]["psnr"] == halved["any"]["psnr"] and len(one) == 1
    wide = tables["kernel 10 % wide"]
    assert wide["blurred"]["psnr"] == right["blurred"]["psnr"]
    assert wide["Richardson-Lucy"]["psnr"] != right["Richardson-Lucy"]["psnr"]
    assert tables["1000 photons"]["blurred"]["psnr"] < right["blurred"]["psnr"]
    text = evaluate.markdown(tables).splitlines()
    columns = "told | blurred | Richardson-Lucy | any | any: evaluations | any: converged"
    assert text[0] == f"| {columns} |" and len(text) == 2 + len(tables)
    assert text[3].startswith("| noise halved | ") and text[3].endswith("| 6 | 1 |")


def test_a_camera_blurs_light_and_stores_it_encoded(told, levin, compared, monkeypatch):
    few = dataclasses.replace(PROTOCOLS["camera"], blurs=("k2",))
    monkeypatch.setitem(PROTOCOLS, "camera", few)
    contest = Contest(compared(model=[told], protocol="camera", batch=1, **levin), None, {})
    (noise, decoded), (_, stored) = contest.settings.values()
    batches = {}
    for telling in (decoded, stored):
        images = contest.degraded(noise, telling)
        batches[telling.decoded] = images.batch(images.slots(1, 1)[0])
    (sharp, d, case), (same, equal, other) = batches[True], batches[False]
    np.testing.assert_array_equal(d, equal)
    whole = data.centre(contest.images[0], contest.protocol.side)
    np.testing.assert_allclose(sharp[0], whole, atol=1e-6)
    light = operators.BlurFFT(contest.kernels[0])(data.light.decode(sharp)).numpy()
    assert np.std(case.given(d) - np.clip(light, 0, 1)) == pytest.approx(noise, rel=0.1)
    np.testing.assert_allclose(case.stored(case.given(d)), d, atol=1e-6)
    assert case.noise == noise and other.given(d) is d
    assert other.noise == pytest.approx(data.light.noise_in_pixels(noise, d))
    assert np.array_equal(d * 255, np.round(d * 255)) and np.array_equal(same, sharp)


class Untouched:
    """A model that keeps what it is told."""

    takes_kernel, takes_noise, rtol, max_evaluations, channels = True, True, 1e-3, 5, 3

    def run(self, inputs, *rest):
        self.inputs, self.rest = inputs, rest
        names = ("residual", "evaluations", "status")
        return {"restored": inputs["image"], **{n: np.zeros(2) for n in names}}


def test_models_refine_the_kernel_that_they_are_told(compared, levin, told):
    true = kernels.motion(15, 3)
    scenes = [data.dead_leaves(1, 96, seed=seed)[0] for seed in (1, 2)]
    d = operators.BlurFFT(true)(np.stack(scenes)).numpy()
    d += 0.01 * np.random.default_rng(0).standard_normal(d.shape)
    case = Case(None, kernels.stretched(true, 1.1), 0.01, "circular")
    model = Untouched()
    Exported(model, refine=True, ensemble=4)(d, case)
    assert model.rest == ("circular", False, 4)
    for kernel, image in zip(model.inputs["kernel"], d, strict=True):
        expected = psf.refine(image, case.kernel, 0.01)
        assert expected.scale < 0.95 and kernel.shape[0] % 2 == 1
        margin = (len(kernel) - len(expected.kernel)) // 2
        np.testing.assert_allclose(kernel, np.pad(expected.kernel, margin), atol=1e-6)
    given = {"model": [told], "protocol": "real", "baselines": False, **levin}
    assert compared(**given).is_as_published
    assert not compared(**given, refine_kernel=True).is_as_published


def test_models_have_their_noise_from_the_image_or_of_the_photons(compared, levin, told, rng):
    light = np.stack([np.full([32, 32, 3], level) for level in (0.2, 0.8)])
    counted = rng.poisson(light * 400) / 400 + 0.03 * rng.standard_normal(light.shape)
    case = Case(None, KERNEL, 0.03, "circular", photons=400)
    model, levels = Untouched(), {}
    for source in ("telling", "image", "photons"):
        Exported(model, noise_from=source)(counted, case)
        levels[source] = model.inputs["noise"]
    np.testing.assert_allclose(levels["telling"], 0.03, rtol=1e-6)
    truth = np.sqrt(np.array([0.2, 0.8]) / 400 + 0.03**2)
    np.testing.assert_allclose(levels["photons"], truth, rtol=0.01)
    np.testing.assert_allclose(levels["image"], truth, rtol=0.1)
    Exported(model, noise_from="photons")(counted, case._replace(photons=None))
    np.testing.assert_array_equal(model.inputs["noise"], levels["telling"])
    given = {"model": [told], "protocol": "photons", "noise_from": "photons", **levin}
    contest = Contest(compared(baselines=False, **given), None, {})
    cases = [contest.degraded(*setting).cases[0] for setting in contest.settings.values()]
    assert [case.photons for case in cases] == [50, 100, 1000]
    assert not contest.comparison.is_as_published
    Exported(model, noise_from="image")(counted, case._replace(taken=(0.1, 0.0)))
    expected = np.hypot(levels["image"], (3**0.5 * 0.1, 0.0))
    np.testing.assert_allclose(model.inputs["noise"], expected, rtol=0.05)


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"tellings": ["told", "8 bits"], "protocol": "real"},
            "`tellings` must be among the protocol's: told right",
        ),
        ({"tellings": ["8 bits"]}, "`tellings` must be among the protocol's: it has none"),
        (
            {"protocol": "celeba-g5v5", "noise": 0.05},
            r"`blur` and `noise` must be left out: .* noise=0.05, protocol='celeba-g5v5'",
        ),
        ({"protocol": "set3c-levin", "blur": "box:3"}, "`blur` and `noise` must be left out"),
        ({"kernels": "k.npz"}, "`kernels` must be left out: the blurs are not those of a file"),
        ({"noise_from": "file"}, "`noise_from` must be one of telling, image, photons"),
        ({"noise_from": "photons"}, "`noise_from` photons needs a protocol whose photons"),
        ({"noise_from": "image", "noise_error": 2.0}, "`noise_error` must be left out"),
    ],
)
def test_what_would_not_be_heeded_is_refused(compared, options, message):
    with pytest.raises(ValueError, match=message):
        compared(**options)


def test_a_model_of_one_blur_has_no_kernel_to_refine(compared, one):
    for option in ({"refine_kernel": True}, {"noise_from": "image"}):
        (name,) = option
        with pytest.raises(ValueError, match=f"`{name}` must be left out"):
            Contest(compared(model=[one[1]], **option), None, {})


def test_published_rows_stand_only_beside_the_whole_protocol(told, levin, compared, monkeypatch):
    rows = quoted("set3c-dpir", 7.65 / 255)
    assert rows["IRCNN (2017), quoted"] == {
        "psnr": 28.59,
        "parameters (millions)": pytest.approx(4.75),
    }
    assert quoted("set3c-dpir", 0.05) == quoted("real", 0.01) == quoted(None, 0.01) == {}
    assert all("within 0.1 dB" in name for name in quoted("cbsd68-gspnp", 0.01))
    assert quoted("cbsd68-gspnp", 0.01)["GS-PnP (2022), quoted, within 0.1 dB"][
        "pixels (millions)"
    ] == pytest.approx(171_000)
    given = {"model": [told], "protocol": "set3c-dpir", "baselines": False, **levin}
    assert not any("quoted" in name for name in evaluate.compare(compared(**given))[NOISE])
    contest = Contest(compared(**given), None, {})
    contest.count = 3
    assert list(contest.quoted(NOISE)) == ["IRCNN (2017), quoted", "DPIR (2021), quoted"]
    shrunk = Contest(compared(side=16, **given), None, {})
    shrunk.count = 3
    assert shrunk.quoted(NOISE) == {}
    monkeypatch.setattr(Contest, "quoted", lambda self, noise: rows)
    table = evaluate.compare(compared(**given))[NOISE]
    assert table["any"]["parameters (millions)"] == 0.002 and table["DPIR (2021), quoted"]
    assert "| DPIR (2021), quoted | 29.77 |" in evaluate.markdown({NOISE: table})


def test_protocols_of_the_field_take_as_many_images_as_they_print():
    most = {name: protocol.most for name, protocol in PROTOCOLS.items() if protocol.most}
    assert most == {"set3c-dpir": 3, "set3c-grey": 3, "cbsd10-gspnp": 10} | dict.fromkeys(
        ("cbsd68-gspnp", "denoise-cbsd68"), 68
    )
    ten, all_of_them = PROTOCOLS["cbsd10-gspnp"], PROTOCOLS["cbsd68-gspnp"]
    assert len(ten.blurs) == 10 and ten.blurs[8:] == ("box:9", "gaussian:25:1.6")
    assert ten.noises == all_of_them.noises and ten.side is None and ten.own_seed == 0
