"""The cost model's formulas against its simulation, and their limits; nothing is measured here."""

import importlib.util
import json
import pathlib
import sys
import types

import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "studies" / "cost_model.py"
COMPUTE = {"fixed": 0.1, "backward": 0.2, "evaluation": 0.05}  # seconds
MEMORY = {"process": 7e8, "image": 4e6}  # bytes


@pytest.fixture(scope="module")
def model():
    spec = importlib.util.spec_from_file_location("cost_model", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    formulas = importlib.import_module("cost_formulas")
    sys.path[:] = path
    return types.SimpleNamespace(**{**vars(formulas), **vars(module)})


def memory_rows(evaluation):
    """As measured where an image takes 4e6 bytes and `evaluation` more per evaluation."""
    images = [MEMORY["image"] + k * evaluation for k in (5, 10, 20)]
    return [[[b, MEMORY["process"] + b * image] for b in (1, 2, 3)] for image in images]


def measured():
    points = [
        {
            "batch": batch,
            "evaluations": k,
            "seconds": COMPUTE["fixed"] + batch * (COMPUTE["backward"] + k * COMPUTE["evaluation"]),
        }
        for batch, k in ((1, 10), (2, 10), (4, 5), (4, 10))
    ]
    return {
        "problem": {"crop": 64, "evaluations": 10},
        "time": {"points": points, "parameters": 500_000, "statistics": 2000, "messages": 16},
        "counts": [12, 14, 15, 15, 16, 18, 21, 30],
        "memory": {"jfb": memory_rows(0.0), "unrolled": memory_rows(6e6)},
    }


@pytest.fixture(scope="module")
def results(model):
    return model.study(model.parser().parse_args(["--steps", "1000"]), measured())


def test_fits_recover_what_made_the_figures(model, results):
    assert results["compute"] == pytest.approx(COMPUTE)
    assert results["misfit"] < 1e-9
    assert results["payload"] == {"bytes": 4 * 502_000, "messages": 16}
    fits = results["memory"]["fits"]
    for method, evaluation in (("jfb", 0.0), ("unrolled", 6e6)):
        expected = {**MEMORY, "evaluation": evaluation, "slope": evaluation, "error": 0.0}
        expected["misfit"] = 0.0
        assert fits[method] == pytest.approx(expected, abs=1.0)


def test_simulation_agrees_with_the_formula(results):
    assert len(results["scaling"]) == 11 * 2 * 2 * 4
    for row in results["scaling"]:
        for overlap in ("without", "with"):
            assert row[overlap]["simulated"] == pytest.approx(row[overlap]["formula"], rel=0.01)


def test_overlap_saves_no_more_than_the_all_reduce(results):
    for row in results["scaling"]:
        without, overlapped = row["without"]["simulated"], row["with"]["simulated"]
        assert without - row["reduce"] - 1e-9 <= overlapped <= without


def test_one_replica_reduces_nothing_and_waits_for_nobody(model, results):
    payload = model.Payload(10**9, 100)
    assert all(model.reduce_seconds(1, link, payload) == 0.0 for link in model.LINKS)
    assert model.slowest(1, 0.3) == 1.0
    for row in results["scaling"]:
        if row["replicas"] == 1:
            assert row["without"]["formula"] == row["with"]["formula"] == row["compute"]
            assert row["without"]["efficiency"] == pytest.approx(1.0, abs=0.01)


def test_ring_all_reduce_at_its_limits(model):
    link = model.Link("any", 1e9, 1e-5)
    assert model.reduce_seconds(2, link, model.Payload(10**9, 0)) == pytest.approx(1.0)
    assert model.reduce_seconds(10**6, link, model.Payload(10**9, 0)) == pytest.approx(
        2.0, rel=1e-5
    )
    assert model.reduce_seconds(11, link, model.Payload(0, 3)) == pytest.approx(6e-4)


def test_without_jitter_and_network_every_replica_counts(model):
    seconds = model.Compute(**COMPUTE).seconds(4, 10)
    assert model.slowest(1024, 0.0) == 1.0
    assert model.step_seconds(model.slowest(1024, 0.0), seconds, 0.0, 0.0) == seconds


@pytest.mark.parametrize("replicas", [2, 16, 256])
def test_slowest_of_lognormal_factors(model, replicas):
    draws = np.random.default_rng(1).lognormal(-0.005, 0.1, (4000, replicas)).max(axis=1)
    assert model.slowest(replicas, 0.1) == pytest.approx(draws.mean(), rel=0.01)


def test_threshold_is_where_the_reduce_passes_a_tenth(model):
    compute, payload, link = model.Compute(**COMPUTE), model.Payload(2 * 10**6, 16), model.LINKS[0]
    n = model.threshold(compute, link, payload, 4, 10)
    limit = 0.1 * compute.seconds(4, 10)
    assert model.reduce_seconds(n, link, payload) > limit
    assert model.reduce_seconds(n - 1, link, payload) <= limit
    assert model.threshold(compute, model.LINKS[-1], model.Payload(1, 1), 4, 10) is None


def test_slowest_image_of_a_batch(model, results):
    for case in results["stragglers"].values():
        assert case["rows"][0]["efficiency"] == pytest.approx(1.0, abs=0.02)
        for row in case["rows"]:
            assert row["simulated"] == pytest.approx(row["formula"], rel=0.02)
            assert row["formula"] <= 50
    equal = model.Counts.fit([15, 15, 15], 50)
    assert equal.most(1) == equal.most(10**6) == 15.0
    assert model.Counts(3.0, 0.5, 50).most(10**6) == pytest.approx(50.0, abs=0.1)


def test_only_unrolling_pays_memory_for_evaluations(model, results):
    rows = results["memory"]["rows"]
    assert len({row["jfb"]["batch"] for row in rows}) == 1
    assert [row["unrolled"]["batch"] for row in rows] == sorted(
        (row["unrolled"]["batch"] for row in rows), reverse=True
    )
    fit = {**MEMORY, "evaluation": 6e6}
    assert model.largest_batch(fit, 7e8 + 10 * 64e6, 10) == 10
    assert model.largest_batch(fit, 7e8 + 10 * 64e6 - 1, 10) == 9
    assert model.largest_batch(fit, 1e8, 10) == 0


def test_report_and_figure(model, results, tmp_path):
    text = model.report(json.loads(json.dumps(results)))
    assert "2008000 bytes" in text and "weak scaling" in text and "| 1024 | 1 |" in text
    model.draw(results, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
