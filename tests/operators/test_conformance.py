"""Every operator: its adjoint, its values against SciPy, its norm, and what it refuses."""

import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import tensorflow as tf

from tf_jfb.operators import Blur, BlurEach, BlurFFT, Downsample, GaussianBlur, Inpainting

RNG = np.random.default_rng(0)
KERNELS = {
    "odd": RNG.random((3, 3)),
    "even": RNG.random((4, 4)),
    "asymmetric": np.arange(1.0, 26.0).reshape(5, 5),
    "one": np.array([[0.7]]),
    "non_square": RNG.random((2, 5)),
    "large": RNG.random((7, 6)),  # more taps than are summed as shifts
}
OPERATORS = {
    **{f"Blur-{name}": Blur(k) for name, k in KERNELS.items()},
    **{f"BlurFFT-{name}": BlurFFT(k) for name, k in KERNELS.items()},
    "GaussianBlur-5": GaussianBlur(5, 5.0),
    "GaussianBlur-4": GaussianBlur(4, 1.0),
}
EACH = BlurEach(RNG.random((2, 5, 4)))
SIZED = {  # for images of a certain size [H, W], or batches of 2
    "BlurEach": (EACH, (9, 8)),
    "BlurEach-transfer": (BlurEach.from_transfer(EACH.transfer(tf.zeros([2, 9, 8, 1]))), (9, 8)),
    "Downsample-1": (Downsample(1), (9, 8)),
    "Downsample-2": (Downsample(2), (8, 6)),
    "Downsample-3": (Downsample(3), (9, 6)),
    "Downsample-2-even": (Downsample(2, KERNELS["even"]), (4, 10)),
    "Downsample-3-asymmetric": (Downsample(3, KERNELS["asymmetric"]), (9, 6)),
    "Inpainting": (Inpainting(RNG.random((9, 8)) < 0.6), (9, 8)),
}
EVERY = {**{name: (operator, (9, 8)) for name, operator in OPERATORS.items()}, **SIZED}
ALL = pytest.mark.parametrize("name", OPERATORS)
KERNEL = pytest.mark.parametrize("name", KERNELS)


def images(seed, shape=(2, 9, 8, 3), dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_adjoint(name, dtype, tolerance):
    operator, size = EVERY[name]
    x = images(1, (2, *size, 3), dtype)
    ax = operator(x)
    y = images(2, ax.shape, dtype)
    aty = operator.adjoint(y)
    assert aty.shape == x.shape
    assert ax.dtype == aty.dtype == dtype
    left = np.vdot(np.float64(ax), np.float64(y))
    right = np.vdot(np.float64(x), np.float64(aty))
    assert abs(left - right) <= tolerance * np.linalg.norm(ax) * np.linalg.norm(y)


@KERNEL
def test_blur_is_scipy_convolution_with_zero_padding(name):
    kernel, x = KERNELS[name], images(3, (1, 9, 8, 1))
    full = scipy.signal.convolve2d(x[0, :, :, 0], kernel)
    top, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    np.testing.assert_allclose(
        Blur(kernel)(x)[0, :, :, 0], full[top : top + 9, left : left + 8], atol=1e-12
    )


@KERNEL
def test_blur_fft_is_scipy_circular_convolution(name):
    kernel, x = KERNELS[name], images(3, (1, 9, 8, 1))
    # ndimage.convolve takes index (size - 1) // 2 of an even kernel as its origin, not size // 2.
    origin = [k // 2 - (k - 1) // 2 - (1 - k % 2) for k in kernel.shape]
    expected = scipy.ndimage.convolve(x[0, :, :, 0], kernel, mode="wrap", origin=origin)
    np.testing.assert_allclose(BlurFFT(kernel)(x)[0, :, :, 0], expected, atol=1e-12)


@ALL
def test_an_impulse_shows_the_kernel_about_its_centre(name):
    operator, impulse = OPERATORS[name], np.zeros((1, 9, 9, 1))
    impulse[0, 4, 4] = 1.0
    k1, k2 = operator.kernel.shape
    top, left = 4 - k1 // 2, 4 - k2 // 2
    response = operator(impulse)[0, top : top + k1, left : left + k2, 0]
    np.testing.assert_allclose(response, operator.kernel, atol=1e-12)


def dense(operator, height, width):
    basis = np.eye(height * width).reshape(-1, height, width, 1)
    return operator(basis).numpy().reshape(height * width, -1).T


@ALL
def test_norm_is_the_largest_singular_value(name):
    operator = OPERATORS[name]
    largest = np.linalg.svd(dense(operator, 7, 6), compute_uv=False)[0]
    assert operator.norm(7, 6) == pytest.approx(largest, rel=1e-3)


@KERNEL
def test_prox_is_optimal(name):
    operator = BlurFFT(KERNELS[name])
    z, d, rho = images(4), images(5), np.array([0.3, 2.0])
    x = operator.prox(z, d, rho)
    gradient = operator.adjoint(operator(x) - d) + rho[:, None, None, None] * (x - z)
    assert np.abs(gradient).max() <= 1e-10 * np.abs(operator.adjoint(d)).max()


@pytest.mark.parametrize("kind", [Blur, BlurFFT])
def test_unknown_sizes_in_a_graph(kind):
    operator = kind(KERNELS["asymmetric"])
    signature = [tf.TensorSpec([None, None, None, None], tf.float64)]
    graph = tf.function(
        lambda x: operator.adjoint(operator(x)), input_signature=signature, autograph=False
    )
    for shape in ((1, 7, 8, 1), (2, 6, 9, 3)):
        x = images(6, shape)
        np.testing.assert_allclose(graph(x), operator.adjoint(operator(x)), atol=1e-10)


@pytest.mark.parametrize("kind", [Blur, BlurFFT])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_xla(kind, dtype):
    if kind is BlurFFT and dtype == np.float64 and tf.__version__ < "2.16":
        pytest.skip("XLA of this TensorFlow has no Fourier transform in float64")
    operator, x = kind(KERNELS["even"]), images(6, dtype=dtype)
    compiled = tf.function(operator, jit_compile=True, autograph=False)(x)
    np.testing.assert_allclose(compiled, operator(x), atol=1e-5 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("kind", [Blur, BlurFFT])
@pytest.mark.parametrize(
    "kernel, message",
    [
        (np.zeros((0, 0)), r"non-empty 2-D array. Received: shape=\(0, 0\)"),
        ([[1.0, np.nan]], "must be finite. Received: non_finite=1"),
        ([[-1.0, 0.5]], r"positive sum. Received: sum=-0.5"),
        ([1.0, 2.0], r"2-D array. Received: shape=\(2,\)"),
        ("blur", "must be a 2-D array of numbers"),
    ],
)
def test_kernel_errors(kind, kernel, message):
    with pytest.raises(ValueError, match=message):
        kind(kernel)


@pytest.mark.parametrize("kind", [Blur, BlurFFT])
@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((1, 4, 9, 1)), "not be larger than the image"),
        (np.zeros((1, 9, 9, 1), np.uint8), r"floating dtype.* Received: dtype='uint8'"),
        (np.zeros((9, 9, 1)), r"\[B, H, W, C\]. Received: shape=\(9, 9, 1\)"),
    ],
)
def test_image_errors(kind, x, message):
    operator = kind(KERNELS["asymmetric"])
    for call in (operator, operator.adjoint):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_prox_refuses_a_negative_weight():
    with pytest.raises(ValueError, match="`rho` must be positive. Received: rho=-1.0"):
        BlurFFT(KERNELS["odd"]).prox(images(0), images(1), -1.0)


@pytest.mark.parametrize("size, std", [(0, 1.0), (2.5, 1.0), (3, 0.0), (3, float("nan"))])
def test_gaussian_errors(size, std):
    with pytest.raises(ValueError, match="Received: (size|std)="):
        GaussianBlur(size, std)


@pytest.mark.parametrize("name", [name for name in EVERY if "BlurEach" not in name])
def test_configuration_round_trip(name):
    operator, size = EVERY[name]
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(operator))
    assert type(copy) is type(operator)
    assert copy.get_config() == operator.get_config()
    x = images(7, (1, *size, 1))
    np.testing.assert_array_equal(copy(x), operator(x))


@pytest.mark.parametrize("name", [name for name in SIZED if "BlurEach" not in name])
def test_norm_at_its_size(name):
    operator, size = SIZED[name]
    largest = np.linalg.svd(dense(operator, *size), compute_uv=False)[0]
    assert operator.norm(*size, iterations=60) == pytest.approx(largest, rel=1e-3)
    assert operator.norm_bound(*size) >= largest * (1 - 1e-12)
