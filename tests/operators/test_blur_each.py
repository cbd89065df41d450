"""One kernel per image: against `BlurFFT` of each kernel, which SciPy vouches for."""

import numpy as np
import pytest
import tensorflow as tf

from tf_jfb.operators import BlurEach, BlurFFT
from tf_jfb.solvers import Picard, Status, solve

RNG = np.random.default_rng(0)
KERNELS = [tf.constant(RNG.random((2, *shape))) for shape in ((5, 5), (4, 3), (1, 6))]
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: str(tuple(k.shape[1:])))


def images(seed=0, shape=(2, 9, 8, 3), dtype=tf.float64):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), dtype)


def alone(kernel, call, *args):
    """`call(BlurFFT, arguments of one image)` for every image."""
    one = [call(BlurFFT(k), *[a[b : b + 1] for a in args]) for b, k in enumerate(kernel.numpy())]
    return tf.concat(one, axis=0)


@each_kernel
@pytest.mark.parametrize("given", ["kernel", "transfer"])
def test_every_image_as_by_its_own_kernel(kernel, given):
    z, d, rho = images(0), images(1), tf.constant([0.1, 2.0], tf.float64)
    operator = BlurEach(kernel)
    transfer = operator.transfer(z)
    assert transfer.shape == (2, 1, 9, 5)
    if given == "transfer":
        operator = BlurEach.from_transfer(transfer)
    for call, args in (
        (lambda a, x: a(x), (z,)),
        (lambda a, x: a.adjoint(x), (z,)),
        (lambda a, x, d, rho: a.prox(x, d, rho), (z, d, rho)),
        (lambda a, x, rho: a.inverse(x, rho), (z, rho)),
        (lambda a, d: a.wiener(d, 0.3), (d,)),
    ):
        np.testing.assert_allclose(call(operator, *args), alone(kernel, call, *args), atol=1e-12)
    largest = max(BlurFFT(k).norm(9, 8) for k in kernel.numpy())
    assert operator.norm(9, 8) == pytest.approx(largest, rel=1e-13)
    norms = [BlurFFT(k).norm(9, 8) for k in kernel.numpy()]
    np.testing.assert_allclose(operator.norm_bound(9, 8), norms, rtol=1e-13)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_kernels_and_sizes_unknown_to_the_trace(jit_compile):
    signature = [tf.TensorSpec([None] * 3), tf.TensorSpec([None] * 4), tf.TensorSpec([None])]

    @tf.function(jit_compile=jit_compile, input_signature=signature, autograph=False)
    def f(kernel, x, rho):
        operator = BlurEach(kernel)
        return operator(x), operator.inverse(x, rho)

    for kernel, shape in ((KERNELS[0], (2, 9, 8, 3)), (KERNELS[1], (2, 5, 6, 1))):
        x, rho = images(0, shape), tf.constant([0.1, 2.0], tf.float64)
        got = f(*[tf.cast(t, tf.float32) for t in (kernel, x, rho)])
        operator = BlurEach(kernel)
        np.testing.assert_allclose(got[0], operator(x), atol=1e-4)
        np.testing.assert_allclose(got[1], operator.inverse(x, rho), atol=1e-4)


def test_known_sizes_survive_a_trace():
    f = tf.function(lambda k, x: BlurEach(k)(x), autograph=False)
    spec = tf.TensorSpec([None, 5, 5]), tf.TensorSpec([None, 9, 8, 3])
    assert f.get_concrete_function(*spec).outputs[0].shape[1:] == (9, 8, 3)
    norm = tf.function(lambda k: BlurEach(k).norm(9, 8), autograph=False)(KERNELS[0])
    assert float(norm) == pytest.approx(BlurEach(KERNELS[0]).norm(9, 8))


def test_gradient_reaches_the_kernel():
    kernel, x, y = KERNELS[1], images(0), images(1)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        value = tf.reduce_sum(BlurEach(kernel)(x) * y)
    # The value is linear in the kernel.
    gradient = tape.gradient(value, kernel)
    assert float(tf.reduce_sum(gradient * kernel)) == pytest.approx(float(value), rel=1e-10)


@pytest.mark.parametrize("compact", [False, True])
def test_a_solve_takes_the_transfer_per_image(compact):
    kernel, x = KERNELS[0] / 25, images()
    operator = BlurEach(kernel)

    def f(x, transfer, right):
        blur = BlurEach.from_transfer(transfer)
        return x - (blur.adjoint(blur(x)) + 0.5 * x - right)

    right = operator.adjoint(operator(x)) + 0.5 * x
    solver = Picard(rtol=1e-10, atol=0.0, max_evaluations=200)
    inputs = (operator.transfer(x), right)
    solution = solve(f, tf.zeros_like(x), solver, inputs, compact=compact)
    np.testing.assert_array_equal(solution.status, int(Status.CONVERGED))
    np.testing.assert_allclose(solution.x, x, atol=1e-8)


@pytest.mark.parametrize(
    "kernel, message",
    [
        (np.ones((5, 5)), r"one kernel per image, \[B, k1, k2\]. Received: shape=\(5, 5\)"),
        (np.ones((2, 5, 5), int), "`kernel` must be floating. Received: dtype='int64'"),
        (np.full((2, 3, 3), np.nan), "must be finite. Received: non_finite=9"),
        (np.zeros((2, 3, 3)), "positive sum. Received: sum=0.0"),
    ],
)
def test_refused_kernels(kernel, message):
    with pytest.raises(ValueError, match=message):
        BlurEach(kernel)


def test_refused_images():
    operator = BlurEach(KERNELS[0])
    with pytest.raises(ValueError, match="one kernel per image. Received: kernels=2, images=3"):
        operator(images(0, (3, 9, 8, 1)))
    with pytest.raises(ValueError, match="not be larger than the image"):
        operator(images(0, (2, 9, 4, 1)))
    held = BlurEach.from_transfer(operator.transfer(images()))
    with pytest.raises(
        ValueError, match=r"images' size. Received: transfer=\(9, 5\), image=\(8, 9"
    ):
        held(images(0, (2, 8, 9, 1)))
    with pytest.raises(ValueError, match="images' size"):
        held.norm(7, 7)
    with pytest.raises(ValueError, match="`transfer` must be complex"):
        BlurEach.from_transfer(images())


def test_it_is_not_saved():
    with pytest.raises(NotImplementedError, match="cannot be saved"):
        BlurEach(KERNELS[0]).get_config()
