"""The scripts as a person runs them: help, one-line errors, and the shipped model's work."""

import json
import pathlib

import numpy as np
import pytest
from commands import process, script
from run_folders import untrained

from tf_jfb.data import Photo, read_image, write_image
from tf_jfb.exported import ExportedModel
from tf_jfb.training import Config

ROOT = pathlib.Path(__file__).parents[2]
MODEL = ROOT / "saved_models" / "celeba-g5s5"
PHOTO = ROOT / "docs" / "images" / "astronaut.png"


NAMES = sorted(p.name for p in (ROOT / "scripts").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_an_example(name):
    ran = script(name, "--help")
    assert ran.returncode == 0, ran.stderr
    assert f"python scripts/{name}" in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_real_start_prints_help_and_nothing_else(name):
    ran = process(name, "--help")
    assert ran.returncode == 0 and ran.stdout == script(name, "--help").stdout
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("model", "told", "side"),
    [("celeba-g5s5", ["--light", "encoded"], 96), ("deblur", ["--kernel", "gaussian:5:5.0"], 92)],
    ids=["one blur", "any blur"],
)
def test_deblurring_a_simulated_photograph(tmp_path, model, told, side):
    photo = read_image(PHOTO)
    sharp = tmp_path / "sharp.png"
    write_image(sharp, Photo(photo.pixels[40:136, 60:156], bits=16))
    ran = script(
        "deblur.py",
        sharp,
        "--model",
        MODEL.parent / model,
        *told,
        "-o",
        tmp_path / "out.png",
        "--simulate",
        "gaussian:5:5.0",
        "--noise",
        "0.005",
        "--json",
        "--figure",
        tmp_path / "f.png",
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["psnr_restored"] > report["psnr_blurred"] + 3
    assert report["ssim_restored"] > report["ssim_blurred"]
    assert 1 < report["evaluations"] <= 50
    restored = read_image(tmp_path / "out.png")
    assert restored.bits == 16 and restored.pixels.shape == (side, side, 3)
    assert (tmp_path / "f.png").stat().st_size > 10_000


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "cut.png").write_bytes(PHOTO.read_bytes()[:5000])
    write_image(tmp_path / "tiny.png", Photo(np.zeros((3, 3, 3), np.float32)))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.png"], "must exist"),
        (["text.png"], "not a readable image"),
        (["cut.png"], "not a readable image"),
        ([PHOTO, "--simulate", "gaussian:5"], "gaussian:SIZE:STD"),
        ([PHOTO, "--simulate", "gaussian:5:5.0", "--noise", "-1"], "`noise` must be >= 0"),
        ([PHOTO, "--rtol", "-1"], "`rtol` must be >= 0"),
        ([PHOTO, "--rtol", "inf"], "`rtol` must be >= 0, and finite"),
        ([PHOTO, "--max-evaluations", "0"], "`max_evaluations` must be >= 1"),
        ([PHOTO, "--kernel", "gaussian:5:5.0"], "made for one blur"),
        ([PHOTO, "--unknown", "1"], "unrecognized arguments"),
        ([PHOTO, "--figure", "f.xyz"], "--figure must end in one of"),
        (["tiny.png", "--simulate", "gaussian:5:5.0"], "larger than the image"),
    ],
    ids=lambda v: str(v[-1])[-12:] if isinstance(v, list) else None,
)
def test_bad_input_is_one_line_and_writes_nothing(bad_files, arguments, message):
    photo = arguments[0] if isinstance(arguments[0], pathlib.Path) else bad_files / arguments[0]
    out = bad_files / "out.png"
    ran = script("deblur.py", photo, "--model", MODEL, "-o", out, *arguments[1:])
    assert ran.returncode == 2
    assert message in ran.stderr and "Traceback" not in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize("output", ["no/such/folder/out.png", "out.xyz"])
def test_bad_outputs_are_refused(tmp_path, output):
    ran = script(
        "deblur.py", PHOTO, "--model", MODEL, "-o", tmp_path / output, "--max-evaluations", 1
    )
    assert ran.returncode == 2 and "output" in ran.stderr.lower()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_auditing_a_run(tmp_path):
    tiny = {"crop": 16, "size": 16, "depth": 2, "channels": 4, "gain": 0.05, "validation": 1}
    config = Config(**tiny, lipschitz=0.5, max_evaluations=5, batch_size=2, epochs=1, steps=1)
    untrained(config, tmp_path / "run")
    ran = script("audit.py", tmp_path / "run", "--images", 1, "--crop", 16, "--json")
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert 0 < figures["spectral_radius"][0] <= figures["contraction"][0] * 1.01
    assert figures["cosine"]["jfb"] <= figures["cosine"]["neumann:5"] + 1e-3
    ran = script("audit.py", tmp_path / "run", "--path", tmp_path / "nowhere")
    assert ran.returncode == 2 and "`path` must be an existing folder of images" in ran.stderr
    ran = script("audit.py", tmp_path)
    assert ran.returncode == 2 and "config.yaml: train first" in ran.stderr
    ran = script("audit.py", tmp_path / "run", "--certify")
    assert ran.returncode == 2 and "an exported model's version's" in ran.stderr
    ran = script("export.py", tmp_path / "run", "-o", tmp_path / "model" / "1")
    assert ran.returncode == 0, ran.stderr
    options = ("--images", 1, "--crop", 16, "--json", "--certify")
    ran = script("audit.py", tmp_path / "model" / "1", *options)
    assert ran.returncode == 0, ran.stderr
    certificate = ExportedModel.open(tmp_path / "model" / "1").certificate
    assert certificate["spectral_radius"] == pytest.approx(figures["spectral_radius"], rel=1e-3)
    assert certificate["images"] == 1 and certificate["advice"]


@pytest.mark.parametrize(
    "option, given, message",
    [
        ("--callback", "keras.callbacks:Nothing", "`callback` must name a Keras callback"),
        ("--callback", "builtins:dict", "`callback` must name a Keras callback"),
        ("--boundary", "zero", "`boundary` must be one of photo, circular"),
    ],
)
def test_an_option_of_training_is_refused_in_one_line(tmp_path, option, given, message):
    ran = script("train.py", "--run", tmp_path / "run", option, given)
    assert ran.returncode == 2 and message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1 and not (tmp_path / "run").exists()
