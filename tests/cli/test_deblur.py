"""`tf-jfb deblur` of one photograph and of many, good and bad."""

import functools
import json
import os
import pathlib
import shutil
import signal

import numpy as np
import pytest
import tifffile
from commands import command
from PIL import Image

import tf_jfb
from tf_jfb.cli import _deblur_one as cli_one
from tf_jfb.data import Photo, light, read_image, write_image
from tf_jfb.exported import ExportedModel, Restored, export
from tf_jfb.operators import kernels
from tf_jfb.serving.photographs import Restorer
from tf_jfb.serving.report import Report

_open = functools.lru_cache(ExportedModel.open)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Made for one blur, and quick."""
    network = tf_jfb.networks.DnCNN(2, 4, lipschitz=1.0, gain=0.2)
    model = tf_jfb.models.DEGrad(tf_jfb.operators.GaussianBlur(3, 0.5), network)
    model.build((None, None, None, 3))
    return export(model, tmp_path_factory.mktemp("model") / "1")


@pytest.fixture(autouse=True)
def opened_once(monkeypatch):
    """Loading a model takes longer than what is tried here."""
    monkeypatch.setattr(ExportedModel, "open", _open)


def write(path, height, width, seed=0, channels=3, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).random((height, width, channels), np.float32)
    write_image(path, Photo(pixels, **fields))


@pytest.fixture
def photos(tmp_path):
    """Seven good images, in three sizes, and three bad files."""
    for i in range(4):
        write(tmp_path / "in" / f"{i}.png", 16, 20, i)
    write(tmp_path / "in" / "deep" / "grey.tif", 16, 20, channels=1, bits=16)
    write(tmp_path / "in" / "deep" / "PHOTO.JPG", 24, 16)
    write(tmp_path / "in" / "large.png", 40, 40)
    (tmp_path / "in" / "text.png").write_text("no image")
    (tmp_path / "in" / "empty.jpg").write_bytes(b"")
    content = (tmp_path / "in" / "large.png").read_bytes()
    (tmp_path / "in" / "cut.png").write_bytes(content[: len(content) // 2])
    return tmp_path / "in"


def test_a_folder_is_restored_and_bad_files_fail_alone(photos, model, tmp_path):
    out = tmp_path / "out"
    ran = command("deblur", photos, "--model", model, "-o", out)
    assert ran.returncode == 1, ran.stderr
    assert "10 images: 7 converged, 3 error; see" in ran.stdout
    rows = Report(out).rows
    failed = {row.file.rpartition("/")[-1] for row in rows.values() if row.status == "ERROR"}
    assert failed == {"text.png", "empty.jpg", "cut.png"} and len(rows) == 10
    assert all(row.message for row in rows.values() if row.status == "ERROR")
    good = [row for row in rows.values() if row.status != "ERROR"]
    assert all(float(row.residual) <= 1e-3 and float(row.seconds) > 0 for row in good)
    alone = command("deblur", photos / "2.png", "--model", model, "-o", tmp_path / "2.png")
    assert alone.returncode == 0, alone.stderr
    both = [read_image(path).pixels for path in (out / "2.png", tmp_path / "2.png")]
    np.testing.assert_allclose(*both, atol=1.1 / 255)
    assert read_image(out / "deep" / "grey.tif").bits == 16


def test_what_is_done_is_kept_unless_it_is_to_be_overwritten(photos, model, tmp_path):
    told = ("deblur", f"{photos}/*.png", "--model", model, "-o", tmp_path / "out")
    assert command(*told).returncode == 1
    first = (tmp_path / "out" / "1.png").stat().st_mtime_ns
    (photos / "text.png").unlink()
    (photos / "cut.png").unlink()
    again = command(*told)
    assert again.returncode == 0 and "5 kept" in again.stdout
    rows = Report(tmp_path / "out").rows
    assert rows[str(photos / "1.png")].status == "CONVERGED"  # of the first run
    assert (tmp_path / "out" / "1.png").stat().st_mtime_ns == first
    assert "5 converged" in command(*told, "--overwrite").stdout
    assert (tmp_path / "out" / "1.png").stat().st_mtime_ns > first


@pytest.mark.parametrize(
    "change, message",
    [
        (["--simulate", "box:3"], "--simulate is for one photograph"),
        (["--kernel", "box:3"], "`kernel` must be left out: the model was made for one blur"),
        (["--rtol", "inf"], "`rtol` must be >= 0, and finite"),
        (["--saturated", "0"], "`saturated` must be positive"),
        (["--noise", "0.1"], "`noise` must be left out"),
        (["--photons", "100"], "`noise` must be left out"),
        (["--photons", "0"], "`photons` must be positive, and finite"),
        (["--photons", "100", "--noise", "0.1"], "--noise and --photons say the same"),
        (["--read-noise", "2"], "--read-noise needs --photons or --gain"),
        (["--ensemble", "2"], "`ensemble` must be 1: the model was made for one blur"),
        (["--refine-kernel"], "--refine-kernel needs --kernel to start from"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(photos, model, tmp_path, change, message):
    ran = command("deblur", photos, "--model", model, "-o", tmp_path / "out", *change)
    assert ran.returncode == 2 and message in ran.stderr
    assert not (tmp_path / "out").exists()


def test_outputs_that_cannot_be(photos, model, tmp_path):
    told = ("--model", model)
    ran = command("deblur", photos, *told, "-o", photos / "out")
    assert ran.returncode == 2 and "must lie outside the folder" in ran.stderr
    ran = command("deblur", photos, *told, "-o", tmp_path / "out.png")
    assert ran.returncode == 2 and "must be a folder" in ran.stderr
    (tmp_path / "none").mkdir()
    ran = command("deblur", tmp_path / "none", *told, "-o", tmp_path / "out")
    assert ran.returncode == 2 and "must be an image" in ran.stderr


def test_two_images_of_one_output_are_not_mixed_up(model, tmp_path):
    for folder in "ab":
        write(tmp_path / folder / "x.png", 16, 20)
    names = [tmp_path / folder / "x.png" for folder in "ab"]
    ran = command("deblur", *names, "--model", model, "-o", tmp_path / "out")
    assert ran.returncode == 1 and "has the same output" in ran.stderr


def test_light_is_restored_before_it_is_encoded(model, tmp_path):
    """A linear solve of decoded values, as of the light itself in a file of floating numbers."""
    values = np.random.default_rng(0).random((16, 20, 3), np.float32)
    write_image(tmp_path / "encoded.tif", Photo(light.encode(values), dtype="float32", bits=32))
    write_image(tmp_path / "linear.tif", Photo(values, dtype="float32", bits=32))
    for name, chosen in {"encoded": "linear", "linear": "encoded"}.items():
        out = tmp_path / f"{name}-out.tif"
        ran = command(
            "deblur", tmp_path / f"{name}.tif", "--model", model, "-o", out, "--light", chosen
        )
        assert ran.returncode == 0, ran.stderr
    encoded, linear = (
        read_image(tmp_path / f"{n}-out.tif", white=2.0).pixels * 2 for n in ("encoded", "linear")
    )
    np.testing.assert_allclose(light.decode(encoded), linear, atol=1e-4)


def test_a_simulated_blur_is_told_as_json(model, tmp_path):
    write_image(tmp_path / "x.png", Photo(tf_jfb.data.dead_leaves(1, 32)[0]))
    told = ("--model", model, "-o", tmp_path / "out.png", "--simulate", "gaussian:3:0.5", "--json")
    ran = command("deblur", tmp_path / "x.png", *told)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["status"] == "CONVERGED" and report["psnr_blurred"] > 20


class Untouched:
    """Stands for a model of any blur that is told the noise: returns what it was given."""

    takes_kernel, takes_noise, channels = True, True, 3

    def restore(self, image, **told):
        self.told = told
        zeros = np.zeros(len(image), int)
        return tf_jfb.Solution(image, zeros, zeros, zeros, zeros[:, None])


@pytest.fixture
def any_blur(monkeypatch):
    model = Untouched()
    monkeypatch.setattr(ExportedModel, "open", lambda name: model)
    return model


def test_what_noise_was_told_or_estimated_is_reported(any_blur, tmp_path):
    rng = np.random.default_rng(0)
    noisy = 0.5 + 0.02 * rng.standard_normal((64, 64, 3), np.float32)
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "sure.png", Photo(noisy, bits=16))
    doubtful = (noisy[1:] + noisy[:-1])[:, 1:] / 4 + (noisy[1:] + noisy[:-1])[:, :-1] / 4
    write_image(tmp_path / "in" / "doubtful.png", Photo(doubtful, bits=16))
    told = ("--kernel", "box:3", "--light", "encoded")
    ran = command("deblur", tmp_path / "in", *told, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    assert "the noise of 1 was estimated and is not to be trusted" in ran.stdout
    rows = {row.file[-8:]: row for row in Report(tmp_path / "out").rows.values()}
    assert float(rows["sure.png"].noise) == pytest.approx(0.02, rel=0.1)
    assert rows["sure.png"].doubt == "none" and "correlated" in rows["tful.png"].doubt
    one = ("deblur", tmp_path / "in" / "doubtful.png", *told, "-o", tmp_path / "o.png")
    report = json.loads(command(*one, "--json").stdout)
    assert report["noise_estimated"] and "correlated" in report["noise_doubt"]
    assert "estimated from the image; do not trust it: the noise is corr" in command(*one).stdout
    counted = json.loads(command(*one, "--photons", 100, "--read-noise", 3, "--json").stdout)
    expected = ((doubtful.mean() + 0.09) / 100) ** 0.5
    assert counted["noise"] == pytest.approx(expected, rel=1e-3)
    assert (counted["noise_estimated"], counted["noise_doubt"]) == (False, None)


def test_numbers_that_json_has_not_are_null():
    rows = {"residual": np.inf, "psnr_restored": float("nan"), "evaluations": 3, "status": "CAP"}
    expected = {"residual": None, "psnr_restored": None, "evaluations": 3, "status": "CAP"}
    assert cli_one.finite(rows) == expected


@pytest.mark.parametrize("light_is", ["linear", "encoded"])
def test_photons_are_simulated_in_light(any_blur, tmp_path, light_is, monkeypatch):
    write_image(tmp_path / "x.png", Photo(np.full((64, 64, 3), 0.5, np.float32)))
    seen = []
    one = cli_one.report.describe
    monkeypatch.setattr(cli_one.report, "describe", lambda *a: seen.append(a[1]) or one(*a))
    told = ("--kernel", "box:3", "--simulate", "box:3", "--photons", 100)
    ran = command(
        "deblur", tmp_path / "x.png", *told, "--light", light_is, "-o", tmp_path / "o.png"
    )
    assert ran.returncode == 0, ran.stderr
    pixels = light.decode(seen[0].pixels) if light_is == "linear" else seen[0].pixels
    assert pixels.std() == pytest.approx((pixels.mean() / 100) ** 0.5, rel=0.05)


def test_a_kernel_is_refined_from_every_photograph(any_blur, tmp_path):
    kernel, told = kernels.motion(15, 3), tmp_path / "k.npy"
    np.save(told, kernels.stretched(kernel, 1.1))
    (tmp_path / "in").mkdir()
    for seed in (1, 2):
        scene = tf_jfb.data.dead_leaves(1, 112, seed=seed)[0]
        blurred = tf_jfb.operators.Blur(kernel)(scene[None])[0, 7:-7, 7:-7].numpy()
        noisy = blurred + 0.01 * np.random.default_rng(seed).standard_normal(blurred.shape)
        pixels = light.encode(np.float32(noisy))
        write_image(tmp_path / "in" / f"{seed}.tif", Photo(pixels, bits=16))
    options = ("--kernel", told, "--refine-kernel", "--noise", 0.01, "--ensemble", 4)
    one = ("deblur", tmp_path / "in" / "1.tif", *options, "-o", tmp_path / "out.tif")
    report = json.loads(command(*one, "--json").stdout)
    assert report["kernel_scale"] == pytest.approx(1 / 1.1, abs=0.03)
    assert report["kernel_cleaned"] is False and any_blur.told["ensemble"] == 4
    assert f"{report['kernel_scale']:.3f} times as wide as told" in command(*one).stdout
    found = any_blur.told["kernel"]
    assert np.linalg.norm(_centred(found, 21) - _centred(kernel, 21)) < 0.6 * np.linalg.norm(
        _centred(np.load(told), 21) - _centred(kernel, 21)
    )
    ran = command("deblur", tmp_path / "in", *options, "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    scales = [row.kernel_scale for row in Report(tmp_path / "out").rows.values()]
    assert len(set(scales)) == 2 and f"{report['kernel_scale']:.3f}" in scales


def _centred(kernel, side):
    margin = (side - len(kernel)) // 2
    return np.pad(kernel[-margin:margin] if margin < 0 else kernel, max(margin, 0))


TOLD = ("--kernel", "box:3", "--light", "encoded", "--noise", 0.01)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.png", "-o", "a.png"],
        ["a.png", "-o", "linked.png"],
        ["a.png", "-o", "k.tif", "--kernel", "k.tif"],
        ["a.png", "-o", "k.npz", "--kernel", "k.npz:psf"],
        ["a.png", "-o", "mask.png", "--mask", "mask.png"],
        ["a.png", "-o", "b.png", "--figure", "a.png"],
        ["a.png", "-o", "b.png", "--figure", "./b.png"],
        ["a.png", "mask.png", "-o", "out", "--kernel", "out/a.png", "--overwrite"],
        ["a.png", "mask.png", "-o", "out", "--kernel", "out/report.csv"],
    ],
)
def test_no_input_is_overwritten(any_blur, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "k.tif", "mask.png", "out/a.png"):
        write(tmp_path / name, 9, 9, channels=1)
    np.savez("k.npz", psf=np.ones((3, 3)))
    pathlib.Path("out", "report.csv").write_text("")
    os.symlink("a.png", "linked.png")
    before = {p: p.read_bytes() for p in pathlib.Path().rglob("*.*")}
    ran = command("deblur", *TOLD, *arguments)
    assert ran.returncode == 2 and "must be another file than" in ran.stderr
    assert {p: p.read_bytes() for p in pathlib.Path().rglob("*.*")} == before


def test_another_output_is_replaced(any_blur, tmp_path):
    for name in ("a.png", "b.png"):
        write(tmp_path / name, 9, 9, seed=len(name))
    before = (tmp_path / "b.png").stat().st_ino
    ran = command("deblur", *TOLD, tmp_path / "a.png", "-o", tmp_path / "b.png")
    assert ran.returncode == 0 and (tmp_path / "b.png").stat().st_ino != before


def test_what_another_photograph_became_is_not_kept_for_this_one(any_blur, tmp_path):
    for seed, folder in enumerate("xy"):
        write(tmp_path / folder / "a.png", 16, 20, seed)
    out = tmp_path / "out"
    x, y = ([*TOLD, tmp_path / folder / "a.png", "-o", f"{out}/"] for folder in "xy")
    out.mkdir()
    assert command("deblur", *x).returncode == 0
    made = (out / "a.png").read_bytes()
    ran = command("deblur", *y)
    assert ran.returncode == 1 and "x/a.png has the same output" in ran.stderr
    rows = Report(out).rows
    one, other = (rows[str(tmp_path / folder / "a.png")] for folder in "xy")
    assert one.output == "a.png" and (other.status, other.output) == ("ERROR", "")
    assert (out / "a.png").read_bytes() == made and "1 kept" in command("deblur", *x).stdout
    assert command("deblur", *y, "--overwrite").returncode == 0  # as it was asked for
    assert list(Report(out).rows) == [str(tmp_path / "y" / "a.png")]
    shutil.move(tmp_path / "y", tmp_path / "z")
    moved = [*TOLD, tmp_path / "z" / "a.png", "-o", out]
    assert "1 kept" in command("deblur", *moved).stdout
    (row,) = Report(out).rows.values()
    assert row.file == str(tmp_path / "z" / "a.png") and row.status == "CONVERGED"


def test_photographs_of_one_name_in_two_folders_are_two(any_blur, tmp_path, monkeypatch):
    told = ("deblur", *TOLD, "photos", "-o", tmp_path / "out")
    for seed, folder in enumerate("ab"):
        write(tmp_path / folder / "photos" / "a.png", 16, 20, seed)
    ends = []
    for folder in "aba":
        monkeypatch.chdir(tmp_path / folder)
        ends.append(command(*told))
    assert [ran.returncode for ran in ends] == [0, 1, 0] and "1 kept" in ends[2].stdout
    assert "has the same output" in ends[1].stderr


def test_reports_of_earlier_versions_are_gone_on_with(any_blur, tmp_path):
    write(tmp_path / "in" / "a.png", 16, 20)
    told = ("deblur", *TOLD, tmp_path / "in", "-o", tmp_path / "out")
    assert command(*told).returncode == 0
    report = tmp_path / "out" / "report.csv"
    lines = [line.split(",") for line in report.read_text().splitlines()]
    for width in (7, 9):
        report.write_text("".join(",".join(line[:width]) + "\n" for line in lines))
        assert "1 kept" in command(*told).stdout
        (row,) = Report(tmp_path / "out").rows.values()
        assert (row.status, row.output) == ("CONVERGED", "a.png")


def test_names_that_are_no_text_are_reported(any_blur, tmp_path):
    write(tmp_path / "a.png", 16, 20)
    (tmp_path / "in").mkdir()
    name = os.fsdecode(b"\xff\xfe.png")
    try:
        shutil.move(tmp_path / "a.png", tmp_path / "in" / name)
    except OSError:
        pytest.skip("the file system takes no such name")
    told = ("deblur", *TOLD, tmp_path / "in", "-o", tmp_path / "out")
    assert command(*told).returncode == 0
    first = Report(tmp_path / "out").rows
    assert first[str(tmp_path / "in" / name)].output == name
    assert "1 kept" in command(*told).stdout and Report(tmp_path / "out").rows == first


def stop_after(monkeypatch, restored, stop):
    """Runs `stop` once so many photographs are restored."""
    run = Restorer.run

    def stopped(self, *told):
        for count, row in enumerate(run(self, *told), start=1):
            yield row
            if count == restored:
                stop()

    monkeypatch.setattr(Restorer, "run", stopped)


def test_what_is_done_is_reported_whatever_stops_the_run(any_blur, tmp_path, monkeypatch):
    for i in range(4):
        write(tmp_path / "in" / f"{i}.png", 16, 20 + i)
    told = ("deblur", *TOLD, tmp_path / "in", "-o", tmp_path / "out")
    seen = []

    def look():
        seen.append((tmp_path / "out" / "report.csv").read_text().count("\n"))
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        stop_after(patched, 2, look)
        before = signal.getsignal(signal.SIGTERM)
        ran = command(*told)
    assert ran.returncode == 130 and "interrupted" in ran.stderr and seen == [3]
    assert signal.getsignal(signal.SIGTERM) is before
    assert len(Report(tmp_path / "out").rows) == 2
    assert "2 converged, 2 kept" in command(*told).stdout
    report = tmp_path / "out" / "report.csv"
    assert [r.status for r in Report(tmp_path / "out").rows.values()] == ["CONVERGED"] * 4
    report.write_text(report.read_text()[:-40])  # as where writing it was cut off
    assert len(Report(tmp_path / "out").rows) == 3
    report.unlink()
    assert "4 kept" in command(*told).stdout
    assert [r.status for r in Report(tmp_path / "out").rows.values()] == ["KEPT"] * 4


@pytest.mark.parametrize("light_is", ["linear", "encoded"])
@pytest.mark.parametrize("white", [1000, 4095, 65535])
def test_integers_stay_in_their_units(any_blur, tmp_path, light_is, white):
    levels = np.random.default_rng(0).integers(0, 4096, (16, 20), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", levels)
    told = ("--kernel", "box:3", "--noise", 0.01, "--light", light_is, "--white", white)
    ran = command("deblur", tmp_path / "a.tif", *told, "-o", tmp_path / "b.tif")
    assert ran.returncode == 0, ran.stderr
    np.testing.assert_allclose(tifffile.imread(tmp_path / "b.tif"), levels, atol=1)


def test_a_pattern_goes_on_though_it_matches_its_results(any_blur, tmp_path):
    for name in ("a.png", "deep/b.png"):
        write(tmp_path / name, 16, 20)
    told = ("deblur", *TOLD, f"{tmp_path}/**/*.png", "-o", tmp_path / "restored")
    assert "2 images: 2 converged" in command(*told).stdout
    again = command(*told)
    assert again.returncode == 0 and "2 images: 2 kept" in again.stdout
    assert f"left out, as they lie below {tmp_path}/restored: 2 images" in again.stderr
    for names in ([f"{tmp_path}/*.png"], [tmp_path / "a.png", tmp_path / "deep" / "b.png"]):
        ran = command("deblur", *TOLD, *names, "-o", tmp_path)
        assert ran.returncode == 2 and "`output` must not hold" in ran.stderr


def test_other_files_of_a_folder_are_counted(any_blur, tmp_path):
    write(tmp_path / "in" / "a.pgm", 16, 20, channels=1, bits=16)
    write(tmp_path / "in" / "b.jfif", 16, 20)
    for name in ("c.xcf", "d.xcf", "notes"):
        (tmp_path / "in" / name).write_text("")
    ran = command("deblur", *TOLD, tmp_path / "in", "-o", tmp_path / "out")
    assert ran.returncode == 0 and "2 images: 2 converged" in ran.stdout
    assert "left out for their ending: 2 .xcf, 1 without one" in ran.stderr
    assert read_image(tmp_path / "out" / "a.pgm").bits == 16
    np.testing.assert_allclose(
        *(read_image(tmp_path / folder / "a.pgm").pixels for folder in ("in", "out")), atol=1e-4
    )


def test_an_animation_is_refused_like_a_stack(any_blur, tmp_path):
    frames = [Image.new("L", (20, 16), value) for value in (90, 0, 9)]
    (tmp_path / "in").mkdir()
    frames[0].save(tmp_path / "in" / "a.gif", save_all=True, append_images=frames[1:])
    told = ("deblur", *TOLD, tmp_path / "in", "-o", tmp_path / "out")
    ran = command(*told)
    assert ran.returncode == 1 and "it holds 3 images: `pages` must say which" in ran.stderr
    assert command(*told, "--pages", "first").returncode == 0
    assert "A stack can be written as" in command(*told, "--pages", "all", "--overwrite").stderr


@pytest.mark.parametrize("channels, linear", [(1, True), (2, False), (3, True), (5, True)])
def test_a_figure_of_any_channels(tmp_path, monkeypatch, channels, linear):
    photo = Photo(np.full((channels, 20, channels), 0.25, np.float32), linear=linear)
    shown = []
    draw = cli_one.report.show
    monkeypatch.setattr(cli_one.report, "show", lambda *a: shown.append(a[1]) or draw(*a))
    result = Restored(photo, 3, 0.0, tf_jfb.Status.CONVERGED)
    cli_one.report.plot(tmp_path / "f.png", result, photo, None)
    assert (tmp_path / "f.png").exists()
    np.testing.assert_allclose(shown[0], light.encode(photo.pixels) if linear else photo.pixels)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("file,status\n", encoding="utf-16"),
        lambda path: path.write_text(path.read_text() + "x" * 200_000 + "\n"),
        lambda path: path.write_text("name,marks\nAda,1\n"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["UTF-16", "long field", "other table", "folder"],
)
def test_a_damaged_report_is_named_before_the_work(any_blur, tmp_path, spoil, monkeypatch):
    write(tmp_path / "in" / "a.png", 16, 20)
    told = ("deblur", *TOLD, tmp_path / "in", "-o", tmp_path / "out", "--overwrite")
    assert command(*told).returncode == 0
    spoil(tmp_path / "out" / "report.csv")
    monkeypatch.setattr(Restorer, "run", None)
    ran = command(*told)
    assert ran.returncode == 2 and "report.csv in the output must be the report of" in ran.stderr
    assert f"path='{tmp_path}/out/report.csv'" in ran.stderr


@pytest.mark.parametrize("low, high", [(0, 1), (0, 255), (9, 200)])
def test_masks_of_levels_0_and_1_are_masks(any_blur, tmp_path, low, high):
    write(tmp_path / "a.png", 16, 20)
    levels = np.full((16, 20), high, np.uint8)
    levels[3:5, 6] = low
    Image.fromarray(levels).save(tmp_path / "m.png")
    told = ("--mask", tmp_path / "m.png", "-o", tmp_path / "o.png")
    ran = command("deblur", *TOLD, tmp_path / "a.png", *told)
    assert ran.returncode == 0, ran.stderr
    np.testing.assert_array_equal(any_blur.told["mask"][0, ..., 0], levels == high)


def test_a_missing_image_is_said_to_be_missing(any_blur, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = command("deblur", *TOLD, "none", "-o", "restored")
    assert ran.returncode == 2 and "The image file must exist. Received: path='none'" in ran.stderr


def test_noise_is_told_in_both_units(any_blur, tmp_path):
    write_image(tmp_path / "a.png", Photo(np.full((16, 20, 3), 0.5, np.float32)))
    one = ("deblur", tmp_path / "a.png", "--kernel", "box:3", "-o", tmp_path / "o.png")
    in_light = f"{light.noise_in_light(0.01, np.full((1, 1, 3), 0.5)):.4f} of the light"
    assert f"noise: 0.01 as told, {in_light}\n" in command(*one, "--noise", 0.01).stdout
    encoded = command(*one, "--noise", 0.01, "--light", "encoded").stdout
    assert "noise: 0.0100, as told\n" in encoded
    report = json.loads(command(*one, "--noise", 0.01, "--json").stdout)
    assert (report["noise_told"], report["noise_of"]) == (0.01, "light")
    assert " of the light, estimated from the image" in command(*one).stdout
