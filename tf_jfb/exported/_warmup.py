"""Requests that TensorFlow Serving answers before it calls a model ready.

They lie beside the model as a TFRecord of `PredictionLog` messages of TensorFlow Serving, whose
classes are no part of TensorFlow, so that the few fields that are needed are encoded here:

    PredictionLog {predict_log = 6}      PredictLog {request = 1}
    PredictRequest {model_spec = 1, map inputs = 2}      ModelSpec {name = 1, signature_name = 3}
"""

import numpy as np
import tensorflow as tf

WARM_UP_OF_EXPORT = "assets.extra/tf_serving_warmup_requests"
SIDE, KERNEL = 32, 3  # of an image, of a kernel
EVALUATIONS = 5
_RANKS = {"image": 4, "image_bytes": 1, "kernel": 3, "mask": 4}
_RANKS |= {"noise": 1, "rtol": 1, "max_evaluations": 1}


def example_inputs(specs: dict) -> dict | None:
    """One small image, and what comes with it, for a signature that takes `specs`, as tensors.

    None where it takes what no signature of ours does.
    """
    if any(_RANKS.get(name) != spec.shape.rank for name, spec in specs.items()):
        return None
    kernel = np.zeros([1, KERNEL, KERNEL], np.float32)
    kernel[:, KERNEL // 2, KERNEL // 2] = 1.0
    values = {
        "kernel": kernel,
        "noise": np.float32([0.01]),
        "rtol": np.float32([1e-3]),
        "max_evaluations": np.int32([EVALUATIONS]),
        "mask": np.ones([1, SIDE, SIDE, 1], np.float32),
        "image_bytes": [tf.io.encode_png(np.full([SIDE, SIDE, 1], 128, np.uint8)).numpy()],
    }
    if "image" in specs:
        shape = [1, SIDE, SIDE, specs["image"].shape[-1] or 1]
        values["image"] = np.full(shape, 0.5, np.float32)
    return {name: tf.constant(values[name], spec.dtype) for name, spec in specs.items()}


def write_warm_up(file, model: str, programs: dict) -> None:
    """Writes one request for every program of {name of a signature: `tf.function`}."""
    with tf.io.TFRecordWriter(str(file)) as records:
        for signature, program in programs.items():
            inputs = example_inputs({spec.name: spec for spec in program.input_signature})
            if inputs is not None:
                records.write(prediction_log(model, signature, inputs))


def prediction_log(model: str, signature: str, inputs: dict) -> bytes:
    """The message of a request of tensors `inputs`."""
    request = _field(1, _field(1, model.encode()) + _field(3, signature.encode()))
    for name, tensor in inputs.items():
        content = tf.make_tensor_proto(tensor).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, content))
    return _field(6, _field(1, request))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message in protobuf's wire format."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; a set eighth bit says that more come."""
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + _varint(value >> 7)
