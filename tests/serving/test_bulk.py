"""Bulk deblurring: what a job may be, and, where Apache Beam is (make test-beam), what it does."""

import json
import os
import pathlib
import posixpath
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

import tf_jfb
from tf_jfb import Status
from tf_jfb.data import Photo, read_image, write_image
from tf_jfb.exported import ExportedModel, Restored, deblur_photo, export
from tf_jfb.serving import bulk

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pipeline():
    pytest.importorskip("apache_beam", reason="make test-beam runs this beside Apache Beam")
    from tf_jfb.serving import _pipeline

    return _pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("colour") / "1", channels=3)


def exported(path, channels):
    model = tf_jfb.models.DEGrad(
        tf_jfb.operators.GaussianBlur(3, 0.5),
        tf_jfb.networks.DnCNN(2, 4, lipschitz=1.0, gain=0.2),
        tf_jfb.solvers.Anderson(rtol=1e-3),
    )
    model.build((None, None, None, channels))
    return export(model, path, channels=channels)


def write(path, height, width, channels=3, seed=0, **extra):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).random((height, width, channels), np.float32)
    write_image(path, Photo(pixels, **extra))


def manifest(output):
    lines = [
        line for f in (output / "manifest").glob("*.jsonl") for line in f.read_text().splitlines()
    ]
    records = [json.loads(line) for line in lines]
    assert all(tuple(record) == bulk.COLUMNS for record in records)
    rows = {record["path"]: record for record in records}
    assert len(rows) == len(records)
    return rows


def stamps(folder):
    """What a file that is written again changes."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in files}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "/a/b/c"}, "outside the folder of the images"),
        ({"output": "/o*"}, "`output` must be a plain path"),
        ({"model": ""}, "`model` must not be empty"),
        ({"rtol": -1.0}, "`rtol` must be a finite number >= 0, at most 3.4e.38"),
        ({"max_evaluations": 0}, "`max_evaluations` must be an integer >= 1"),
        ({"light": "linaer"}, "`light` must be one of"),
        ({"ensemble": 3}, "`ensemble` must be 1, 2, 4 or 8"),
        ({"batch": 0}, "`batch` must be >= 1"),
        ({"noise": 0.0}, "`noise` must lie in"),
        ({"kernel": "/no/such.png"}, "such.png"),
        ({"pixels": 0}, "`pixels` must be >= 1"),
    ],
)
def test_bad_jobs_are_refused(options, message):
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        bulk.Job(**{"images": "/a/b/**.jpg", "model": "/m", "output": "/o"} | options)


@pytest.mark.parametrize(
    ("images", "path", "target"),
    [
        ("/a/**", "/a/b/c.JPG", "/o/images/b/c.JPG"),
        ("/a/b*/c.jpg", "/a/bb/c.jpg", "/o/images/bb/c.jpg"),
        ("/a/b/c.jpg", "/a/b/c.jpg", "/o/images/c.jpg"),
        ("gs://a/b/[cd]?.jpg", "gs://a/b/c1.jpg", "/o/images/c1.jpg"),
    ],
)
def test_outputs_mirror_the_folders_of_the_images(images, path, target):
    assert bulk.Job(images, "/m", "/o").target(path) == target
    png = bulk.Job(images, "/m", "/o/", png=True)
    assert png.target(path) == target.rpartition(".")[0] + ".png"
    with pytest.raises(ValueError, match="must lie in"):
        png.target("/elsewhere/c.jpg")
    with pytest.raises(ValueError, match="may not hold '..'"):
        bulk.Job("gs://a/**", "/m", "/o").target("gs://a/b/../../c.jpg")


def test_local_paths_are_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    job = bulk.Job("in/**", "m", "out")
    assert (job.folder, job.output) == (f"{tmp_path}/in/", f"{tmp_path}/out")


def test_without_beam_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(RuntimeError, match=r"pip install 'tf_jfb\[beam\]'"):
        bulk.run(bulk.Job("/a/*", "/m", "/o"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Nine good images of several sizes, formats and colour modes, and four bad files."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(5):
        write(folder / "same size" / f"{i}.png", 16, 20, seed=i)
    write(folder / "same size" / "grey.png", 16, 20, channels=1)
    write(folder / "deep" / "er" / "alpha.png", 18, 16, alpha=np.ones((18, 16, 1)), bits=16)
    write(folder / "photo.jpg", 24, 16)
    write(folder / "LARGE.TIF", 40, 40)
    content = (folder / "LARGE.TIF").read_bytes()
    bad = {"cut.tif": content[:999], "empty.jpg": b"", "text.png": b"no image", "odd.dat": content}
    (folder / "bad").mkdir()
    for name, content in bad.items():
        (folder / "bad" / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def ran(pipeline, photos, model, tmp_path_factory):
    job = bulk.Job(
        f"{photos}/**", model, tmp_path_factory.mktemp("bulk") / "out", batch=4, pixels=1000
    )
    return job, bulk.run(job), manifest(pathlib.Path(job.output))


def test_every_image_is_restored_as_alone(ran, photos, model):
    job, counts, rows = ran
    loaded = ExportedModel.open(model)
    good = [p for p in photos.rglob("*") if p.is_file() and p.parent.name != "bad"]
    assert counts == {
        "images": 13,
        "kept": 0,
        "CONVERGED": 9,
        "CAP": 0,
        "DIVERGED": 0,
        "ERROR": 4,
    }
    for path in good:
        alone, row = deblur_photo(loaded, read_image(path), light="linear"), rows[str(path)]
        output = pathlib.Path(job.output) / "images" / path.relative_to(photos)
        assert row["output"] == str(output) and row["error"] is None
        assert row["status"] == "CONVERGED" and row["residual"] <= 1e-3
        assert row["evaluations"] == alone.evaluations
        expected, found = output.parent / f"alone{output.suffix}", read_image(output)
        write_image(expected, alone.photo)
        np.testing.assert_allclose(found.pixels, read_image(expected).pixels, atol=1.1 / 255)
        assert found.bits == alone.photo.bits
        assert (found.alpha is None) == (alone.photo.alpha is None)
        expected.unlink()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut.tif", "not a readable image"),
        ("empty.jpg", "not a readable image (unknown format)"),
        ("text.png", "not a readable image (unknown format)"),
        ("odd.dat", "must end in one of"),
    ],
)
def test_a_bad_file_is_an_error_in_the_manifest(ran, photos, name, message):
    job, _, rows = ran
    row = rows[f"{photos}/bad/{name}"]
    assert row["status"] == "ERROR" and row["output"] is row["residual"] is None
    assert message in row["error"] and "\n" not in row["error"]
    assert "/image." not in row["error"]  # the name of a temporary copy
    assert not (pathlib.Path(job.output) / "images" / "bad").exists()


def test_only_what_is_missing_is_done_again(ran, photos):
    job, _, rows = ran
    output = pathlib.Path(job.output) / "images"
    before = stamps(output)
    lost = output / "photo.jpg"
    lost.unlink()
    write(photos / "new" / "new.png", 16, 20)
    try:
        counts = bulk.run(job)
    finally:
        (photos / "new" / "new.png").unlink()
    assert (counts["images"], counts["kept"], counts["ERROR"]) == (14, 8, 4)
    after = stamps(output)
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {str(lost), str(output / "new" / "new.png")}
    again = manifest(pathlib.Path(job.output))
    again.pop(f"{photos}/new/new.png")
    assert again == rows


def test_a_damaged_record_costs_its_own_image_alone(ran, photos):
    job, _, rows = ran
    output = pathlib.Path(job.output)
    found = max((output / "records").glob("*.jsonl"), key=lambda file: file.read_text().count("\n"))
    first, *others = found.read_bytes().splitlines(keepends=True)
    (output / "records" / "cut.jsonl").write_bytes(b'{"path": "\xff\n3\nnull\n{}\n')
    found.write_bytes(first[:-20] + b"\n" + b"".join(others))
    counts = bulk.run(job)
    assert (counts["images"], counts["kept"], counts["ERROR"]) == (13, 8, 4)
    assert manifest(output) == rows


def test_damaged_settings_are_named(pipeline, tmp_path):
    from tf_jfb.serving import _job_settings

    job, settings = bulk.Job(f"{tmp_path}/in/*", "/m", tmp_path / "out"), tmp_path / "out"
    _job_settings.prepare(job)
    for content in (b"", b'{"model": ', b"3", b"\xff"):
        (settings / "settings.json").write_bytes(content)
        with pytest.raises(
            ValueError, match=f"{settings}/settings.json' is damaged.* delete this file"
        ):
            _job_settings.prepare(job)


def test_errors_name_no_options_that_there_are_not(pipeline):
    error = ValueError(
        'it holds 2 images: `pages` must say which, "all", "first" or a number from 1'
    )
    told = pipeline.failure("/a.tif", error)["error"]
    assert told == "it holds 2 images: put the one that is meant into a file of its own"
    assert pipeline.failure("/a.tif", "two  share it")["error"] == "two share it"


def test_work_of_other_settings_is_refused(ran, photos, model):
    job, _, _ = ran
    before = stamps(pathlib.Path(job.output))
    with pytest.raises(ValueError, match="holds work with other settings"):
        bulk.run(bulk.Job(job.images, job.model, job.output, rtol=1e-2))
    assert stamps(pathlib.Path(job.output)) == before


def test_another_kernel_or_model_of_the_same_name_is_refused(pipeline, model, tmp_path):
    write(tmp_path / "in" / "a.png", 16, 16)
    job = bulk.Job(f"{tmp_path}/in/*", f"{tmp_path}/model", tmp_path / "out")
    (tmp_path / "model").mkdir()
    exported(tmp_path / "model" / "1", channels=3)
    from tf_jfb.serving import _job_settings

    assert bulk.run(job)["images"] == bulk.run(job)["kept"] == 1
    exported(tmp_path / "model" / "2", channels=3)
    with pytest.raises(ValueError, match="holds work with other settings"):
        bulk.run(job)
    kernel, digests = tmp_path / "k.txt", []
    for text in ("1 2 1", "1 2 1", "1 3 1"):
        kernel.write_text(f"{text}\n{text}\n")
        one = bulk.Job(f"{tmp_path}/in/*", model, tmp_path / "out", kernel=str(kernel))
        digests.append(_job_settings.contents(one)["kernel content"])
    assert digests[0] == digests[1] != digests[2]


def test_a_noise_of_no_use_is_refused_before_any_work(pipeline, photos, model, tmp_path):
    with pytest.raises(ValueError, match="`noise` must be left out"):
        bulk.run(bulk.Job(f"{photos}/**", model, tmp_path / "out", noise=0.01))
    assert not (tmp_path / "out").exists()


def test_images_that_would_share_an_output_are_errors(pipeline, model, tmp_path):
    write(tmp_path / "in" / "a.png", 16, 16)
    write(tmp_path / "in" / "a.jpg", 16, 16)
    write(tmp_path / "in" / "b.jpg", 16, 16)
    counts = bulk.run(bulk.Job(f"{tmp_path}/in/*", model, tmp_path / "out", png=True))
    rows = manifest(tmp_path / "out")
    assert (counts["CONVERGED"], counts["ERROR"]) == (1, 2)
    assert (tmp_path / "out" / "images" / "b.png").exists()
    assert "a.jpg, " in rows[f"{tmp_path}/in/a.png"]["error"]
    assert not (tmp_path / "out" / "images" / "a.png").exists()


@pytest.mark.parametrize(
    ("images", "flags", "message"),
    [
        ("none*", [], "`images` must match at least one file"),
        ("*", ["--rtoll=1"], "known here or to Beam. Received: options=\\['rtoll'\\]"),
        ("*", ["b.png", "c.png"], "quote a pattern"),
    ],
)
def test_bad_runs_are_refused(pipeline, model, tmp_path, images, flags, message):
    write(tmp_path / "in" / "a.png", 16, 16)
    job = bulk.Job(f"{tmp_path}/in/{images}", model, tmp_path / "out")
    with pytest.raises(ValueError, match=message):
        bulk.run(job, flags)
    assert not (tmp_path / "out").exists()


class Spy:
    """A model that records the batches it is given, and fails on any with a black image."""

    def __init__(self, channels=3):
        self.rtol, self.max_evaluations, self.batches = tf.constant(0.0), tf.constant(1), []
        options = {
            "rtol": tf.TensorSpec([None]),
            "max_evaluations": tf.TensorSpec([None], tf.int32),
        }
        image = {"image": tf.TensorSpec([None] * 3 + [channels])}
        self.structured_input_signature = (), image | options
        self.structured_outputs = dict.fromkeys(("restored", "residual", "evaluations", "status"))
        self.signatures = {"restore": self}

    def __call__(self, image, rtol, max_evaluations):
        assert rtol.shape == max_evaluations.shape == image.shape[:1]
        self.batches.append(tuple(image.shape[:3]))
        if not image.numpy().any(axis=(1, 2, 3)).all():
            raise tf.errors.ResourceExhaustedError(None, None, "too large")
        ones = tf.ones(len(image))
        return {"restored": image, "residual": ones / 0, "evaluations": ones, "status": ones * 2}


@pytest.fixture
def restore(pipeline, tmp_path):
    """Runs the DoFn on images of given sizes: {name: (height, width)} or a path -> records."""

    def run(model, sizes, **options):
        for i, (name, size) in enumerate(sizes.items()):
            write(tmp_path / "in" / name, *size, seed=i)
        job = bulk.Job(f"{tmp_path}/in/*", "/m", tmp_path / "out", **options)
        do, records = pipeline.Restore(job), []
        do.setup()
        do.start_bundle()
        for path in sorted((tmp_path / "in").iterdir()):
            records += do.process(str(path))
        return records + [windowed.value for windowed in do.finish_bundle()]

    return run


def test_batches_hold_one_size_and_are_bounded(pipeline, restore, monkeypatch):
    spy = Spy()
    monkeypatch.setattr(pipeline, "load", lambda path: ExportedModel(spy))
    sizes = {f"{i}.png": (8, 8 + 2 * (i % 2)) for i in range(7)} | {"8.png": (40, 40)}
    records = restore(spy, sizes, batch=3, pixels=200)
    # 200 pixels hold three images of 8 x 8 and two of 8 x 10; the large one is alone.
    assert spy.batches == [(2, 8, 10), (3, 8, 8), (1, 40, 40), (1, 8, 10), (1, 8, 8)]
    assert {r["status"] for r in records} == {"DIVERGED"} and len(records) == 8
    assert {r["residual"] for r in records} == {None}  # infinity is no JSON


def test_what_waits_for_its_batch_is_bounded(pipeline, restore, monkeypatch):
    spy = Spy()
    monkeypatch.setattr(pipeline, "load", lambda path: ExportedModel(spy))
    monkeypatch.setattr(pipeline, "WAITING", 1)
    restore(spy, {f"{i}.png": (8, 8 + i) for i in range(4)}, pixels=300)
    assert spy.batches[0] == (1, 8, 11)  # the largest, once more than 300 pixels waited


def test_an_image_that_fails_does_not_fail_its_batch(pipeline, restore, monkeypatch, tmp_path):
    spy = Spy()
    monkeypatch.setattr(pipeline, "load", lambda path: ExportedModel(spy))
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "b.png", Photo(np.zeros((8, 8, 3), np.float32)))
    records = restore(spy, {"a.png": (8, 8), "c.png": (8, 8)})
    assert [r["status"] for r in records] == ["DIVERGED", "ERROR", "DIVERGED"]
    assert records[1]["error"] == "too large"


def test_a_record_tells_what_was_estimated_and_the_doubt(pipeline, restore, monkeypatch):
    told = {"noise": 0.02, "estimated": True, "doubt": "correlated"}

    def solve(model, photos, light, **_):
        assert light == "encoded"
        return [Restored(photo, 3, 1e-4, Status.CONVERGED, **told) for photo in photos]

    monkeypatch.setattr(pipeline, "load", lambda path: ExportedModel(Spy()))
    monkeypatch.setattr(pipeline, "deblur_photos", solve)
    (record,) = restore(None, {"a.png": (8, 8)}, light="encoded")
    assert record["status"] == "CONVERGED" and record.items() >= told.items()


def test_work_of_an_earlier_version_counts_as_encoded(pipeline, tmp_path):
    write(tmp_path / "in" / "a.png", 16, 16)
    from tf_jfb.serving import _job_settings

    output = tmp_path / "out"
    job = bulk.Job(f"{tmp_path}/in/*", "/m", output, light="encoded")
    _job_settings.prepare(job)
    settings = json.loads((output / "settings.json").read_text())
    assert settings.pop("light") == "encoded"
    (output / "settings.json").write_text(json.dumps(settings))
    _job_settings.prepare(job)
    with pytest.raises(ValueError, match="holds work with other settings"):
        _job_settings.prepare(bulk.Job(f"{tmp_path}/in/*", "/m", output))


def test_colour_is_refused_by_a_model_of_grey_images(pipeline, restore, monkeypatch):
    monkeypatch.setattr(pipeline, "load", lambda path: ExportedModel(Spy(channels=1)))
    (record,) = restore(None, {"a.png": (8, 8)})
    assert "restores images of 1 channel" in record["error"]


def test_a_model_of_any_blur_is_told_the_kernel(pipeline, tmp_path):
    model = tf_jfb.models.DEHQS(None, tf_jfb.networks.UNet((4,), blocks=1, gain=1e-3))
    model.build((None, None, None, 3))
    folder = export(model, tmp_path / "m" / "1")
    for name, side in {"a": 16, "b": 16, "small": 4}.items():
        write(tmp_path / "in" / f"{name}.png", side, side, seed=side)
    blur = {"kernel": "gaussian:5:1.0", "noise": 0.01, "ensemble": 2}
    job = bulk.Job(f"{tmp_path}/in/*", folder.parent, tmp_path / "out", max_evaluations=4, **blur)
    assert bulk.run(job)["ERROR"] == 1
    rows = manifest(tmp_path / "out")
    assert "larger than the image" in rows[f"{tmp_path}/in/small.png"]["error"]
    alone = deblur_photo(
        ExportedModel.open(folder),
        read_image(tmp_path / "in" / "a.png"),
        max_evaluations=4,
        kernel=job.blur,
        noise=0.01,
        light="linear",
        ensemble=2,
    )
    assert rows[f"{tmp_path}/in/a.png"]["noise"] == pytest.approx(alone.noise)  # of the light
    found = read_image(tmp_path / "out" / "images" / "a.png").pixels
    np.testing.assert_allclose(found, alone.photo.pixels, atol=1.1 / 255)
    with pytest.raises(ValueError, match="`kernel` must be given"):
        bulk.run(bulk.Job(job.images, job.model, tmp_path / "other"))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("photos", "a folder: ask for its files, '.*photos/[*][*]'"),
        ("photos/*.jpg", r"1 file\(s\) end in .JPG: take both by '.*\[jJ\]\[pP\]\[gG\]'"),
        ("photos/**", "photos/elsewhere' is a link to a folder, not followed"),
    ],
)
def test_images_that_would_be_left_out_are_named(pipeline, tmp_path, pattern, message):
    for name in ("photos/a.JPG", "photos/b.jpg", "far/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "photos" / "elsewhere").symlink_to(tmp_path / "far")
    job = bulk.Job(f"{tmp_path}/{pattern}", str(tmp_path), f"{tmp_path}-out")
    with pytest.raises(ValueError, match=message):
        bulk.run(job)


def test_partial_files_of_another_run_stay_for_a_day(pipeline, tmp_path):
    from tf_jfb.serving import _storage

    fresh, old = tmp_path / "fresh", tmp_path / "old"
    for file in (fresh, old):
        file.touch()
    os.utime(old, (0, 0))
    _storage.clear(f"{tmp_path}/*", _storage.STALE)
    assert fresh.exists() and not old.exists()


def test_reading_is_tried_again_and_then_given_up(pipeline, monkeypatch):
    from tf_jfb.serving import _storage

    pauses, calls = [], []
    monkeypatch.setattr(_storage.time, "sleep", pauses.append)

    def fail(error, times):
        calls.append(error)
        if len(calls) <= times:
            raise error
        return b"content"

    assert _storage._retry(lambda: fail(TimeoutError("late"), 2), "Reading") == b"content"
    assert pauses == [1.0, 2.0]
    calls.clear()
    with pytest.raises(OSError, match=r"Reading failed \(late\)"):
        _storage._retry(lambda: fail(RuntimeError("late"), 9), "Reading")
    assert len(calls) == _storage.ATTEMPTS
    calls.clear()
    with pytest.raises(OSError, match="gone"):
        _storage._retry(lambda: fail(FileNotFoundError("gone"), 9), "Reading")
    assert len(calls) == 1


@pytest.fixture
def remote(pipeline, monkeypatch, tmp_path):
    """`remote://` lies below a folder, fails at the first reading, and never replaces a file."""
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.localfilesystem import LocalFileSystem

    tried, scheme = set(), "remote://"

    def local(path):
        assert path.startswith(scheme), path
        return f"{tmp_path}/{path.removeprefix(scheme)}"

    class Remote(LocalFileSystem):
        @classmethod
        def scheme(cls):
            return "remote"

        def split(self, path):
            return posixpath.split(path)

        def mkdirs(self, path):
            super().mkdirs(local(path))

        def _list(self, path):
            for file in filter(pathlib.Path.is_file, pathlib.Path(local(path)).rglob("*")):
                yield FileMetadata(f"{scheme}{file.relative_to(tmp_path)}", 1)

        def metadata(self, path):
            return FileMetadata(path, 1)

        def exists(self, path):
            return super().exists(local(path))

        def create(self, path, *args, **kwargs):
            return super().create(local(path), *args, **kwargs)

        def open(self, path, *args, **kwargs):
            if path not in tried:
                tried.add(path)
                raise RuntimeError("try again")
            return super().open(local(path), *args, **kwargs)

        def rename(self, sources, targets):
            if any(map(self.exists, targets)):
                raise OSError("exists")
            super().rename(list(map(local, sources)), list(map(local, targets)))

        def delete(self, paths):
            for path in paths:
                os.remove(local(path))

    monkeypatch.setattr("tf_jfb.serving._storage.DELAY", 0.0)
    return Remote


def test_a_remote_file_system_will_do(remote, model, tmp_path):
    write(tmp_path / "in" / "a" / "1.png", 16, 16)
    write(tmp_path / "in" / "2.png", 16, 16)
    (tmp_path / "model").symlink_to(model)
    write(tmp_path / "out" / "images" / "2.png", 8, 8)  # of a batch that was killed
    job = bulk.Job("remote://in/**", "remote://model", "remote://out")
    assert bulk.run(job)["CONVERGED"] == 2
    assert set(manifest(tmp_path / "out")) == {"remote://in/a/1.png", "remote://in/2.png"}
    assert read_image(tmp_path / "out" / "images" / "2.png").pixels.shape == (16, 16, 3)
    assert bulk.run(job)["kept"] == 2


def test_after_a_kill_the_same_command_goes_on(pipeline, model, tmp_path):
    for i in range(30):
        write(tmp_path / "in" / f"{i:02}.png", 24, 24, seed=i)
    (tmp_path / "in" / "bad.png").write_text("no image")
    output, options = tmp_path / "out", ["--rtol", "0", "--max-evaluations", "100", "--batch", "2"]
    command = [
        *(sys.executable, ROOT / "scripts" / "deblur_bulk.py", *options),
        *("--images", f"{tmp_path}/in/*", "--model", model, "--output", output),
    ]
    first = subprocess.Popen(command, stderr=subprocess.PIPE)
    while len(list(output.glob("records/*.jsonl"))) < 3:
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert list(output.glob("manifest/*.jsonl")) == []
    recorded = [f.read_text().splitlines() for f in output.glob("records/*")]
    finished = {json.loads(line)["output"] for lines in recorded for line in lines}
    assert 6 <= len(finished) < 30
    for path in (output / "images").iterdir():
        read_image(path)
    before = stamps(output / "images")

    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    counts, rows = json.loads(again.stdout), manifest(output)
    assert (counts["images"], counts["kept"], counts["ERROR"]) == (31, len(finished), 1)
    assert len(rows) == 31 and rows[f"{tmp_path}/in/bad.png"]["status"] == "ERROR"
    after = stamps(output / "images")
    assert len(after) == 30
    assert all(after[path] == before[path] for path in finished)
    assert list((output / "partial").iterdir()) == []
