"""An evaluation that is stopped keeps what is done, and goes on."""

import itertools
import json
import os

import pytest

from tf_jfb.evaluation import evaluate
from tf_jfb.evaluation.figures import measured
from tf_jfb.evaluation.partial import Partial, fingerprint


@pytest.fixture
def given(told, levin, compared, tmp_path):
    def make(**changes):
        options = {"model": [told], "protocol": "set3c-dpir", "images": 2, "batch": 1, **levin}
        return compared(**{**options, "output": tmp_path / "out.json", **changes})

    return make


FEW = {"Richardson-Lucy": {"iterations": (2, 3)}}


def test_a_stopped_evaluation_goes_on(given, tmp_path, monkeypatch):
    calls = []

    def counted(stop, *args):
        calls.append(args[1])
        if len(calls) == stop:
            raise KeyboardInterrupt
        return measured(*args)

    monkeypatch.setattr(evaluate, "measured", lambda *args: counted(8, *args))
    with pytest.raises(KeyboardInterrupt):
        evaluate.compare(given(), candidates=FEW)
    kept = tmp_path / "out.json.partial.jsonl"
    assert list(tmp_path.iterdir()) == [kept]
    assert len(kept.read_text().splitlines()) == 4  # options, tuned options, two whole batches
    kept.write_text(kept.read_text() + '{"key": "cut sh')

    with pytest.raises(ValueError, match="partial results of other options in .*remove the file"):
        evaluate.compare(given(seed=1), candidates=FEW)
    with pytest.raises(ValueError, match="Received: candidates="):
        evaluate.compare(given(), candidates={"Richardson-Lucy": {"iterations": (2,)}})

    calls.clear()
    monkeypatch.setattr(evaluate, "measured", lambda *args: counted(None, *args))
    tables = evaluate.compare(given(), candidates=FEW)
    assert len(calls) == (8 - 2) * 3  # three methods on the batches that were missing
    assert list(tmp_path.iterdir()) == [tmp_path / "out.json"]
    at_once = evaluate.compare(given(output=None), candidates=FEW)
    for noise, name in itertools.product(at_once, ("blurred", "Richardson-Lucy", "any")):
        rows = [dict(each[noise][name], seconds=0) for each in (tables, at_once)]
        assert rows[0] == pytest.approx(rows[1])


def test_records_survive_the_process(tmp_path):
    output = str(tmp_path / "out.json")
    first = Partial(output, {"seed": 0, "model": ("a",)})
    first.put({"psnr": [1.5, float("inf")]}, "batch", 0.01, 3)
    again = Partial(output, {"seed": 0, "model": ["a"]})
    assert again.get("batch", 0.01, 3) == {"psnr": [1.5, float("inf")]} and len(again) == 1
    assert again.get("batch", 0.01, 4) is None
    again.finish({"done": 1})
    assert json.loads((tmp_path / "out.json").read_text()) == {"done": 1}
    assert len(Partial(output, {"seed": 1})) == 0  # what is finished binds nobody
    nowhere = Partial(None, {})
    nowhere.put({"psnr": [1.0]}, "batch")
    nowhere.finish({})
    assert nowhere.get("batch") == {"psnr": [1.0]}


def test_a_file_of_another_kind_is_left_alone(tmp_path):
    other = tmp_path / "out.json.partial.jsonl"
    other.write_text("[1, 2]\n")
    with pytest.raises(ValueError, match="must be ours: remove the file"):
        Partial(str(tmp_path / "out.json"), {})
    assert other.read_text() == "[1, 2]\n"


def test_a_fingerprint_sees_a_file_that_changed(tmp_path):
    (tmp_path / "a").write_text("1")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before and fingerprint(None) is None
    for other in ("12", "2"):
        (tmp_path / "a").write_text(other)
        assert fingerprint(tmp_path) != before


def test_a_fingerprint_heeds_no_file_that_is_being_written(tmp_path):
    (tmp_path / "a").write_text("1")
    before = fingerprint(tmp_path)
    (tmp_path / "out.json").write_text("{")
    assert fingerprint(tmp_path, [tmp_path / "out.json", None]) == before


def test_a_fingerprint_is_that_of_a_copy(tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text("1")
    os.utime(tmp_path / "there" / "a", (0, 0))
    assert fingerprint(tmp_path / "here") == fingerprint(tmp_path / "there")
    assert fingerprint(tmp_path / "here" / "a") == fingerprint(tmp_path / "there" / "a")
