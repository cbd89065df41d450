"""A convolution with batch normalisation folded into it and its operator norm bounded."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tf_jfb import _replicas
from tf_jfb._compat import register, value
from tf_jfb._validate import check, is_number, plain
from tf_jfb.networks import _spectral
from tf_jfb.networks._convolution import conv2d

# Power iterations at most, where the vectors may belong to another kernel.
STALE = 20
# They end once one of them raises the norm by less than this share; at least two are made.
RISE, RISE_IN_TRAINING = 1e-4, 1e-2


class Folded(NamedTuple):
    """The affine map a layer amounts to while its normalisations stand still."""

    kernel: tf.Tensor  # [k, k, C_in, C_out]
    bias: tf.Tensor | None  # [C_out]
    scale: tf.Tensor | None  # [C_out], folded kernel / raw kernel


def check_bound(lipschitz) -> None:
    """Raises ValueError unless it is positive, or None for no bound."""
    check(
        lipschitz is None or is_number(lipschitz) and lipschitz > 0,
        "`lipschitz` must be positive or None.",
        lipschitz=lipschitz,
    )


@register
class SpectralConv2D(keras.layers.Layer):
    r"""3x3 (or k x k) stride-1 convolution, zero padding, [B, H, W, C_in] -> [B, H, W, filters].

    With batch normalisation, $y = \gamma (k * x - \mu) / \sqrt{v + \epsilon} + \beta$ is folded
    into one kernel; that folded kernel w is what is bounded, as $w / \max(1, \sigma(w) / c)$,
    c = `lipschitz` and $\sigma$ an upper bound on the norm of the convolution operator at any
    image size (see `_spectral`). `fold` reads all of it once; the solve uses it unchanged.

    Args:
        filters: output channels, >= 1.
        kernel_size: side of the kernel, >= 1.
        lipschitz: c > 0, or None for no bound.
        use_bias: learned bias; excludes `batch_norm`, which has its own.
        batch_norm: batch normalisation, folded.
        momentum, epsilon: of the moving statistics; momentum 1 keeps them as they are.
        kernel_initializer: as Keras takes it.

    Raises:
        ValueError: an argument is outside its range.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        lipschitz=1.0,
        use_bias=True,
        batch_norm=False,
        momentum=0.99,
        epsilon=1e-5,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(**{"autocast": False, **kwargs})
        filters, kernel_size, lipschitz = map(plain, (filters, kernel_size, lipschitz))
        check(
            isinstance(filters, int) and filters >= 1,
            "`filters` must be an integer >= 1.",
            filters=filters,
        )
        check(
            isinstance(kernel_size, int) and kernel_size >= 1,
            "`kernel_size` must be an integer >= 1.",
            kernel_size=kernel_size,
        )
        check_bound(lipschitz)
        check(
            is_number(momentum) and 0.0 <= momentum <= 1.0,
            "`momentum` must lie in [0, 1].",
            momentum=momentum,
        )
        self.filters, self.kernel_size, self.lipschitz = filters, kernel_size, lipschitz
        self.use_bias, self.batch_norm = use_bias and not batch_norm, batch_norm
        self.momentum, self.epsilon = momentum, epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        k, vector = self.kernel_size, (self.filters,)
        self.kernel = self.add_weight(
            shape=(k, k, channels, self.filters),
            name="kernel",
            initializer=self.kernel_initializer,
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=vector, name="bias", initializer="zeros")
        if self.batch_norm:
            self.gamma = self.add_weight(shape=vector, name="gamma", initializer="ones")
            self.beta = self.add_weight(shape=vector, name="beta", initializer="zeros")
            self.moving_mean = self.add_weight(
                shape=vector, name="moving_mean", initializer="zeros", trainable=False
            )
            self.moving_variance = self.add_weight(
                shape=vector, name="moving_variance", initializer="ones", trainable=False
            )
        if self.lipschitz is not None:
            start = tf.constant(_spectral.start_vectors(k, channels), self.variable_dtype)
            if tf.executing_eagerly():  # a graph that is being traced has no kernel to read yet
                _, start = _spectral.norm_bound(value(self.kernel), start, STALE)
            self.vectors = self.add_weight(
                shape=start.shape,
                name="vectors",
                trainable=False,
                initializer=lambda shape, dtype=None: tf.cast(start, dtype or "float32"),
            )
        self.built = True

    def fold(self, training=False) -> Folded:
        """Kernel and bias that stand for the layer; in training, refines the norm's vectors."""
        if not self.batch_norm:
            kernel, bound = self._bounded(value(self.kernel), training)
            return Folded(kernel, value(self.bias) if self.use_bias else None, None)
        scale = value(self.gamma) * tf.math.rsqrt(value(self.moving_variance) + self.epsilon)
        kernel, bound = self._bounded(value(self.kernel) * scale, training)
        bias = value(self.beta) - value(self.moving_mean) * scale * bound
        return Folded(kernel, bias, scale * bound)

    def apply(self, x: tf.Tensor, folded: Folded, compute_dtype=None) -> tf.Tensor:
        """The folded convolution, computed in `compute_dtype` (default: the layer's)."""
        dtype = compute_dtype or self.compute_dtype
        y = conv2d(tf.cast(x, dtype), tf.cast(folded.kernel, dtype))
        return y if folded.bias is None else tf.nn.bias_add(y, tf.cast(folded.bias, dtype))

    def observe(self, y: tf.Tensor, folded: Folded) -> None:
        """Moves the statistics towards those of `y` = `apply(x, folded)`: once per step.

        Replicas move them together, towards those of the global batch. The raw convolution is
        (y - bias) / scale, so its moments follow from those of y.
        """
        if self.momentum == 1.0 or folded.scale is None:
            return
        y = tf.cast(tf.stop_gradient(y), self.variable_dtype)
        mean, variance = _replicas.moments(y, [0, 1, 2])
        scale = folded.scale
        raw_mean = tf.math.divide_no_nan(mean - folded.bias, scale)
        raw_variance = tf.math.divide_no_nan(variance, scale**2)
        seen = tf.abs(scale) > 1e-6  # a channel scaled to nothing shows no statistics
        for variable, new in ((self.moving_mean, raw_mean), (self.moving_variance, raw_variance)):
            moved = self.momentum * value(variable) + (1.0 - self.momentum) * new
            value(variable).assign(tf.where(seen, moved, value(variable)))

    def call(self, x, training=None):
        if self.batch_norm and training:
            return self._call_with_batch_statistics(x)
        return self.apply(x, self.fold(training=bool(training)))

    def _call_with_batch_statistics(self, x):
        dtype = self.compute_dtype
        raw = conv2d(tf.cast(x, dtype), tf.cast(value(self.kernel), dtype))
        y, mean, variance = self._standardised(raw)
        scale = value(self.gamma)
        _, bound = self._bounded(
            value(self.kernel) * scale * tf.math.rsqrt(variance + self.epsilon), True
        )
        for variable, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            value(variable).assign(
                self.momentum * value(variable) + (1.0 - self.momentum) * tf.stop_gradient(new)
            )
        return y * tf.cast(scale * bound, y.dtype) + tf.cast(value(self.beta), y.dtype)

    def _standardised(self, raw):
        """`raw` with mean 0 and variance 1 over the global batch, its mean and its variance.

        The variance is unbiased and carries no gradient, as that of TensorFlow's fused operation.
        """
        replicas = _replicas.count()
        if replicas == 1:
            one, zero = tf.ones_like(value(self.gamma)), tf.zeros_like(value(self.beta))
            return tf.compat.v1.nn.fused_batch_norm(raw, one, zero, epsilon=self.epsilon)
        y = tf.cast(raw, self.variable_dtype)
        mean, variance = _replicas.moments(y, [0, 1, 2])
        y = (y - mean) * tf.math.rsqrt(variance + self.epsilon)
        pixels = tf.cast(replicas * tf.reduce_prod(tf.shape(raw)[:3]), y.dtype)
        unbiased = tf.stop_gradient(variance) * pixels / (pixels - 1.0)
        return tf.cast(y, raw.dtype), mean, unbiased

    def _bounded(self, kernel, training):
        """The kernel scaled to norm at most c, and the factor that was applied."""
        if self.lipschitz is None:
            return kernel, tf.ones([], kernel.dtype)
        # The vectors may be stale (a wild step, weights set by hand): iterate while it pays.
        rise = RISE_IN_TRAINING if training else RISE
        sigma, vectors = _spectral.norm_bound(kernel, value(self.vectors), STALE, rise)
        if training:
            value(self.vectors).assign(vectors)
        bound = 1.0 / tf.maximum(sigma / self.lipschitz, 1.0)
        return kernel * bound, bound

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict:
        names = (
            "filters",
            "kernel_size",
            "lipschitz",
            "use_bias",
            "batch_norm",
            "momentum",
            "epsilon",
        )
        own = {name: getattr(self, name) for name in names}
        start = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), **own, "kernel_initializer": start}
