"""A training that was killed ends with the weights of one that was not."""

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import yaml
from run_folders import untrained

from tf_jfb._compat import KERAS_3, value
from tf_jfb._weights import load_weights, named_weights
from tf_jfb.data import FolderSource, Photo, examples, write_image
from tf_jfb.exported import export
from tf_jfb.operators import kernels
from tf_jfb.training import (
    AuditGradient,
    Config,
    build_model,
    fit,
    load_denoiser,
    load_run,
    train,
    train_denoiser,
)
from tf_jfb.training.build import (
    CONFIG_OF_EXPORT,
    build_denoiser,
    config_for_export,
    config_of,
    files_for_export,
)
from tf_jfb.training.callbacks import Checkpoint, ConvergenceAdvice
from tf_jfb.training.config import load_config, save_config
from tf_jfb.training.kernel_file import keep_kernel
from tf_jfb.training.problem import degradation, named_images, source, validation_pairs

CONFIGS = pathlib.Path(__file__).parents[2] / "scripts" / "configs"
CONFIG = Config(
    crop=16,
    size=24,
    depth=3,
    channels=4,
    max_evaluations=8,
    batch_size=2,
    epochs=4,
    steps=6,
    validation=2,
    gain=0.05,
)
SCRIPT = (
    "import sys; from tf_jfb.training import *; "
    "train(Config(**load_config(sys.argv[1])), sys.argv[2], verbose=0)"
)


def run_until(epochs, file, run):
    """Starts the training in a process of its own and kills it once `epochs` are logged."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, file, run])
    deadline = time.time() + 200
    while process.poll() is None and time.time() < deadline:
        log = run / "log.csv"
        if log.exists() and len(log.read_text().splitlines()) > epochs:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    return process.wait()


def test_a_folder_is_claimed_only_once_there_are_images(tmp_path):
    lost = dataclasses.replace(CONFIG, data="folder", path=str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="`path` must be an existing folder"):
        train(lost, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pretrained": "nowhere"}, "There must be a run folder, or an exported model"),
        ({"crop": 25}, "`crop` must fit into the images. Received: crop=25, side=24"),
        ({"data": "celeba", "size": None, "crop": 129}, "Received: crop=129, side=128"),
        ({"blur": "gaussian:17:2.0", "crop": 16}, "The kernel must not be larger than the image"),
        (
            {"data": "folder", "size": None, "crop": None},
            r"`crop`, or `size`, must be given: .* sizes=\[\(8, 8\), \(8, 9\)\]",
        ),
    ],
)
def test_a_folder_is_not_claimed_by_a_training_that_cannot_begin(tmp_path, options, message):
    """Else it would refuse the options put right."""
    if "data" in options:
        for name in ("train", "test"):
            (tmp_path / name).mkdir()
            for width in (8, 9):
                photo = Photo(np.zeros((8, width, 3), np.float32))
                write_image(tmp_path / name / f"{width}.png", photo)
        options = {**options, "path": str(tmp_path)}
    with pytest.raises(ValueError, match=message):
        train(dataclasses.replace(CONFIG, **options), tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_without_tensorboard_its_log_is_refused_before_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ValueError, match="`tensorboard` needs TensorBoard: pip install"):
        train(CONFIG, tmp_path / "run", verbose=0, tensorboard=True)
    with pytest.raises(ValueError, match="`log_dir` needs TensorBoard"):
        AuditGradient(None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"cut"])
def test_a_damaged_checkpoint_is_named(tmp_path, content):
    file = tmp_path / "last.npz"
    if content == b"cut":
        np.savez(file, history=np.array("[]"))
        content = file.read_bytes()[:-30]
    file.write_bytes(content)
    with pytest.raises(ValueError, match="must be whole: put a copy.*last.npz"):
        Checkpoint(tmp_path).restore(None)
    file.rename(tmp_path / "best.npz")
    with pytest.raises(ValueError, match="must be whole: put a copy.*best.npz"):
        load_weights(tmp_path, None)


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    save_config(tmp_path / "config.yaml", CONFIG)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        killed = run_until(2 if folder == broken else 99, tmp_path / "config.yaml", folder)
        assert killed == (-signal.SIGKILL if folder == broken else 0)
    assert len((broken / "log.csv").read_text().splitlines()) < 1 + CONFIG.epochs
    assert run_until(99, tmp_path / "config.yaml", broken) == 0
    assert (whole / "log.csv").read_text() == (broken / "log.csv").read_text()
    with np.load(whole / "last.npz") as a, np.load(broken / "last.npz") as b:
        assert set(a.files) == set(b.files)
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_run_folder_refuses_another_configuration(tmp_path, capsys):
    config = dataclasses.replace(CONFIG, epochs=1, steps=1, max_evaluations=1, rtol=0.0)
    trained = train(config, tmp_path / "run", verbose="auto")
    printed = capsys.readouterr().out
    assert "Only 0% of the images converged" in printed and "megapixels_per_hour" in printed
    assert len(printed.splitlines()) == 3  # a blank, the advice, and the epoch
    with pytest.raises(ValueError, match=r"another configuration.*changed=\['noise'\]"):
        train(dataclasses.replace(config, noise=0.01), tmp_path / "run", verbose=0)
    loaded = named_weights(load_run(tmp_path / "run"))
    for name, variable in named_weights(trained).items():
        np.testing.assert_array_equal(variable, loaded[name])


def test_a_constant_rate_lets_a_training_be_prolonged(tmp_path):
    short = dataclasses.replace(CONFIG, schedule="constant", loss="mae", epochs=1)
    longer, strategy = dataclasses.replace(short, epochs=2), tf.distribute.get_strategy()
    for config in (short, longer):
        fit._claim(tmp_path, config, strategy)
    assert Config(**load_config(tmp_path / "config.yaml")) == longer
    with pytest.raises(ValueError, match=r"another configuration.*changed=\['loss'\]"):
        fit._claim(tmp_path, dataclasses.replace(short, loss="mse"), strategy)
    decaying = dataclasses.replace(CONFIG, epochs=1)
    fit._claim(tmp_path / "decaying", decaying, strategy)
    with pytest.raises(ValueError, match=r"configuration.*--initial RUN.*changed=\['epochs'\]"):
        fit._claim(tmp_path / "decaying", dataclasses.replace(decaying, epochs=2), strategy)
    model = build_model(short)
    fit.compile_model(model, short)
    assert model.loss == "mae"


def begun(folder):
    """The checkpoints of a training of which no epoch is done."""
    checkpoint = Checkpoint(folder)
    checkpoint.set_model(build_model(CONFIG))
    checkpoint.model.compile("adam")
    return checkpoint


def test_a_log_that_is_lost_or_an_epoch_behind_is_written_again(tmp_path):
    checkpoint = begun(tmp_path)
    checkpoint.on_test_end()
    checkpoint.on_epoch_end(0, {"val_psnr": 20.0})
    log = (tmp_path / "log.csv").read_text()
    (tmp_path / "log.csv").unlink()
    Checkpoint(tmp_path).restore(checkpoint.model)
    assert (tmp_path / "log.csv").read_text() == log


def test_weights_that_are_not_finite_are_not_kept(tmp_path, capsys):
    checkpoint = begun(tmp_path)
    checkpoint.on_test_end()
    checkpoint.on_epoch_end(0, {"val_psnr": 20.0})
    kept = (tmp_path / "last.npz").read_bytes()
    weight = value(checkpoint.model.trainable_variables[0])
    weight.assign(np.nan * weight)
    checkpoint.on_epoch_end(1, {"val_psnr": np.nan})
    assert "keeps an earlier epoch" in capsys.readouterr().out
    assert (tmp_path / "last.npz").read_bytes() == kept
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3


def test_the_best_epoch_is_among_those_of_a_finite_psnr(tmp_path):
    checkpoint = begun(tmp_path)
    for epoch, psnr in enumerate([np.nan, 20.0, 19.0]):
        checkpoint.on_test_end()
        checkpoint.on_epoch_end(epoch, {"val_psnr": psnr} | ({"rate": 1.0} if epoch else {}))
        assert (tmp_path / "best.npz").exists() == (epoch == 1)  # which is taken away below
        (tmp_path / "best.npz").unlink(missing_ok=True)
    log = (tmp_path / "log.csv").read_text().splitlines()
    assert log == ["epoch,val_psnr,rate", "1,nan,nan", "2,20,1", "3,19,1"]


def test_a_training_without_a_finite_psnr_says_so(tmp_path, monkeypatch):
    note = Checkpoint.on_epoch_end
    lost = {"val_psnr": np.nan}
    monkeypatch.setattr(
        Checkpoint, "on_epoch_end", lambda self, e, logs: note(self, e, logs | lost)
    )
    few = dataclasses.replace(CONFIG, epochs=1, steps=1)
    with pytest.raises(ValueError, match="PSNR was never finite. Lower `learning_rate`"):
        train(few, tmp_path, verbose=0)


def test_few_converged_images_print_advice(capsys):
    advice = ConvergenceAdvice()
    advice.on_epoch_end(0, {"converged": 0.9})
    assert capsys.readouterr().out == ""
    advice.on_epoch_end(2, {"converged": 0.5})
    said = capsys.readouterr().out
    assert "Only 50% of the images converged in epoch 3: raise `max_evaluations`" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "`depth` must be an integer >= 1. Received: depth=0"),
        ({"data": "imagenet"}, "`data` must be one or several"),
        ({"precision": "float8"}, "`precision` must be one of"),
        ({"data": "folder"}, "`path` must name a folder"),
        ({"path": "photos"}, "`path` needs folder or celeba among data, and would be ignored"),
        (
            {"gradient": "unrolled:3", "unconverged_weight": 0.0},
            "`unconverged_weight` needs a gradient at a fixed point",
        ),
        ({"crop": None, "shrink": 0.5}, "`shrink` needs a crop, and would be ignored"),
        ({"pretrained": "d", "initial": "r"}, "`pretrained` needs `initial` left out"),
        ({"noise": -1.0}, "`noise` must be >= 0"),
        ({"noise_high": "0.1"}, "`noise_high` must be a finite number, or null"),
        ({"noise_high": -0.1}, "`noise_high` must be positive, or null"),
        ({"depth": True}, "`depth` must be a finite number. Received: depth=True"),
        ({"depth": [3]}, r"`depth` must be a finite number. Received: depth=\[3\]"),
        ({"depth": 3.5}, "`depth` must be an integer >= 1"),
        ({"warmup": 1.5}, "`warmup` must be an integer >= 0. Received: warmup=1.5"),
        ({"audit": 2.5}, "`audit` must be an integer >= 0"),
        ({"jacobian_weight": 1.0, "jacobian_power": 1.5}, "`jacobian_power` must be an integer"),
        ({"eta": float("inf")}, "`eta` must be a finite number. Received: eta=inf"),
        ({"noise": None}, "`noise` must be a finite number. Received: noise=None"),
        ({"data": None}, "`data` must be text. Received: data=None"),
        ({"gradient": ["jfb"]}, "`gradient` must be text"),
        ({"blur": 3}, "`blur` must be text. Received: blur=3"),
        ({"scales": 59568}, r"base 60: write '32:64:128' or \[32, 64, 128\]. Received: scales"),
        ({"crop": 0}, "`crop` must be an integer >= 1, or null"),
        ({"momentum": 3}, r"`momentum` must lie in \[0, 1\]"),
        ({"seed": "x"}, "`seed` must be a finite number"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_numbers_that_yaml_takes_for_text_are_read(tmp_path):
    (tmp_path / "c.yaml").write_text("learning_rate: 1e-4\nnoise_high: 5e-2\nblur: any\nsize: 32\n")
    config = Config(**load_config(tmp_path / "c.yaml"))
    assert (config.learning_rate, config.noise_high, config.size) == (1e-4, 5e-2, 32)
    (tmp_path / "c.yaml").write_text("noise: little\n")
    with pytest.raises(
        ValueError, match="`noise` must be a finite number. Received: noise='little'"
    ):
        Config(**load_config(tmp_path / "c.yaml"))


def test_lists_are_joined_and_one_number_in_base_60_is_refused(tmp_path):
    text = "network: unet\nmodel: de-hqs\nscales: [16, 32]\nfamilies: [disk, box]\nblur: any\n"
    (tmp_path / "c.yaml").write_text(f"{text}data: [dead-leaves, folder]\npath: [photos]\n")
    config = Config(**load_config(tmp_path / "c.yaml"))
    assert (config.widths, config.blur_families) == ((16, 32), ("disk", "box"))
    assert config.sources == [("dead-leaves", None), ("folder", "photos")]
    assert Config(**dataclasses.asdict(config)) == config
    (tmp_path / "c.yaml").write_text("scales: 16:32:48\n")
    with pytest.raises(ValueError, match="one number in base 60: write .* scales=59568"):
        load_config(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("1: 2\nepoch: 3\n")
    with pytest.raises(ValueError, match=r"Unknown option.*unknown=\['1', 'epoch'\]"):
        load_config(tmp_path / "c.yaml")


def test_unknown_names_in_a_file_are_refused(tmp_path):
    (tmp_path / "c.yaml").write_text("epoch: 3\n")
    with pytest.raises(ValueError, match=r"Unknown option.*unknown=\['epoch'\]"):
        load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_configurations_are_valid(file):
    options = load_config(file)
    if "folder" in options.get("data", ""):
        kinds = options["data"].split("+")
        options["path"] = ":".join(kind for kind in kinds if kind != "dead-leaves")
    config = Config(**options)
    if not config.any_blur:
        assert config.operator.norm_bound(64, 64) == pytest.approx(1.0)


@pytest.mark.parametrize("start", ["pretrained", "initial"])
def test_an_export_made_for_one_blur_records_it(tmp_path, start):
    options = {"data": "folder", "path": "/home/me/photos", "model": "de-hqs", "network": "unet"}
    places = {start: "/home/me/start", "kernel_files": "/home/me/a.npz:k1,/b.npy"}
    any_blur = Config(**options, **places, blur="any", boundary="photo")
    save_config(tmp_path / "config.yaml", any_blur)
    (tmp_path / "best.npz").touch()
    changes = {"blur": "gaussian:5:1.0", "boundary": "circular", "rtol": 1e-2}
    text = config_for_export(tmp_path, **changes)
    named = {"path": "photos", start: "start"}
    assert Config(**yaml.safe_load(text)) == Config(**options | named | changes)
    assert yaml.safe_load(config_for_export(tmp_path))["kernel_files"] == "a.npz:k1,b.npy"


def test_the_kernels_that_are_drawn_from_are_kept(tmp_path):
    """A file that was measured anew would be another problem."""
    np.save(tmp_path / "psf.npy", np.ones([3, 3]))
    files = {"families": "none", "kernel_files": str(tmp_path / "psf.npy")}
    config = Config(model="de-hqs", network="unet", blur="any", **files)
    for _ in range(2):
        keep_kernel(tmp_path, config)
    np.save(tmp_path / "psf.npy", np.eye(3))
    with pytest.raises(ValueError, match="`kernel_files` must hold the kernel that this run was"):
        keep_kernel(tmp_path, config)


def test_the_kernel_of_a_file_is_kept(tmp_path, monkeypatch):
    """Run and export are of the kernel that was trained with, from any folder."""
    monkeypatch.chdir(tmp_path)
    first, second = kernels.gaussian(3, 1.0), kernels.gaussian(3, 0.5)
    np.save("psf.npy", first)
    config = dataclasses.replace(CONFIG, blur="psf.npy")
    untrained(config, tmp_path / "run")
    keep_kernel(tmp_path / "run", config)
    np.save("psf.npy", second)
    with pytest.raises(ValueError, match="`blur` must hold the kernel that this run was begun"):
        train(config, tmp_path / "run", verbose=0)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loaded = load_run(tmp_path / "run").operator
    np.testing.assert_allclose(loaded.get_config()["kernel"], first, atol=1e-7)
    for name, content in files_for_export(tmp_path / "run").items():
        name.parent.mkdir(exist_ok=True)
        name.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert load_config(CONFIG_OF_EXPORT)["blur"] == "psf.npy"
    np.testing.assert_allclose(kernels.parse(config_of(".").blur), first, atol=1e-12)


def test_what_a_change_for_the_export_makes_meaningless_is_left_out(tmp_path):
    options = {"blur": "any", "noise_high": 0.05, "kernel_size": 9, "boundary": "photo"}
    save_config(tmp_path / "config.yaml", Config(**options, model="de-hqs", network="unet"))
    (tmp_path / "best.npz").touch()
    np.save(tmp_path / "psf.npy", kernels.gaussian(3, 1.0))
    files = files_for_export(tmp_path, blur=str(tmp_path / "psf.npy"), boundary="circular")
    config, kernel = files.values()
    assert yaml.safe_load(config)["noise_high"] is None and kernel[:6] == b"\x93NUMPY"


def test_training_goes_on_from_a_run_and_from_an_export(tmp_path):
    config = dataclasses.replace(CONFIG, epochs=1, steps=1)
    first = untrained(config, tmp_path / "run")
    configuration = (tmp_path / "run" / "config.yaml").read_text()
    export(first, tmp_path / "model", extra={CONFIG_OF_EXPORT: configuration})
    exported = load_run(tmp_path / "model")
    for a, b in zip(first.get_weights(), exported.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for start in ("run", "model"):
        model = build_model(dataclasses.replace(config, initial=str(tmp_path / start)))
        for a, b in zip(first.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    wider = dataclasses.replace(config, channels=5, initial=str(tmp_path / "model"))
    with pytest.raises(ValueError, match="must be of the model's architecture"):
        build_model(wider)
    with pytest.raises(ValueError, match="There must be a run folder, or an exported model"):
        build_model(dataclasses.replace(config, initial=str(tmp_path / "none")))


def test_a_denoiser_starts_from_an_equilibrium_model(tmp_path):
    config = dataclasses.replace(CONFIG, epochs=1, steps=1)
    untrained(config, tmp_path / "run")
    options = {"initial": str(tmp_path / "run"), "denoiser_weight": 0.5, "learning_rate": 1e-12}
    start, end = (
        build_model(dataclasses.replace(config, initial=options["initial"])),
        tmp_path / "d",
    )
    denoiser = train_denoiser(dataclasses.replace(config, **options), end, verbose=0)
    assert (end / "restored.png").is_file() and (end / "log.png").is_file()

    def last(network):
        return np.asarray(network.convs[-1].kernel)

    np.testing.assert_allclose(last(denoiser.network), 2.0 * last(start.network), rtol=1e-5)


def test_the_network_of_a_model_is_a_denoiser_by_its_weight(tmp_path):
    model = untrained(dataclasses.replace(CONFIG, denoiser_weight=0.5), tmp_path / "run")
    denoiser = load_denoiser(tmp_path / "run")
    kernels_of = [np.asarray(made.network.convs[-1].kernel) for made in (denoiser, model)]
    np.testing.assert_allclose(kernels_of[0], 2.0 * kernels_of[1], rtol=1e-5)


def test_a_denoiser_goes_on_from_a_denoiser(tmp_path):
    config = dataclasses.replace(CONFIG, denoiser_weight=0.5, seed=1)
    first = untrained(config, tmp_path / "d", build_denoiser)
    start = dataclasses.replace(config, initial=str(tmp_path / "d"), seed=2)
    for a, b in zip(first.get_weights(), build_denoiser(start).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="`initial` must be a model: name a denoiser `pretrained`"):
        build_model(start)
    with pytest.raises(ValueError, match=r"must be of a model: .* a denoiser's \(--denoiser\)"):
        load_run(tmp_path / "d")
    with pytest.raises(ValueError, match="`pretrained` must be left out.*from `initial`"):
        train_denoiser(dataclasses.replace(config, pretrained="d"), tmp_path / "e")
    assert not (tmp_path / "e").exists()


@pytest.mark.skipif(not KERAS_3, reason="Keras 2 has no moving average of the weights")
@pytest.mark.slow
def test_the_moving_average_is_validated_and_kept(tmp_path, no_figures):
    config = dataclasses.replace(CONFIG, ema=0.9, epochs=2, learning_rate=0.01)
    model = train(config, tmp_path, verbose=0)
    pairs = validation_pairs(config, degradation(config), config.validation)
    model.compile()
    judged = model.evaluate(*pairs, verbose=0, return_dict=True)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    column = rows[0].split(",").index("val_psnr")
    best = max(float(row.split(",")[column]) for row in rows[1:])
    np.testing.assert_allclose(judged["psnr"], best, atol=1e-3)
    with np.load(tmp_path / "best.npz") as kept, np.load(tmp_path / "last.npz") as last:
        names = set(kept.files) - {"format", "version"}
        assert any(np.abs(kept[name] - last[name]).max() > 1e-4 for name in names)


def test_one_small_image_among_larger_ones_is_left_out(tmp_path):
    for name, side in (("train/a", 24), ("train/b", 12), ("valid/c", 20), ("valid/d", 12)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        write_image(path, Photo(np.full((side, side, 3), 0.5, np.float32)))
    config = Config(data="folder", path=str(tmp_path), crop=16)
    for split, left in (("train", "a"), ("test", "c")):
        with pytest.warns(UserWarning, match="Skipped 1 image.s. below 16: .*[bd].png"):
            images = source(config, split)
        assert [file.stem for file in images.files] == [left]


def test_an_image_that_is_lost_within_a_training_is_named(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.png", Photo(np.full((16, 16, 3), 0.5, np.float32)))
    images = FolderSource(tmp_path)
    batches = examples(images, None, 0.0, batch_size=2, crop=8)
    (tmp_path / "b.png").unlink()
    message = "^The image file must exist. Received: path=.*b.png'$"
    with pytest.raises(ValueError, match=message), named_images():
        next(iter(batches))


def test_mixed_data_takes_every_folder_in_turn(tmp_path):
    for name, level in (("a/train", 50), ("b/train", 200), ("b/val", 100)):
        (tmp_path / name).mkdir(parents=True)
        image = Photo(np.full((16, 16, 3), level / 255, np.float32))
        write_image(tmp_path / name / "1.png", image)
    path = f"{tmp_path / 'a' / 'train'}:{tmp_path / 'b'}"
    config = Config(data="folder+folder+dead-leaves", path=path, crop=16)
    with pytest.warns(UserWarning, match="Validation takes the images of training: .*a.train has"):
        judged = source(config, "test")
    for images, second in ((source(config, "train"), 200), (judged, 100)):
        levels = [255 * float(images[i].mean()) for i in range(2)]
        np.testing.assert_allclose(levels, [50, second], atol=0.5)
        assert images[2].std() > 0.01
