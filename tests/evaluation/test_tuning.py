"""Baselines at what is best on training images; denoisers in the range that they know."""

import pathlib
import types

import numpy as np
import pytest

from tf_jfb import networks, operators
from tf_jfb.evaluation import evaluate
from tf_jfb.evaluation.contest import open_denoiser
from tf_jfb.evaluation.degraded import Case
from tf_jfb.evaluation.methods import Baseline
from tf_jfb.evaluation.protocols import PROTOCOLS, Protocol
from tf_jfb.evaluation.tuning import CANDIDATES, Tuning, baselines, of_one_size
from tf_jfb.models.baselines import PlugAndPlay
from tf_jfb.operators import kernels


@pytest.fixture(scope="module")
def network():
    made = networks.UNet((4,), blocks=1, gain=0.1)
    made.build((None, None, None, 3))
    return made


def tried(noise, denoiser, **candidates):
    return Tuning(None, 1, 0, {**CANDIDATES, **candidates})._tried(noise, denoiser)


def test_weights_rise_with_the_noise():
    at, twice = tried(0.005, None), tried(0.01, None)
    assert at["TV"]["weight"] == pytest.approx(CANDIDATES["TV"]["weight"])
    assert twice["TV"]["weight"] == pytest.approx(2 * np.array(at["TV"]["weight"]))
    assert at["Richardson-Lucy"] == twice["Richardson-Lucy"] == CANDIDATES["Richardson-Lucy"]
    assert "plug-and-play" not in at
    with pytest.raises(ValueError, match="`noise` must be > 0 for baselines.*Received: noise=0.0"):
        tried(0.0, None)
    only = {"Richardson-Lucy": CANDIDATES["Richardson-Lucy"]}
    assert Tuning(None, 1, 0, only)._tried(0.0, None) == only


def test_a_denoiser_is_tried_only_at_levels_that_it_knows(network):
    known = tried(0.05, PlugAndPlay(network, (0.003, 0.1)))
    assert known["annealed plug-and-play"]["start"] == [0.1]
    assert known["annealed plug-and-play"]["steps"] == CANDIDATES["annealed plug-and-play"]["steps"]
    assert known["plug-and-play"]["weight"] == [0.5, 0.25]  # 0.05 / sqrt(0.12) is above 0.1
    assert len(tried(0.05, PlugAndPlay(network))["plug-and-play"]["weight"]) == 7
    loud = tried(0.15, PlugAndPlay(network, (0.003, 0.1)))
    assert "annealed plug-and-play" not in loud and "plug-and-play" not in loud
    plain = tried(0.15, PlugAndPlay(networks.DnCNN(depth=2, channels=4), (0.02, 0.02)))
    assert len(plain["plug-and-play"]["weight"]) == 7 and "annealed plug-and-play" not in plain


@pytest.mark.parametrize(
    "noise, fixed, annealed",
    [
        (0.02, 0.02, (0.02, 0.05)),
        (0.3, 0.05, (0.099, 0.1)),
        (0.001, 0.005, (0.01, 0.05)),
        (0.06, 0.05, (0.06, 0.1)),
    ],
)
def test_what_is_told_wrongly_is_taken_to_a_level_that_the_denoiser_knows(noise, fixed, annealed):
    denoiser = types.SimpleNamespace(
        levels=(0.01, 0.1),
        network=types.SimpleNamespace(conditional=True, weights=[]),
        fixed_point=lambda d, operator, weight, noise: noise,
        annealed=lambda d, operator, weight, noise, start, steps: (noise, start),
    )
    options = {"plug-and-play": {"weight": 0.25}}
    options["annealed plug-and-play"] = {"weight": 0.2, "start": 0.05, "steps": 2}
    made = baselines(options, denoiser)
    found = [made[n].function(None, None, **o, noise=noise) for n, o in options.items()]
    assert found[0] == pytest.approx(fixed) and found[1] == pytest.approx(annealed)


def test_start_and_steps_are_tuned_too(network, levin):
    protocol = PROTOCOLS["set3c-levin"]
    candidates = {
        "plug-and-play": {"weight": (0.25, 0.12)},
        "annealed plug-and-play": {"weight": (0.2, 0.4), "start": (0.05, 0.1), "steps": (2, 3)},
    }
    denoiser = PlugAndPlay(network, (0.003, 0.2))
    known = list(protocol.kernels(levin["kernels"]).values())
    tuning = Tuning(levin["path"], 2, 0, candidates)
    found = tuning.options(protocol, known, 0.03, denoiser)
    assert {name: set(options) for name, options in found.items()} == {
        "plug-and-play": {"weight"},
        "annealed plug-and-play": {"weight", "start", "steps"},
    }
    d, sharp, operator = tuning._problem(protocol, known, 0.03)
    assert d.shape == (2, 24, 24, 3) and operator.kernel.shape == (2, 5, 5)
    scores = {}
    for start in (0.05, 0.1):
        options = {**found["annealed plug-and-play"], "start": start}
        restored = denoiser.annealed(d, operator, noise=0.03, **options)
        scores[start] = -float(np.mean((restored - sharp) ** 2))
    assert max(scores, key=scores.get) == found["annealed plug-and-play"]["start"]


def test_plug_and_play_is_told_what_the_others_are(network, levin, compared, told):
    """The noise of the telling, and a warm-up of the fewest steps."""
    denoiser = PlugAndPlay(network, (0.003, 0.2))
    given = {"model": [told], "protocol": "set3c-levin", "side": 16, **levin}
    candidates = {"annealed plug-and-play": {"weight": (0.2,), "start": (0.2,), "steps": (3,)}}
    (right,), (false,) = (
        evaluate.compare(compared(noise_error=error, **given), denoiser, candidates).values()
        for error in (1.0, 2.0)
    )
    name = "annealed plug-and-play"
    assert right[name]["psnr"] != false[name]["psnr"] and right[name]["steps"] == 3
    made = baselines({name: {"weight": 0.2, "start": 0.2, "steps": 3}}, denoiser)[name]
    assert made.least == {"steps": 2} and made.told_noise and made.parameters > 0


def test_kernels_are_padded_about_their_origins():
    small, large = np.float32([[0, 0, 0], [0, 1, 2], [0, 0, 3]]), kernels.gaussian(6, 1.0)
    padded = of_one_size([small, large])
    assert [k.shape for k in padded] == [(7, 7), (7, 7)]
    assert padded[0][3, 3] == 1 and padded[0][3, 4] == 2 and padded[0][4, 4] == 3
    image = np.random.default_rng(0).random([1, 9, 9, 1], np.float32)
    blurs = [operators.BlurFFT(k)(image) for k in (large, padded[1])]
    np.testing.assert_allclose(*blurs, atol=1e-6)


def test_the_range_of_a_denoiser_comes_with_it():
    opened = open_denoiser(pathlib.Path(__file__).parents[2] / "saved_models" / "denoiser" / "1")
    assert opened.levels == (0.003, 0.2) and opened.network.conditional


def test_a_baseline_warms_up_with_next_to_no_work():
    seen = []

    def method(d, operator, **options):
        seen.append(options)
        return d

    protocol = Protocol("dead-leaves", ("box:3",), (0.01,), "circular", 16)
    kernel = kernels.box(3)
    case = Case(protocol.operator(kernel), kernel, 0.01, "circular")
    d = np.zeros([1, 16, 16, 3], np.float32)
    baseline = Baseline(method, {"weight": 0.1}, {"iterations": 1})
    baseline.warm_up(d, case)
    restored, extra = baseline(d, case)
    assert seen == [{"weight": 0.1, "iterations": 1}, {"weight": 0.1}] and extra["weight"] == [0.1]
    Baseline(method, {"iterations": 5}).warm_up(d, case)
    assert len(seen) == 2 and restored.shape == d.shape
