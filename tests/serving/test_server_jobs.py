"""Jobs of one solve: each is answered as it would be alone."""

import asyncio
import dataclasses
import math
import time

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb import operators
from tf_jfb.data import Photo, dead_leaves
from tf_jfb.exported import deblur_photo
from tf_jfb.operators import kernels
from tf_jfb.serving.server import Batcher, Job, Settings, Solver
from tf_jfb.serving.server.calls import Call
from tf_jfb.serving.server.jobs import batches, records, solve, solve_each
from tf_jfb.serving.server.pace import Pace

MOST = 1000


@pytest.fixture(scope="module")
def version(loaded):
    with loaded.lease("any") as version:
        yield version


def photo(side=24, seed=0, channels=3):
    pixels = dead_leaves(1, side, seed=seed)[0]
    return Photo(pixels if channels == 3 else pixels.mean(-1, keepdims=True))


@pytest.mark.parametrize("shapes", [((3, 3), (5, 5)), ((2, 4), (5, 7)), ((1, 6), (4, 8))])
def test_padding_with_zeros_leaves_the_blur_as_it_was(shapes):
    small, large = shapes
    kernel = np.random.default_rng(0).random(small)
    image = photo().pixels[None]
    blurred = [operators.BlurFFT(k)(image).numpy() for k in (kernel, kernels.padded(kernel, large))]
    np.testing.assert_array_equal(*blurred)


@pytest.mark.parametrize(("boundary", "ensemble"), [("photo", 1), ("circular", 1), ("photo", 2)])
def test_a_batch_of_different_kernels_and_options_is_solved_as_each_alone(
    version, boundary, ensemble
):
    told = [
        {"kernel": kernels.gaussian(5, 1.0), "noise": 0.01, "rtol": 1e-3, "max_evaluations": 12},
        {"kernel": kernels.line(3, 0), "noise": None, "rtol": 0.0, "max_evaluations": 3},
        {"kernel": kernels.box(2), "noise": 0.02, "rtol": 1e-1, "max_evaluations": None},
    ]
    photos = [photo(seed=0), photo(seed=1, channels=1), photo(seed=2)]
    alike = {"boundary": boundary, "ensemble": ensemble}
    jobs = [Job(version, p, **alike, **t) for p, t in zip(photos, told, strict=True)]
    (batch,) = batches(jobs, 8, 1 << 20, time.monotonic())
    assert batch == jobs
    for one, p, t in zip(solve(batch, MOST), photos, told, strict=True):
        alone = deblur_photo(version.model, p, light="linear", **alike, **t)
        np.testing.assert_allclose(one.photo.pixels, alone.photo.pixels, atol=1e-4)
        assert (one.evaluations, one.status) == (alone.evaluations, alone.status)
        assert one.photo.pixels.shape == p.pixels.shape


def test_an_even_kernel_leaves_the_ensembles_of_others_as_they_are(version):
    """An ensemble makes 8 x 8 of 9 x 9, whose scene of 24 pixels is larger."""
    told = {"noise": 0.02, "rtol": 0.0, "max_evaluations": 2, "ensemble": 2}
    odd, even = (Job(version, photo(), kernels.box(side), **told) for side in (7, 8))
    (alone,) = solve([odd], MOST)
    found = {}
    for batch in batches([odd, even], 8, 1 << 20, 0.0):
        found |= dict(zip(batch, solve(batch, MOST), strict=True))
    np.testing.assert_allclose(found[odd].photo.pixels, alone.photo.pixels, atol=1e-5)
    larger = dataclasses.replace(odd, kernel=kernels.box(9))
    assert len(batches([larger, even], 8, 1 << 20, 0.0)) == 1


def test_what_cannot_be_solved_together_is_kept_apart(version):
    k3, k9 = kernels.box(3), kernels.box(9)
    far = time.monotonic() + 1000
    jobs = [
        Job(version, photo(24), k3),
        Job(version, photo(24), k9),  # its scene is larger
        Job(version, photo(24), k3, boundary="circular"),
        Job(version, photo(24), k9, boundary="circular"),
        Job(version, photo(16), k3),
        Job(version, photo(24), k3, light="encoded"),
        Job(version, photo(24), k3, ensemble=2),
        Job(version, photo(24), k3, deadline=far),
        Job(version, photo(24), k3, deadline=far - 999),
    ]
    found = batches(jobs, 8, 1 << 20, time.monotonic())
    assert sorted(map(len, found)) == [1, 1, 1, 1, 1, 1, 1, 2]
    assert [batch[0].deadline for batch in found[:2]] == [far - 999, far]  # the urgent first
    alike = [Job(version, photo(24), k3) for _ in range(5)]
    assert [len(b) for b in batches(alike, 2, 1 << 20, 0.0)] == [2, 2, 1]
    assert [len(b) for b in batches(alike, 8, 3 * 24 * 24, 0.0)] == [3, 2]
    assert [len(b) for b in batches(alike, 8, 1, 0.0)] == [1] * 5


def test_a_deadline_becomes_a_cap(version):
    job = Job(version, photo(), kernels.box(3), rtol=0.0, deadline=time.monotonic())
    (restored,) = solve([job], MOST)
    assert restored.evaluations == 1 and restored.status.name == "CAP"
    assert np.isfinite(restored.photo.pixels).all()


def test_an_ensemble_has_its_share_of_the_time_left(version, monkeypatch):
    caps = []
    for ensemble in (1, 4):
        monkeypatch.setattr(version, "pace", Pace())
        version.pace.measured(seconds=100.0, evaluations=10, pixels=photo().pixels[..., 0].size)
        told = {"rtol": 0.0, "ensemble": ensemble, "deadline": time.monotonic() + 101.0}
        (restored,) = solve([Job(version, photo(), kernels.box(3), **told)], MOST)
        caps.append(restored.evaluations)
    assert caps == [8, 2]


def test_the_cap_is_what_fits_into_the_time_left():
    pace = Pace()
    assert pace.seconds(100) is None and pace.evaluations(0.1, 100, 50) == 50
    pace.measured(seconds=1.0, evaluations=10, pixels=1000)
    assert pace.seconds(1000) == pytest.approx(0.1)
    assert pace.seconds(4000) == pytest.approx(0.4)  # no size nearer was measured
    assert pace.evaluations(1.0, 1000, 50) == 8
    assert pace.evaluations(-1.0, 1000, 50) == 1
    assert pace.evaluations(math.inf, 1000, 50) == pace.evaluations(99.0, 1000, 50) == 50
    pace.measured(seconds=1.0, evaluations=100, pixels=4096)
    assert pace.seconds(4096) == pytest.approx(0.01) and pace.seconds(1000) > 0.05


def test_one_that_fails_does_not_fail_the_others(version):
    good = Job(version, photo(), kernels.box(3), max_evaluations=2)
    bad = Job(version, Photo(photo().pixels * 9.0), kernels.box(3), max_evaluations=2)
    outcomes = solve_each([good, bad], MOST)
    assert outcomes[0].evaluations == 2
    assert isinstance(outcomes[1], ValueError) and "`image` must lie in" in str(outcomes[1])


def test_jobs_that_come_together_are_solved_together(version):
    seen = []
    solver = Solver(Settings(batch_wait=0.05), lambda batch, *_: seen.append(len(batch)))

    async def ask():
        submit = Batcher(solver)
        jobs = [Job(version, photo(seed=i), kernels.box(3), max_evaluations=2) for i in range(3)]
        first = await asyncio.gather(*map(submit, jobs))
        return [*first, await submit(jobs[0])]

    outcomes = asyncio.run(ask())
    assert seen == [3, 1]
    np.testing.assert_allclose(outcomes[0].photo.pixels, outcomes[3].photo.pixels, atol=1e-5)
    assert not np.allclose(outcomes[0].photo.pixels, outcomes[1].photo.pixels)


def call(version, seed=0, count=1, side=16, cap=5, signature="deblur_photo"):
    rng = np.random.default_rng(seed)
    values = {"image": rng.random((count, side, side, 3)), "noise": rng.uniform(0.01, 0.05, count)}
    values |= {"kernel": rng.random((count, 3, 3)), "rtol": np.full(count, 10.0 ** -(seed + 1))}
    values["mask"] = np.ones((count, side, side, 1))
    inputs = {name: tf.constant(value, tf.float32) for name, value in values.items()}
    inputs["max_evaluations"] = tf.fill([count], cap)
    specs = version.signatures[signature].structured_input_signature[1]
    return Call(version, signature, {name: inputs[name] for name in specs})


@pytest.mark.parametrize("signature", ["deblur_photo", "deblur", "trace_photo"])
def test_calls_of_one_signature_are_answered_as_each_alone(version, signature):
    caps = (3, 9, 6)
    calls = [call(version, i, i + 1, cap=caps[i], signature=signature) for i in range(3)]
    (batch,) = batches(calls, 8, 1 << 20, 0.0)
    assert batch == calls
    program = version.signatures[signature]
    for one, answer in zip(calls, solve_each(batch, MOST), strict=True):
        alone = {name: tensor.numpy() for name, tensor in program(**one.inputs).items()}
        assert {n: a.shape for n, a in answer.items()} == {n: a.shape for n, a in alone.items()}
        for name, array in alone.items():
            np.testing.assert_allclose(answer[name], array, atol=1e-5, err_msg=name)


def test_calls_that_differ_are_kept_apart_and_fail_alone(version):
    good, other = call(version), call(version, side=18)
    bad = call(version)
    bad.inputs["image"] = tf.fill([1, 16, 16, 3], 9.0)
    job = Job(version, photo(16), kernels.box(3))
    calls = [good, other, call(version, signature="deblur"), job, call(version, count=8)]
    assert [len(b) for b in batches(calls, 8, 1 << 20, 0.0)] == [1] * 5
    answers = solve_each([good, bad], MOST)
    assert isinstance(answers[1], tf.errors.InvalidArgumentError)
    assert records(answers[0]) == [("CONVERGED", 3, pytest.approx(answers[0]["residual"][0]))]
    assert records(answers[1]) == [("ERROR", None, None)] and records({"x": np.ones(2)}) == []
