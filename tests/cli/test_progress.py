"""Progress on and off a terminal, and the memory that there is."""

import io

import pytest

from tf_jfb.cli import _memory, _progress
from tf_jfb.cli._progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_says_how_many_how_fast_and_how_many_converged():
    stream = Terminal()
    progress = Progress(4, stream=stream)
    for status in ("KEPT", "CONVERGED", "CAP"):
        progress.add("a.png", status)
    progress.add("b.png", "ERROR", "no image")
    progress.close()
    last = stream.getvalue().rpartition("\r")[-1]
    assert "4 of 4 images" in last and "per second" in last and "50% converged, 1 failed" in last
    assert "b.png: no image\n" in stream.getvalue()


def test_elsewhere_few_images_get_a_line_each_and_many_one_now_and_then():
    few, many = io.StringIO(), io.StringIO()
    for count, stream in ((3, few), (50, many)):
        progress = Progress(count, stream=stream)
        for i in range(count):
            progress.add(f"{i}.png", "CONVERGED", "residual 1e-4")
        progress.close()
    assert few.getvalue().splitlines()[1] == "1.png: CONVERGED residual 1e-4"
    assert len(many.getvalue().splitlines()) == 1 and "50 of 50" in many.getvalue()


def test_the_time_left_of_a_large_image():
    stream = io.StringIO()
    Progress(1, stream=stream).tiles("a.tif", 2, 2)
    assert stream.getvalue() == "a.tif: 2 of 2 tiles, 0:00 left\n"


def test_the_time_left_is_that_of_the_page_at_hand(monkeypatch):
    stream, clock = Terminal(), iter([0, 3600, 3610])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    progress = Progress(2, stream=stream)
    progress.tiles("a.tif", 1, 1)
    progress.tiles("a.tif", 1, 10)
    assert stream.getvalue().endswith("a.tif: 1 of 10 tiles, 1:30 left")


@pytest.mark.parametrize("files", _memory.GROUPS)
def test_files_that_were_read_are_no_memory_that_a_group_has_used(tmp_path, monkeypatch, files):
    *names, prefix = files
    stat = f"anon 50\n{prefix}active_file 30\n{prefix}inactive_file 10\n"
    for name, text in zip(names, ("100", "90", stat), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(_memory, "CONTROL", tmp_path)
    assert _memory.free() == 100 - (90 - 40)


def test_memory_is_what_is_asked_for_less_what_is_held():
    assert _memory.resident() > 0 and _memory.free() > 0
    gib = _memory.resident() / 2**30 + 1.0
    assert _memory.budget(gib) == pytest.approx(2**30, rel=0.05)
    assert (
        _memory.budget(1e-6) == 0 and _memory.budget(None) <= _memory.SHARE * _memory.free() * 1.5
    )
