"""What a server of anybody's finds in an export: files in and out, metadata, warm-up requests."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from PIL import Image
from tensorflow.core.framework.tensor_pb2 import TensorProto

from tf_jfb.exported import ExportedModel
from tf_jfb.operators import kernels

BYTES, MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES, 11
# Of TensorFlow Serving's apis: {message: {field: (number, message or bytes)}}.
SERVING = {
    "ModelSpec": {"name": (1, None), "signature_name": (3, None)},
    "Input": {"key": (1, None), "value": (2, None)},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "Input")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}


@pytest.fixture(scope="module")
def model(folder):
    return ExportedModel.open(folder)


def prediction_log():
    """The class of that message, by protobuf's own decoder."""
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="s", syntax="proto3")
    for name, fields in SERVING.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            one = message.field.add(name=field, number=number, label=3 if field == "inputs" else 1)
            one.type = MESSAGE if kind else BYTES
            if kind:
                one.type_name = f".s.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("s.PredictionLog"))


def requests_of(folder) -> dict:
    """{signature: {input: array}} of the warm-up requests."""
    kind, found = prediction_log(), {}
    file = str(folder / "assets.extra" / "tf_serving_warmup_requests")
    for record in tf.data.TFRecordDataset(file).as_numpy_iterator():
        request = kind.FromString(record).predict_log.request
        assert request.model_spec.name.decode() == folder.parent.name
        inputs = {
            one.key.decode(): tf.make_ndarray(TensorProto.FromString(one.value))
            for one in request.inputs
        }
        found[request.model_spec.signature_name.decode()] = inputs
    return found


def test_the_warm_up_requests_are_requests_of_every_signature(folder, model):
    found = requests_of(folder)
    assert set(found) == set(model.loaded.signatures)
    for name, inputs in found.items():
        specs = model.loaded.signatures[name].structured_input_signature[1]
        assert set(inputs) == set(specs)
        assert all(specs[key].shape.is_compatible_with(inputs[key].shape) for key in specs)
    program = model.loaded.signatures["deblur_photo"]
    inputs = {key: tf.constant(value) for key, value in found["deblur_photo"].items()}
    assert np.isfinite(program(**inputs)["restored"]).all()


def test_the_export_says_what_it_is(folder, model):
    about = model.about
    assert (about["name"], about["version"]) == (folder.parent.name, "2")
    assert about["tensorflow"] == tf.__version__ and about["channels"] == 3
    assert about["certificate"] == model.certificate == {"bound": 0.9}
    assert about["protocol"] == {"noise": 0.01, "blur": "any"}
    assert about["data_licence"] == "none"


def file_of(image, kind="PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.uint8(np.round(image * 255))).save(content, kind)
    return content.getvalue()


def images(count=2, side=16):
    levels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3))
    return np.float32(levels) / np.float32(255)


def bytes_inputs(contents, **changed):
    told = {"kernel": [kernels.gaussian(3, 1.0), kernels.box(3)], "noise": [0.01, 0.03]}
    told |= {"rtol": [1e-1, 0.0], "max_evaluations": [6, 3]}
    inputs = {key: tf.constant(value[: len(contents)]) for key, value in told.items()}
    inputs |= {name: tf.cast(inputs[name], tf.float32) for name in ("kernel", "noise", "rtol")}
    return inputs | {"image_bytes": tf.constant(contents)} | changed


def test_files_are_restored_as_their_pixels_are(model):
    pictures = images()
    signatures = model.loaded.signatures
    inputs = bytes_inputs([file_of(one) for one in pictures])
    out = signatures["deblur_bytes"](**inputs)
    inputs |= {"image": tf.constant(pictures), "mask": tf.ones([2, 16, 16, 1])}
    inputs.pop("image_bytes")
    expected = signatures["deblur_photo"](**inputs)
    np.testing.assert_allclose(out["residual"], expected["residual"], rtol=1e-4)
    for name in ("evaluations", "status"):
        np.testing.assert_array_equal(out[name], expected[name])
    for content, image in zip(out["restored_bytes"].numpy(), expected["restored"], strict=True):
        found = np.float32(Image.open(io.BytesIO(content))) / 255
        np.testing.assert_allclose(found, np.clip(image, 0, 1), atol=0.51 / 255)


def test_grey_files_become_colour_with_one_noise_and_jpeg_is_read(model):
    run = model.loaded.signatures["deblur_bytes"]
    inputs = bytes_inputs([file_of(images(1)[0].mean(-1))])
    (restored,) = run(**inputs)["restored_bytes"].numpy()
    grey = np.asarray(Image.open(io.BytesIO(inputs.pop("image_bytes").numpy()[0])))[..., None]
    alone = model.restore(np.repeat(grey, 3, axis=-1)[None], **inputs).image[0]
    found = np.asarray(Image.open(io.BytesIO(restored)))
    np.testing.assert_allclose(found / 255, np.clip(alone, 0, 1), atol=0.51 / 255)
    smooth = np.full((1, 16, 16, 3), 0.5, np.float32)
    jpeg = run(**bytes_inputs([file_of(smooth[0], "JPEG")]))
    png = run(**bytes_inputs([file_of(smooth[0])]))
    found = [
        np.float32(Image.open(io.BytesIO(o["restored_bytes"].numpy()[0]))) for o in (jpeg, png)
    ]
    np.testing.assert_allclose(*found, atol=3)


@pytest.mark.parametrize(
    "contents, reason",
    [
        ([file_of(images(1, 16)[0]), file_of(images(1, 18)[0])], "must have one size"),
        ([b"no picture"], "Unknown image file format"),
        ([b""], "empty"),
        ([file_of(images(1)[0], "TIFF")], "Unknown image file format"),
    ],
)
def test_other_files_are_refused(model, contents, reason):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        model.loaded.signatures["deblur_bytes"](**bytes_inputs(contents))


@pytest.mark.slow
def test_saved_model_cli_shows_and_runs_it(folder, tmp_path):
    cli = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    place = ["--dir", str(folder), "--tag_set", "serve", "--signature_def", "deblur"]
    shown = subprocess.run([*cli, "show", *place], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "inputs['kernel']" in shown.stdout and "outputs['restored']" in shown.stdout
    inputs = {"image": images(1), "kernel": kernels.box(3)[None], "noise": [0.01], "rtol": [0.0]}
    inputs = {name: np.float32(value) for name, value in inputs.items()}
    inputs["max_evaluations"] = np.int32([3])
    np.savez(tmp_path / "inputs.npz", **inputs)
    told = ";".join(f"{name}={tmp_path}/inputs.npz[{name}]" for name in inputs)
    command = [*cli, "run", *place, "--inputs", told, "--outdir", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    loaded = ExportedModel.open(folder).loaded.signatures["deblur"]
    expected = loaded(**{name: tf.constant(value) for name, value in inputs.items()})
    found = np.load(tmp_path / "out" / "restored.npy")
    np.testing.assert_allclose(found, expected["restored"], atol=1e-5)
