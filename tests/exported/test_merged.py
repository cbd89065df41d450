"""Signatures under the operation by which TensorFlow Serving merges requests."""

import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.exported import ExportedModel
from tf_jfb.operators import kernels

SLOW = ("serving_default", "deblur", "deblur_bytes", "trace", "trace_photo")
NAMES = ("deblur_photo", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW))
REQUESTS = (
    {"rtol": 1e-1, "max_evaluations": 6, "noise": 0.01},
    {"rtol": 0.0, "max_evaluations": 3, "noise": 0.03},
)


def told(program, seed, rtol, max_evaluations, noise) -> list:
    """One request's tensors, in the order of the signature's names."""
    image = np.random.default_rng(seed).random((1, 16, 16, 3), np.float32)
    kernel = (kernels.gaussian(3, 1.0), kernels.box(3))[seed][None]
    values = {"image": image, "kernel": kernel, "mask": np.ones_like(image[..., :1])}
    values["image_bytes"] = [tf.io.encode_png(np.uint8(image[0] * 255)).numpy()]
    values |= {"rtol": [rtol], "max_evaluations": [max_evaluations], "noise": [noise]}
    specs = program.structured_input_signature[1]
    return [tf.constant(values[name], specs[name].dtype) for name in sorted(specs)]


@pytest.mark.parametrize("name", NAMES)
def test_merged_requests_are_answered_as_each_alone(folder, name):
    loaded = ExportedModel.open(folder).loaded
    program = loaded.signatures[name]
    specs = program.structured_input_signature[1]
    names = sorted(specs)
    outputs = sorted(program.structured_outputs)

    # Of the shapes of the signature: else those of the first request would be the program's.
    @tf.function(input_signature=[specs[key] for key in names], autograph=False)
    @tf.nondifferentiable_batch_function(
        num_batch_threads=1,
        max_batch_size=2,
        batch_timeout_micros=5_000_000,
        allowed_batch_sizes=[2],
        autograph=False,
    )
    def merged(*values):
        out = program(**dict(zip(names, values, strict=True)))
        size = tf.shape(values[0])[0]
        return [*(out[key] for key in outputs), tf.fill([size], size)]

    requests = [told(program, seed, **one) for seed, one in enumerate(REQUESTS)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda values: merged(*values), requests))
    for values, answer in zip(requests, answers, strict=True):
        assert answer[-1].numpy().tolist() == [2]  # it was solved with the other
        alone = program(**dict(zip(names, values, strict=True)))
        found = dict(zip(outputs, answer, strict=False))
        if "restored_bytes" in found:
            pictures = [tf.io.decode_png(x["restored_bytes"][0]) for x in (found, alone)]
            np.testing.assert_allclose(*(np.int32(one) for one in pictures), atol=1)
        else:
            np.testing.assert_allclose(found["restored"], alone["restored"], atol=1e-4)
        np.testing.assert_array_equal(found["evaluations"], alone["evaluations"])
        np.testing.assert_array_equal(found["status"], alone["status"])
        if "trace" in found:
            steps = alone["trace"].shape[1]
            np.testing.assert_allclose(found["trace"][:, :steps], alone["trace"], rtol=1e-2)
