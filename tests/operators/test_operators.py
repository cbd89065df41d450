"""The conformance table: a new operator is one row and inherits every test."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.operators import Blur, BlurFFT, GaussianBlur, Operator, kernels


def kernel(*shape):
    return np.random.default_rng(sum(shape)).random(shape)


SIGNED = np.array([[0.0, -0.4, 0.1], [0.3, 1.0, -0.2]])
TABLE = {
    "gaussian": GaussianBlur(5, 5.0),
    "gaussian-even": GaussianBlur(4, 1.0),
    **{
        f"{cls.__name__}-{name}": cls(array)
        for cls in (Blur, BlurFFT)
        for name, array in {
            "odd": kernel(5, 5),
            "even": kernel(4, 4),
            "flat": kernel(1, 6),
            "tall": kernel(7, 2),
            "single": [[2.0]],
            "signed": SIGNED,
        }.items()
    },
}
every_operator = pytest.mark.parametrize("name", TABLE)
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def images(*shape, dtype="float64", seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), dtype)


def dot(a, b):
    return float(tf.reduce_sum(a * b))


def dense(operator, height, width):
    """The matrix of a one-channel operator."""
    basis = np.eye(height * width).reshape(-1, height, width, 1)
    return operator(tf.constant(basis)).numpy().reshape(height * width, -1).T


@every_operator
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [(12, 12), (9, 14)], ids=str)
def test_adjoint(name, dtype, size):
    operator = TABLE[name]
    x, y = images(2, *size, 3, dtype=dtype), images(2, *size, 3, dtype=dtype, seed=1)
    forward, backward = operator(x), operator.adjoint(y)
    assert forward.dtype == backward.dtype == x.dtype
    assert forward.shape == backward.shape == x.shape
    scale = float(tf.norm(forward) * tf.norm(y))
    assert abs(dot(forward, y) - dot(x, backward)) < TOLERANCE[dtype] * scale


@every_operator
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_compiled_as_eager_at_sizes_unknown_to_the_trace(name, jit_compile):
    operator = TABLE[name]

    @tf.function(
        jit_compile=jit_compile,
        input_signature=[tf.TensorSpec([None] * 4, tf.float32)],
        autograph=False,
    )
    def both(x):
        return operator(x), operator.adjoint(x)

    for shape in [(2, 9, 12, 3), (1, 12, 8, 1)]:
        x = images(*shape, dtype="float32")
        forward, backward = both(x)
        np.testing.assert_allclose(forward, operator(x), atol=1e-4)
        np.testing.assert_allclose(backward, operator.adjoint(x), atol=1e-4)


@every_operator
def test_gradient_is_the_adjoint(name):
    x, y = images(1, 8, 9, 2), images(1, 8, 9, 2, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(TABLE[name](x) * y)
    np.testing.assert_allclose(tape.gradient(value, x), TABLE[name].adjoint(y), atol=1e-12)


@every_operator
def test_norm_is_the_largest_singular_value(name):
    largest = np.linalg.norm(dense(TABLE[name], 8, 10), 2)
    assert TABLE[name].norm(8, 10) == pytest.approx(largest, rel=1e-3)
    assert TABLE[name].norm_bound(8, 10) >= largest * (1 - 1e-12)


@every_operator
def test_config_round_trip(name):
    config = keras.saving.serialize_keras_object(TABLE[name])
    copy = keras.saving.deserialize_keras_object(config)
    x = images(1, 8, 8, 1)
    assert type(copy) is type(TABLE[name])
    np.testing.assert_array_equal(copy(x), TABLE[name](x))


@every_operator
def test_images_are_independent(name):
    x = images(3, 9, 9, 2)
    np.testing.assert_allclose(TABLE[name](x)[1:2], TABLE[name](x[1:2]), atol=1e-13)


class Half(Operator):
    """The least that a user writes."""

    def apply(self, x):
        return x / 2

    def apply_adjoint(self, y):
        return y / 2


def test_a_users_operator():
    assert Half().norm(8, 9, channels=3) == pytest.approx(0.5)
    assert Half().norm_bound(8, 9) >= 0.5
    np.testing.assert_array_equal(Half()(tf.ones([1, 2, 2, 1])), 0.5)
    with pytest.raises(NotImplementedError):
        Operator()(tf.ones([1, 2, 2, 1]))


def test_norm_while_a_graph_is_traced():
    traced = tf.function(
        lambda x: x * GaussianBlur(3, 1.0).norm(8, 8, iterations=5), autograph=False
    )
    assert 0.9 < float(traced(1.0)) <= 1.0


def test_unknown_rank():
    f = tf.function(GaussianBlur(3, 1.0), input_signature=[tf.TensorSpec(None)], autograph=False)
    assert f(tf.ones([1, 5, 6, 2])).shape == (1, 5, 6, 2)


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((5, 5, 3)), r"`x` must be a batch of images.*Received: shape=\(5, 5, 3\)"),
        (np.zeros((1, 5, 5, 3), np.uint8), r"`x` must have a floating dtype.*dtype='uint8'"),
        (np.zeros((1, 4, 9, 3)), r"must not be larger.*kernel=\(5, 5\), image=\(4, 9\)"),
    ],
)
@pytest.mark.parametrize("operator", [GaussianBlur(5, 1.0), BlurFFT(kernels.gaussian(5, 1.0))])
def test_refused_images(operator, x, message):
    with pytest.raises(ValueError, match=message):
        operator(x)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.ones(3), r"non-empty 2-D array. Received: shape=\(3,\)"),
        (np.ones((0, 3)), r"non-empty 2-D array. Received: shape=\(0, 3\)"),
        ([[1.0, np.nan]], "`kernel` must be finite. Received: non_finite=1"),
        ([[1.0, -2.0]], "positive sum. Received: sum=-1.0"),
        ("gaussian", "2-D array of numbers. Received: kernel='str'"),
        ([[1.0], [1.0, 2.0]], "2-D array of numbers. Received: kernel='list'"),
    ],
)
@pytest.mark.parametrize("cls", [Blur, BlurFFT])
def test_refused_kernels(cls, array, message):
    with pytest.raises(ValueError, match=message):
        cls(array)
