"""A residual U-Net that is told the noise level."""

import keras
import tensorflow as tf

from tf_jfb._compat import register
from tf_jfb._numerics import per_image
from tf_jfb._validate import check, check_positive, plain
from tf_jfb.networks._bands import by_bands
from tf_jfb.networks.base import Network
from tf_jfb.networks.spectral_conv import SpectralConv2D, check_bound

LEVEL_UNIT = 0.05  # the level enters the first convolution in this unit, of about its own size
LINEAR, SMALL = 1.0, 0.02  # variance that a convolution starts with, he_normal's being 2


@register
class UNet(Network):
    r"""Residual U-Net, [B, H, W, C] and a noise level [B] -> [B, H, W, C], the noise estimate.

    Every scale has `blocks` residual blocks $h + w_2 * \mathrm{relu}(w_1 * h)$ on the way down
    and on the way up; between scales the image is folded two by two into channels, which keeps
    norms, and the way up adds what the way down left. The level is one more input channel.
    What a block adds, and the output, start small: at first the network passes the image on.

    `lipschitz` bounds every convolution; with the sums of its blocks and scales the whole
    network then has a bound, but one above 1.

    Args:
        channels: width of every scale, the finest first.
        blocks: residual blocks per scale and direction, >= 1.
        lipschitz: bound c on the operator norm of every convolution, None for no bound.
        gain: constant factor on the output, as in `DnCNN`.

    Raises:
        ValueError: an argument is outside its range.

    Source: Ronneberger, Fischer and Brox (2015); the level as a channel: Zhang et al. (2021),
    arXiv 2008.13751.
    """

    conditional = True

    def __init__(self, channels=(32, 64, 128), blocks=2, lipschitz=None, gain=1.0, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        blocks, lipschitz, gain = map(plain, (blocks, lipschitz, gain))
        several = isinstance(channels, (tuple, list))
        self.channels = plain(tuple(channels)) if several else ()
        check(
            len(self.channels) >= 1 and all(isinstance(c, int) and c >= 1 for c in self.channels),
            "`channels` must be integers >= 1, one per scale.",
            channels=channels,
        )
        check(
            isinstance(blocks, int) and blocks >= 1,
            "`blocks` must be an integer >= 1.",
            blocks=blocks,
        )
        check_positive("gain", gain)
        check_bound(lipschitz)
        self.blocks, self.lipschitz, self.gain = blocks, lipschitz, gain

    @property
    def factor(self) -> int:
        """Sides of the image are padded to a multiple of this."""
        return 2 ** (len(self.channels) - 1)

    def build(self, input_shape):
        image = input_shape[-1]
        widths, last = self.channels, len(self.channels) - 1
        self._add("first", image + 1, widths[0], LINEAR, outer=True)
        for scale, width in enumerate(widths):
            for block in range(self.blocks * (1 if scale == last else 2)):
                self._add(f"scale_{scale}_block_{block}_in", width, width)
                self._add(f"scale_{scale}_block_{block}_out", width, width, SMALL)
            if scale < last:
                self._add(f"down_{scale}", 4 * width, widths[scale + 1], LINEAR)
                self._add(f"up_{scale}", widths[scale + 1], 4 * width, LINEAR)
        self._add("last", widths[0], image, SMALL, outer=True)
        self.built = True

    def _add(self, name, inputs, filters, gain=2.0, outer=False):
        conv = SpectralConv2D(
            filters,
            lipschitz=self.lipschitz,
            kernel_initializer=keras.initializers.VarianceScaling(gain),
            name=name,
            dtype=self.variable_dtype if outer else self.dtype_policy,
        )
        conv.build((None, None, None, inputs))
        setattr(self, name, conv)

    @property
    def convs(self) -> dict:
        """{name: convolution}, in the order of their making."""
        layers = {k: v for k, v in vars(self).items() if isinstance(v, SpectralConv2D)}
        return dict(sorted(layers.items()))

    def call(self, x, level, training=None):
        return self.frozen(training=bool(training))(x, level)

    def folded(self, training=False) -> dict:
        """What the normalisations amount to: `Folded` of every convolution, by its name."""
        return {name: conv.fold(training=training) for name, conv in self.convs.items()}

    def frozen(self, training=False, folded=None):
        """The network as a function (x, level) -> R, its normalisations computed once.

        Outside training large images go through it in bands of rows, as in `DnCNN`.
        """
        folds = self.folded(training) if folded is None else folded

        def network(x):
            return self._forward(x, folds)

        def conditioned(x, level, observe=False):
            unit = per_image(tf.cast(level, x.dtype) / LEVEL_UNIT, x)
            y = tf.concat([x, unit * tf.ones_like(x[..., :1])], -1)
            y = _pad(y, self.factor)
            y = network(y) if training else by_bands(network, y, self._reach, self.factor)
            size = tf.shape(x)
            return tf.ensure_shape(y[:, : size[1], : size[2]], x.shape)

        return conditioned

    @property
    def _reach(self) -> int:
        """Rows that a pixel of the output can see on either side, a multiple of `factor`."""
        rows, last = 2, len(self.channels) - 1
        for scale in range(len(self.channels)):
            convs = 2 * self.blocks * (1 if scale == last else 2)
            # Down and up convolve in the next scale; a pixel there covers two of this one.
            between = 2 * 2 ** (scale + 1) + 2**scale if scale < last else 0
            rows += 2**scale * convs + between
        return -(-rows // self.factor) * self.factor

    def _forward(self, x, folds):
        def conv(name, h):
            return getattr(self, name).apply(h, folds[name])

        def block(name, h):
            inner = tf.nn.relu(conv(f"{name}_in", h))
            return h + tf.cast(conv(f"{name}_out", inner), h.dtype)

        def scale(i, h):
            for j in range(self.blocks):
                h = block(f"scale_{i}_block_{j}", h)
            if i == len(self.channels) - 1:
                return h
            below = scale(i + 1, conv(f"down_{i}", tf.nn.space_to_depth(h, 2)))
            h += tf.cast(tf.nn.depth_to_space(conv(f"up_{i}", below), 2), h.dtype)
            for j in range(self.blocks, 2 * self.blocks):
                h = block(f"scale_{i}_block_{j}", h)
            return h

        return self.gain * conv("last", scale(0, conv("first", x)))

    def compute_output_shape(self, input_shape, level_shape=None):
        return input_shape

    def get_config(self) -> dict:
        own = {name: getattr(self, name) for name in ("blocks", "lipschitz", "gain")}
        return {**super().get_config(), "channels": list(self.channels), **own}


def _pad(x, factor):
    """Zeros below and to the right, up to multiples of `factor`."""
    height, width = tf.unstack(tf.shape(x)[1:3])
    below, right = -height % factor, -width % factor
    padded = tf.pad(x, [[0, 0], [0, below], [0, right], [0, 0]])
    static = [None if n is None else n + -n % factor for n in x.shape[1:3]]
    return tf.ensure_shape(padded, [x.shape[0], *static, x.shape[3]])
