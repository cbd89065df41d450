"""`tf-jfb deblur` of one photograph and of many, good and bad."""

import functools
import json

import numpy as np
import pytest
from commands import command

import tf_jfb
from tf_jfb.cli import _deblur_one as cli_one
from tf_jfb.data import Photo, light, read_image, write_image
from tf_jfb.exported import ExportedModel, export
from tf_jfb.operators import kernels
from tf_jfb.serving.photographs import read_report

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
    rows = read_report(out / "report.csv")
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
    rows = read_report(tmp_path / "out" / "report.csv")
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
    rows = {row.file[-8:]: row for row in read_report(tmp_path / "out" / "report.csv").values()}
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
    scales = [row.kernel_scale for row in read_report(tmp_path / "out" / "report.csv").values()]
    assert len(set(scales)) == 2 and f"{report['kernel_scale']:.3f}" in scales


def _centred(kernel, side):
    margin = (side - len(kernel)) // 2
    return np.pad(kernel[-margin:margin] if margin < 0 else kernel, max(margin, 0))
