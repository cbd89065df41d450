r"""Norm of a convolution operator, bounded for every image size at once.

With zero padding, a stride-1 convolution at any H x W is a compression of the convolution on the
infinite plane, so its norm is at most $\max_\omega \sigma_{\max}(\hat K(\omega))$, $\hat K$ the
C_out x C_in transfer matrix (Sedghi, Gupta and Long, 2019). $\hat K$ is a trigonometric
polynomial of degree D = size // 2, so sampling N points per axis misses at most a factor
$\cos(\pi D / N)^{-2}$ (Ehlich and Zeller, 1964), which is multiplied in. The bound is tight: the
norm at H x W approaches the maximum as the image grows.

Power iterations run at all frequencies together on C x C matrices: some hundred times cheaper
than the convolution and its transpose on a whole image, and valid at every size.
"""

import math

import numpy as np
import tensorflow as tf

POINTS_PER_TAP = 16


def grid_size(kernel_size: int) -> int:
    """Samples per axis, N; the sampling factor stays below 1.01."""
    return max(1, 2 * POINTS_PER_TAP * (kernel_size // 2))


def frequencies(kernel_size: int) -> int:
    """Number of sampled frequencies: half the grid, the other half being conjugate."""
    n = grid_size(kernel_size)
    return n * (n // 2 + 1)


def start_vectors(kernel_size: int, channels: int) -> np.ndarray:
    """Seeded unit vectors [2, G, C_in]: real and imaginary parts."""
    shape = (2, frequencies(kernel_size), channels)
    vectors = np.random.default_rng(0).standard_normal(shape)
    return vectors / np.sqrt((vectors**2).sum((0, 2), keepdims=True))


def norm_bound(kernel: tf.Tensor, vectors: tf.Tensor, iterations: int, rise: float = 1e-4) -> tuple:
    """Upper bound on the operator norm of `kernel` [k, k, C_in, C_out] by power iteration.

    At most `iterations` >= 1 of them: fewer once they raise the norm by less than `rise` times it,
    as vectors that training has refined do at once. Returns the bound [], differentiable in
    `kernel`, and the refined vectors [2, G, C_in].
    """
    size = kernel.shape[0]
    transfer = _transfer(kernel)
    fixed = tf.stop_gradient(transfer)
    start = tf.complex(vectors[0], vectors[1])[..., None]

    def iterate(count, v, norm, _):
        u = tf.matmul(fixed, v)
        v = tf.matmul(fixed, _unit(u), adjoint_a=True)
        largest = tf.reduce_max(_norm(v))
        return count + 1, _unit(v), largest, largest - norm

    def rising(count, v, norm, more):
        return (count < iterations) & (more > rise * norm)

    first = iterate(tf.constant(0), start, tf.zeros([], kernel.dtype), None)
    v = first[1] if iterations == 1 else tf.while_loop(rising, iterate, first)[1]
    v = tf.stop_gradient(v)
    u = tf.stop_gradient(_unit(tf.matmul(fixed, v)))
    sigma = tf.reduce_max(tf.math.real(tf.reduce_sum(tf.math.conj(u) * tf.matmul(transfer, v), 1)))
    factor = math.cos(math.pi * (size // 2) / grid_size(size)) ** -2
    return factor * sigma, tf.stack([tf.math.real(v), tf.math.imag(v)])[..., 0]


def _transfer(kernel: tf.Tensor) -> tf.Tensor:
    """Transfer matrices [G, C_out, C_in] on the half grid."""
    size, _, c_in, c_out = kernel.shape
    n = grid_size(size)
    taps = np.arange(size) - size // 2
    full, half = 2 * np.pi * np.arange(n) / n, 2 * np.pi * np.arange(n // 2 + 1) / n
    phase = full[:, None, None, None] * taps[:, None] + half[:, None, None] * taps
    phase = phase.reshape(-1, size * size)
    flat = tf.reshape(kernel, [size * size, c_in * c_out])
    real = tf.matmul(tf.constant(np.cos(phase), kernel.dtype), flat)
    imag = tf.matmul(tf.constant(np.sin(phase), kernel.dtype), flat)
    return tf.linalg.matrix_transpose(tf.reshape(tf.complex(real, imag), [-1, c_in, c_out]))


def _norm(v: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.abs(v) ** 2, axis=1, keepdims=True))


def _unit(v: tf.Tensor) -> tf.Tensor:
    return v / tf.cast(tf.maximum(_norm(v), 1e-30), v.dtype)
