"""The pretraining task: a network that estimates Gaussian noise."""

from tf_jfb._compat import Model, full_precision, loss_scaled, register
from tf_jfb.losses import SquaredError
from tf_jfb.metrics import PSNR


@register
class Denoiser(Model):
    """x - R(x) for a noisy image x [B, H, W, C] in [0, 1]: R learns the noise in x.

    With a conditional network it takes {"image": x, "noise": levels [B]}.
    """

    def __init__(self, network, **kwargs):
        super().__init__(**full_precision(kwargs))
        self.network = network

    def build(self, input_shape):
        if isinstance(input_shape, dict):
            input_shape = input_shape["image"]
        if not self.network.built:
            self.network.build(tuple(input_shape))
        self.built = True

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        optimizer, loss = loss_scaled(optimizer, self.network), loss or SquaredError()
        super().compile(optimizer, loss, metrics=[PSNR()] if metrics is None else metrics, **kwargs)

    def call(self, x, training=None):
        if not isinstance(x, dict):
            return x - self.network(x, training=training)
        return x["image"] - self.network(x["image"], x["noise"], training=training)
