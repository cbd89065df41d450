"""The paper's network.

Where this differs from the published code:
1. Batch normalisation is folded into the convolution before the norm is bounded: applied after
   spectral normalisation it would void the bound.
2. The bound is on the convolution operator, w / max(1, sigma / c), never scaling a kernel up.
3. Statistics are read once per solve and moved once per training step.
"""

import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._validate import check, check_positive, plain
from tf_jfb.networks._bands import by_bands
from tf_jfb.networks.base import Network
from tf_jfb.networks.spectral_conv import SpectralConv2D, check_bound


@register
class DnCNN(Network):
    r"""Residual denoiser of Zhang et al. (2017): [B, H, W, C] -> [B, H, W, C], the noise estimate.

    `depth` convolutions 3x3 without bias, `channels` wide, ReLU between, batch normalisation on
    the inner ones. Under a mixed precision policy the inner convolutions run in the compute
    dtype and the first and last in float32, so that the image itself is never rounded.

    Args:
        depth: convolutions, >= 2; the paper's 17.
        channels: width, >= 1; the paper's 64.
        lipschitz: bound c on the operator norm of every folded convolution, None for no bound.
        gain: constant factor on the output. Noise in [0, 1] images is small: a factor of its
            size keeps an adaptive optimizer's steps on the last kernel in proportion.
        momentum: of the batch statistics; 1 keeps those of a pretrained network, whose inputs were
            noisier than the iterates: to follow the iterates would raise its gain step by step.

    Raises:
        ValueError: an argument is outside its range.
    """

    def __init__(self, depth=17, channels=64, lipschitz=None, gain=1.0, momentum=0.99, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        depth, channels, lipschitz, gain = map(plain, (depth, channels, lipschitz, gain))
        check(
            isinstance(depth, int) and depth >= 2, "`depth` must be an integer >= 2.", depth=depth
        )
        check(
            isinstance(channels, int) and channels >= 1,
            "`channels` must be an integer >= 1.",
            channels=channels,
        )
        self.depth, self.channels = depth, channels
        check_positive("gain", gain)
        check_bound(lipschitz)
        self.lipschitz, self.gain, self.momentum = lipschitz, gain, momentum

    def build(self, input_shape):
        shape = tuple(input_shape)
        for i in range(self.depth):
            inner = 0 < i < self.depth - 1
            conv = SpectralConv2D(
                self.channels if i < self.depth - 1 else input_shape[-1],
                lipschitz=self.lipschitz,
                use_bias=False,
                batch_norm=inner,
                momentum=self.momentum,
                name=f"conv_{i}",
                dtype=self.dtype_policy if inner else self.variable_dtype,
            )
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
            setattr(self, f"conv_{i}", conv)
        self.built = True

    @property
    def convs(self) -> list:
        return [getattr(self, f"conv_{i}") for i in range(self.depth)]

    @property
    def last(self) -> SpectralConv2D:
        """The convolution whose output is the network's, but for the gain."""
        return self.convs[-1]

    def call(self, x, training=None):
        for i, conv in enumerate(self.convs):
            x = conv(x, training=training)
            x = tf.nn.relu(x) if i < self.depth - 1 else self.gain * x
        return x

    def folded(self, training=False) -> list:
        """What the normalisations amount to: kernel and bias of every layer, as `Folded`."""
        return [conv.fold(training=training) for conv in self.convs]

    def frozen(self, training=False, folded=None):
        """The network as a function x -> R(x) with every normalisation computed once.

        In training the function takes `observe=True` to move the batch statistics; it must be
        called so exactly once per step. Otherwise large images go through it in bands of rows,
        with the same result in bounded memory. `folded`: an earlier result of `folded()` whose
        weights still hold.
        """
        folds = self.folded(training) if folded is None else folded

        def network(x, observe=False):
            for i, (conv, folded) in enumerate(zip(self.convs, folds, strict=True)):
                x = conv.apply(x, folded)
                if observe and conv.batch_norm:
                    conv.observe(x, folded)
                x = tf.nn.relu(x) if i < self.depth - 1 else self.gain * x
            return x

        reach = self.depth * (self.convs[0].kernel_size // 2)

        def banded(x):
            return tf.ensure_shape(by_bands(network, x, reach), x.shape)

        return network if training else lambda x, observe=False: banded(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        names = ("depth", "channels", "lipschitz", "gain", "momentum")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
