"""Main effects of a search's options: the numbers that trials were made from."""

import itertools

import numpy as np
import pytest

from tf_jfb.training.tuning_effects import (
    _levels,
    effects_table,
    main_effects,
    plot_effects,
)

SPACE = {
    "m": [1, 5],
    "learning_rate": {"min": 1e-4, "max": 1e-1, "sampling": "log", "step": None},
    "lipschitz": [None, 1.0],
}
RATES = (5e-4, 5e-3, 5e-2)


def trial(m, rate, bound, noise=0.0, **others):
    """A rate of the middle third is worth 2 dB more than the others, m = 5 one more than 1."""
    psnr = 20.0 + (m == 5) + 2.0 * (rate == RATES[1]) + noise
    figures = {"psnr": psnr, "evaluations": 10.0 - m, "converged": 1.0, "epochs": 3}
    options = {"m": m, "learning_rate": rate, "lipschitz": bound}
    return {"failure": None, **figures, "options": options} | others


def trials(scale=0.0, repeats=2):
    noise = np.random.default_rng(0).normal(size=[repeats, 2, 3, 2])
    every = itertools.product(range(repeats), (1, 5), RATES, (None, 1.0))
    return [trial(*o, scale * noise.flat[i]) for i, (_, *o) in enumerate(every)]


def test_effects_are_those_the_trials_were_made_from():
    effects = main_effects([*trials(), trial(1, RATES[0], None, 9.0, failure="x")], SPACE)
    assert list(effects) == ["learning_rate", "m", "lipschitz"]  # by what they move
    rate = effects["learning_rate"]
    assert list(rate) == ["0.0001 to 0.001", "0.001 to 0.01", "0.01 to 0.1"]
    expected = ([-2 / 3, 4 / 3, -2 / 3], [-0.5, 0.5], [0, 0])
    for levels, wanted in zip(effects.values(), expected, strict=True):
        np.testing.assert_allclose(
            [found["psnr"][0] for found in levels.values()], wanted, atol=1e-9
        )
    assert effects["m"]["5"]["evaluations"][0] == pytest.approx(-2.0)
    assert [found["trials"] for found in effects["m"].values()] == [12, 12]
    assert [found["failed"] for found in effects["m"].values()] == [1, 0]
    assert effects["m"]["5"]["converged"] == (0.0, 0.0)  # all of them did
    assert list(effects["lipschitz"]) == ["none", "1.0"]


def test_intervals_hold_the_truth_and_shrink_with_the_trials():
    few, many = (main_effects(trials(0.5, n), SPACE) for n in (2, 8))
    for effects in (few, many):
        mean, half = effects["m"]["5"]["psnr"]
        assert abs(mean - 0.5) < half
    assert many["m"]["5"]["psnr"][1] < 0.7 * few["m"]["5"]["psnr"][1]
    # Of a balanced plan the interval of half a difference of means is known in closed form.
    free, spread = 24 - 5, few["m"]["5"]["psnr"][1]
    y = np.array([row["psnr"] for row in trials(0.5)]).reshape(2, 2, 3, 2)
    parts = [y.mean(axis=tuple({0, 1, 2, 3} - {k}), keepdims=True) - y.mean() for k in (1, 2, 3)]
    rest = y - y.mean() - sum(parts)
    assert spread == pytest.approx(2.093 * np.sqrt(np.sum(rest**2) / free / 24), rel=1e-3)


@pytest.mark.parametrize(
    ("entry", "values", "expected"),
    [
        (
            {"min": 100, "max": 104},
            [100, 102, 104],
            ["100 to 101.3", "101.3 to 102.7", "102.7 to 104"],
        ),
        (
            {"min": 1e-4, "max": 1e-1, "sampling": "log"},
            [1e-4, 1e-3, 1e-2, 1e-1],
            ["0.0001 to 0.001", "0.001 to 0.01", "0.01 to 0.1", "0.01 to 0.1"],
        ),
    ],
)
def test_thirds_of_a_range_have_names_of_their_own(entry, values, expected):
    entry = {"sampling": "linear"} | entry
    found = _levels("m", entry, [{"options": {"m": value}} for value in values])
    assert [text for _, text in found] == expected


def test_too_few_trials_or_options_that_go_together_give_none():
    assert main_effects([], SPACE) == {}
    assert main_effects(trials(repeats=1)[:9], SPACE) == {}
    together = [
        row
        for row in trials()
        if (row["options"]["m"] == 5) == (row["options"]["lipschitz"] is None)
    ]
    assert main_effects(together, SPACE) == {}


def test_table_and_figure(tmp_path):
    effects = main_effects(trials(), SPACE)
    header, rows = effects_table(effects)
    assert header[:5] == ["option", "value", "trials", "failed", "PSNR (dB)"]
    assert rows[1][:2] == ["learning_rate", "0.001 to 0.01"] and rows[1][4].startswith("+1.33 ± ")
    plot_effects(tmp_path / "effects.png", effects)
    assert (tmp_path / "effects.png").stat().st_size > 5000
