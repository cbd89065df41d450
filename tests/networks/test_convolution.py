"""The fast forms of a convolution's derivatives against TensorFlow's own, in float64."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.networks._convolution import conv2d


def plain(x, kernel):
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def arrays(size, channels=(2, 5)):
    rng = np.random.default_rng(size)
    shapes = (3, 6, 7, channels[0]), (size, size, *channels), (3, 6, 7, channels[1])
    return [tf.constant(rng.standard_normal(shape)) for shape in shapes]


def derivatives(convolve, x, kernel, weight):
    """First derivatives, and second derivatives of their squared sum."""
    with tf.GradientTape() as outer:
        outer.watch([x, kernel, weight])
        with tf.GradientTape() as inner:
            inner.watch([x, kernel])
            y = tf.reduce_sum(weight * convolve(x, kernel) ** 2)
        first = inner.gradient(y, [x, kernel])
        total = sum(tf.reduce_sum(g**2) for g in first)
    return first + outer.gradient(total, [x, kernel, weight])


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_derivatives_of_first_and_second_order(size, jit_compile):
    x, kernel, weight = arrays(size)
    ours = tf.function(lambda *a: derivatives(conv2d, *a), jit_compile=jit_compile, autograph=False)
    for a, b in zip(ours(x, kernel, weight), derivatives(plain, x, kernel, weight), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-9)


def test_training_steps_take_them():
    """By a tape in a graph, as Keras differentiates."""

    @tf.function(autograph=False)
    def gradient(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            loss = tf.reduce_sum(conv2d(x, kernel) ** 2)
        return tape.gradient(loss, [x, kernel])

    graph = gradient.get_concrete_function(*arrays(3)[:2]).graph
    types = [op.type for op in graph.get_operations() if op.type.startswith("Conv2D")]
    assert types == ["Conv2D"] * 3


def test_unknown_sizes_keep_the_kernels_shape():
    x, kernel, weight = arrays(3)
    signature = [tf.TensorSpec([None, None, None, 2], tf.float64)]

    @tf.function(input_signature=signature, autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            y = tf.reduce_sum(conv2d(x, kernel) ** 2)
        result = tape.gradient(y, kernel)
        assert result.shape == kernel.shape  # as an optimizer wants it
        return result

    with tf.GradientTape() as tape:
        tape.watch(kernel)
        y = tf.reduce_sum(plain(x, kernel) ** 2)
    np.testing.assert_allclose(gradient(x), tape.gradient(y, kernel), rtol=1e-10)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_gradients_in_half_precision_are_those_of_full(dtype):
    """By windows as large as the image oneDNN's bfloat16 was wrong: cosine 0.005."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((2, 32, 32, 16)).astype(np.float32) for _ in range(2))
    kernel = rng.standard_normal((3, 3, 16, 16)).astype(np.float32)
    found = []
    for kind in ("float32", dtype):
        inputs = [tf.cast(t, kind) for t in (x, kernel)]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = conv2d(*inputs)
        found.append(tape.gradient(y, inputs, output_gradients=tf.cast(dy, kind)))
    for full, half in zip(*found, strict=True):
        np.testing.assert_allclose(tf.cast(half, tf.float32), full, atol=0.01 * np.abs(full).max())
