"""`tf-jfb psf`: made, measured and checked, with their files and pictures."""

import json

import numpy as np
import pytest
from commands import command
from PIL import Image

from tf_jfb import psf
from tf_jfb.cli import psf as cli
from tf_jfb.data import Photo, light, write_image
from tf_jfb.operators import kernels


def test_the_help_names_what_there_is():
    assert tuple(psf.FORMATS) == cli.FORMATS
    forms = [f"  {name}:{form}" for name, those in kernels.FORMS.items() for form in those]
    assert all(form in cli.MAKE for form in forms if "motion" not in form)
    ran = command("psf", "make", "--help")
    assert ran.returncode == 0 and "tf-jfb psf make line:15:30 -o psf.npy" in ran.stdout


@pytest.mark.parametrize(
    "suffix, tolerance", [(".npy", 0), (".csv", 0), (".txt", 0), (".tif", 1e-7)]
)
def test_made_files_are_read_again(tmp_path, suffix, tolerance):
    out = tmp_path / f"k{suffix}"
    ran = command("psf", "make", "line:7:30", "-o", out)
    assert ran.returncode == 0, ran.stderr
    np.testing.assert_allclose(
        kernels.load(out), kernels.line(7, 30), atol=1e-7 * (suffix == ".tif")
    )
    assert "size        5 rows, 7 columns" in ran.stdout and "+0.00 rows, +0.00" in ran.stdout


def test_a_lens_and_its_picture(tmp_path):
    optics = ["--wavelength", 0.52, "--pixel", 0.1, "--numerical-aperture", 1.2]
    told = ["-o", tmp_path / "k.npy", "--figure", tmp_path / "k.png", "--json"]
    ran = command("psf", "make", "airy", *optics, *told)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["shape"] == [29, 29] and found["passes"] == pytest.approx(0.36, abs=0.01)
    np.testing.assert_array_equal(np.load(tmp_path / "k.npy"), kernels.airy(0.52, 0.1, 1.2))
    with Image.open(tmp_path / "k.png") as image:
        assert image.size[0] > 1000


def test_check_tells_the_sum_of_the_file(tmp_path):
    np.save(tmp_path / "k.npy", 3 * np.pad(kernels.disk(2.0), ((4, 0), (0, 0))))
    ran = command("psf", "check", tmp_path / "k.npy")
    assert ran.returncode == 0, ran.stderr
    assert "sum         3; a restoration makes it 1" in ran.stdout
    assert "+2.00 rows, +0.00 columns" in ran.stdout
    assert "note: Its centre of mass lies +2.0 rows" in ran.stdout


def beads(path, encoded):
    """Four points on a background, in light or encoded as sRGB."""
    image = np.full((80, 80, 1), 0.02)
    for row, column in [(20, 22), (18, 58), (60, 20), (58, 60)]:
        image[row - 7 : row + 8, column - 7 : column + 8, 0] += 4 * kernels.gaussian(15, 1.8)
    image += 1e-4 * np.random.default_rng(0).standard_normal(image.shape)
    pixels = light.encode(image) if encoded else image
    write_image(path, Photo(np.float32(pixels), bits=16))
    return path


@pytest.mark.parametrize("encoded", [True, False])
def test_measured_in_light(tmp_path, encoded):
    image, out = beads(tmp_path / "beads.tif", encoded), tmp_path / "k.npy"
    kind = "linear" if encoded else "encoded"  # decoded first, or taken as it is
    ran = command("psf", "measure", image, image, "--light", kind, "--size", 13, "-o", out)
    assert ran.returncode == 0, ran.stderr
    assert "8 averaged, 0 left out" in ran.stdout
    assert np.abs(np.load(out) - kernels.gaussian(13, 1.8)).sum() < 0.03


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["make", "disk:3", "-o", "k.jpg"], "The output must end in one of .npy, .txt"),
        (["make", "disk:3", "-o", "none/k.npy"], "The folder of 'none/k.npy' must exist"),
        (["make", "disk:3", "-o", "k.npy", "--figure", "k.xyz"], "--figure must end in one of"),
        (["make", "lens:3", "-o", "k.npy"], "BLUR must begin with one of airy, box"),
        (["make", "disk:3", "--pixel", 2, "-o", "k.npy"], "--pixel: only airy takes it"),
        (["make", "airy", "--pixel", 2, "-o", "k.npy"], "it needs pixel, wavelength"),
        (["measure", "none.tif", "-o", "k.npy"], "The image file must exist"),
        (["check", "none.npy"], "The kernel file must exist"),
        (["measure"], "the following arguments are required: IMAGE, -o/--output"),
        ([], "the following arguments are required: make | measure | check"),
    ],
)
def test_errors_are_one_line_and_write_nothing(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    ran = command("psf", *arguments)
    assert ran.returncode == 2 and message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure", "k.tif", "-o", "k.tif"],
        ["measure", "k.tif", "-o", "k.npy", "--figure", "k.tif"],
        ["make", "disk:3", "-o", "k.npy", "--figure", "k.npy"],
        ["check", "k.tif", "--figure", "k.tif"],
    ],
)
def test_no_input_is_overwritten(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "check_figure", lambda path: None)
    before = beads(tmp_path / "k.tif", encoded=False).read_bytes()
    ran = command("psf", *arguments)
    assert ran.returncode == 2 and "must be another file than" in ran.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["k.tif"]
    assert (tmp_path / "k.tif").read_bytes() == before


def test_errors_tell_plain_numbers(tmp_path):
    write_image(tmp_path / "b.png", Photo(np.full((40, 40, 1), 0.3, np.float32)))
    ran = command("psf", "measure", tmp_path / "b.png", "-o", tmp_path / "k.npy")
    assert ran.returncode == 2 and "height=0.0" in ran.stderr and "np." not in ran.stderr


def test_save_refuses(tmp_path):
    with pytest.raises(ValueError, match="`path` must end in one of .npy, .*k.jpg"):
        psf.save(tmp_path / "k.jpg", np.ones((3, 3)))
    with pytest.raises(ValueError, match="`kernel` must have a positive sum"):
        psf.save(tmp_path / "k.npy", np.zeros((3, 3)))
