"""The exported model must iterate, report and agree with the model, without our code."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import yaml

import tf_jfb
from tf_jfb.data import Photo
from tf_jfb.exported import ExportedModel, deblur_photo, export, export_denoiser
from tf_jfb.training import Config, Denoiser, load_denoiser
from tf_jfb.training.build import CONFIG_OF_EXPORT

FRESH = """
import sys
sys.modules["tf_jfb"] = None  # importing our code now fails
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
with np.load(sys.argv[2]) as file:
    for size in ("small", "large"):
        out = model.signatures["restore"](
            image=tf.constant(file[size]), rtol=tf.fill([len(file[size])], 1e-4),
            max_evaluations=tf.fill([len(file[size])], 60))
        np.testing.assert_allclose(out["restored"], file[size + "_image"], atol=1e-5)
        np.testing.assert_array_equal(out["evaluations"], file[size + "_evaluations"])
    default = model.signatures["serving_default"](image=tf.constant(file["small"]))
    assert set(default) == {"restored", "residual", "evaluations", "status"}
"""


@pytest.fixture(scope="module")
def model():
    model = tf_jfb.models.DEGrad(
        tf_jfb.operators.GaussianBlur(3, 0.5),
        tf_jfb.networks.DnCNN(3, 8, lipschitz=1.0, gain=0.2),
        tf_jfb.solvers.Anderson(rtol=1e-3),
    )
    model.build((None, None, None, 3))
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return export(model, tmp_path_factory.mktemp("saved") / "blur" / "1")


@pytest.mark.slow
def test_a_process_without_our_code_gets_the_same_pixels(model, folder, tmp_path):
    rng, arrays = np.random.default_rng(0), {}
    for name, shape in {"small": (2, 16, 20, 3), "large": (1, 33, 24, 3)}.items():
        image = rng.random(shape, np.float32)
        result = model.restore(image, rtol=1e-4, max_evaluations=60)
        arrays |= {
            name: image,
            f"{name}_image": result.image,
            f"{name}_evaluations": result.evaluations,
        }
    np.savez(tmp_path / "images.npz", **arrays)
    ran = subprocess.run(
        [sys.executable, "-c", FRESH, folder, tmp_path / "images.npz"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("rtol", [1e-3, 0.0])
def test_the_export_compiles(folder, rtol):
    loaded = ExportedModel.open(folder.parent).loaded  # owns the variables
    restore = loaded.signatures["restore"]
    image = tf.constant(np.random.default_rng(3).random((2, 16, 18, 3), np.float32))

    def run(image):
        return restore(image=image, rtol=tf.fill([2], rtol), max_evaluations=tf.fill([2], 12))

    plain, compiled = run(image), tf.function(run, jit_compile=True, autograph=False)(image)
    np.testing.assert_array_equal(compiled["evaluations"], plain["evaluations"])
    np.testing.assert_allclose(compiled["restored"], plain["restored"], atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_stays_inside_the_network(model, policy, tmp_path):
    """A network in half precision; solver, images and residuals in float32."""
    network = tf_jfb.networks.DnCNN(3, 8, lipschitz=1.0, gain=0.2, dtype=policy)
    half = tf_jfb.models.DEGrad(model.operator, network, model.solver)
    half.build((None, None, None, 3))
    half.set_weights(model.get_weights())
    exported = ExportedModel.open(export(half, tmp_path / "half")).loaded.signatures[
        "serving_default"
    ]
    image = tf.constant(np.random.default_rng(4).random((2, 16, 18, 3), np.float32))
    result, whole = exported(image), model.restore(image)
    assert result["restored"].dtype == result["residual"].dtype == tf.float32
    assert (result["status"].numpy() == tf_jfb.Status.CONVERGED).all()
    np.testing.assert_allclose(result["restored"], whole.image, atol=2e-2)
    assert not np.array_equal(result["restored"], whole.image)


def test_extra_files_lie_beside_the_model(model, tmp_path):
    path = export(model, tmp_path / "1", extra={"assets.extra/config.yaml": "seed: 0"})
    assert (path / "assets.extra" / "config.yaml").read_text() == "seed: 0"
    assert "restore" in ExportedModel.open(path).loaded.signatures


@pytest.mark.parametrize("told", [True, False])
def test_a_denoiser_is_exported_and_found_again(told, tmp_path):
    network = tf_jfb.networks.UNet((4,), 1) if told else tf_jfb.networks.DnCNN(2, 4)
    config = (
        Config(network="unet", model="de-hqs", scales="4", blocks=1)
        if told
        else Config(depth=2, channels=4)
    )
    model = Denoiser(network)
    model.build((None, None, None, 3))
    text = yaml.safe_dump(dataclasses.asdict(config))
    folder = export_denoiser(model, tmp_path / "1", extra={CONFIG_OF_EXPORT: text})
    image, noise = (
        np.random.default_rng(0).random((2, 9, 12, 3), np.float32),
        np.float32([0.1, 0.2]),
    )
    expected = model({"image": image, "noise": noise} if told else image)
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    given = {"image": tf.constant(image)} | ({"noise": tf.constant(noise)} if told else {})
    np.testing.assert_allclose(serve(**given)["restored"], expected, atol=1e-6)
    again = load_denoiser(folder)
    np.testing.assert_array_equal(
        again({"image": image, "noise": noise} if told else image), expected
    )


def test_tolerance_and_cap_are_inputs_of_every_image(folder):
    loaded = ExportedModel.open(folder.parent).loaded
    image = np.random.default_rng(1).random((1, 16, 16, 3), np.float32)
    out = loaded.signatures["trace"](
        image=tf.constant(np.repeat(image, 3, axis=0)),
        rtol=tf.constant([1e-1, 1e-5, 0.0]),
        max_evaluations=tf.constant([50, 50, 3]),
    )
    assert out["evaluations"][0] < out["evaluations"][1] < 50 and out["evaluations"][2] == 3
    assert out["status"].numpy().tolist() == [0, 0, tf_jfb.Status.CAP]
    assert out["residual"][1] <= 1e-5
    assert np.isfinite(out["trace"]).sum(axis=1).tolist() == out["evaluations"].numpy().tolist()


def test_an_export_with_one_tolerance_for_all_is_still_restored_with(folder, tmp_path):
    """As the first exports were: options without a batch axis, and a trace without the rest."""
    loaded = ExportedModel.open(folder.parent).loaded
    old = tf.Module()
    old.rtol, old.max_evaluations, old.within = loaded.rtol, loaded.max_evaluations, loaded
    specs = [tf.TensorSpec([1, 16, 18, 3], name="image"), tf.TensorSpec([], name="rtol")]
    cap = tf.TensorSpec([], tf.int32, name="max_evaluations")

    @tf.function(input_signature=[*specs, cap], autograph=False)
    def restore(image, rtol, max_evaluations):
        options = {"rtol": rtol[None], "max_evaluations": max_evaluations[None]}
        return loaded.signatures["restore"](image=image, **options)

    tf.saved_model.save(old, str(tmp_path / "old"), {"restore": restore, "trace": restore})
    models = [ExportedModel(loaded), ExportedModel.open(tmp_path / "old")]
    photo = Photo(np.random.default_rng(1).random((16, 18, 3), np.float32))
    results = [deblur_photo(m, photo, max_evaluations=3, trace=True) for m in models]
    np.testing.assert_array_equal(*[r.photo.pixels for r in results])
    assert results[0].trace.shape == (3,)


def test_grey_photographs_stay_grey_and_keep_their_alpha(folder):
    rng = np.random.default_rng(2)
    photo = Photo(rng.random((12, 14, 1), np.float32), rng.random((12, 14, 1), np.float32), 16)
    result = deblur_photo(ExportedModel.open(folder), photo)
    assert result.photo.pixels.shape == (12, 14, 1) and result.photo.bits == 16
    np.testing.assert_array_equal(result.photo.alpha, photo.alpha)


def test_an_existing_version_is_not_overwritten(model, folder):
    before = (folder / "saved_model.pb").read_bytes()
    with pytest.raises(ValueError, match="must not exist yet.*Received: path="):
        export(model, folder)
    assert (folder / "saved_model.pb").read_bytes() == before


def test_other_models_and_kernels_are_refused(folder, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    with pytest.raises(ValueError, match="signature `restore`"):
        ExportedModel.open(tmp_path / "other")
    with pytest.raises(ValueError, match="folder with a SavedModel"):
        ExportedModel.open(pathlib.Path(tmp_path) / "nothing")
    with pytest.raises(ValueError, match="made for one blur"):
        ExportedModel.open(folder).restore(np.zeros((9, 9, 3)), kernel=np.ones((3, 3)))


def test_loading_warns_of_no_missing_gradient(folder, caplog):
    tf.saved_model.load(str(folder))
    assert "custom gradients" not in caplog.text


def test_grey_photographs_go_through_a_model_of_one_channel(tmp_path):
    """Other numbers of channels one by one; a noise that the model has no use for is refused."""
    network = tf_jfb.networks.DnCNN(2, 4, lipschitz=1.0, gain=0.2)
    model = tf_jfb.models.DEGrad(tf_jfb.operators.GaussianBlur(3, 0.5), network)
    model.build((None, None, None, 1))
    loaded = ExportedModel.open(export(model, tmp_path / "1", channels=1))
    grey = Photo(np.random.default_rng(0).random((16, 20, 1), np.float32))
    expected = model.restore(grey.pixels[None]).image[0]
    found = deblur_photo(loaded, grey).photo.pixels
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1e-5)
    colour = Photo(np.repeat(grey.pixels, 2, axis=-1) * np.float32([1.0, 0.5]))
    each = deblur_photo(loaded, colour)  # channel by channel
    np.testing.assert_allclose(each.photo.pixels[..., :1], found, atol=1e-5)
    assert each.photo.pixels.shape == (16, 20, 2)
    with pytest.raises(ValueError, match=r"restores 1 channel\(s\). Received: channels=3"):
        loaded.restore(np.zeros((16, 20, 3), np.float32))
    with pytest.raises(ValueError, match="`noise` must be left out"):
        deblur_photo(loaded, grey, noise=0.01)
