"""The forward model of an equilibrium model: d = A x + e, with what is told of A and e."""

import keras
import tensorflow as tf

from tf_jfb._compat import Model, loss_scaled
from tf_jfb._validate import check, check_boundary
from tf_jfb.losses import SquaredError
from tf_jfb.metrics import PSNR
from tf_jfb.models._laws import REFERENCE
from tf_jfb.models._measurement import Measurement, as_scene, measurement
from tf_jfb.operators import BlurEach, Frame, Operator


class ImagingModel(Model):
    """A model of measurements through an `operator`, or through blurs that come with the images.

    With `boundary` "photo", such images are frames of scenes that go on beyond them (see
    `operators.Frame`): what is solved for is the scene, what is returned and learned from is the
    frame.
    """

    warm_start = 0  # examples that are named by an index

    def __init__(self, operator: Operator | None, network, boundary: str | None, **kwargs):
        super().__init__(**kwargs)
        check(
            operator is None or isinstance(operator, Operator),
            "`operator` must be a tf_jfb.operators.Operator, or None.",
            operator=operator,
        )
        check(
            operator is None or boundary is None,
            "`boundary` must be left out: `operator` has one of its own.",
            boundary=boundary,
        )
        check_boundary(boundary or "circular")
        self.operator, self.network, self.boundary = operator, network, boundary
        self._channels = None  # of the images, once known

    @property
    def takes_kernel(self) -> bool:
        """Whether the blur comes with the images."""
        return self.operator is None

    @property
    def takes_noise(self) -> bool:
        """Whether the noise level comes with the images."""
        return self.takes_kernel or self.network.conditional

    def measurement(self, inputs) -> Measurement:
        """What the model was given, checked to be what it takes."""
        wanted = [name for name in ("kernel", "noise") if getattr(self, f"takes_{name}")]
        return measurement(inputs, wanted, self.warm_start > 0, self.variable_dtype)

    def scene(self, m: Measurement) -> Measurement:
        """`m`, extended to a scene where the model takes its images for frames."""
        return as_scene(m) if self.boundary == "photo" and m.seen is None else m

    def forward_model(self, m: Measurement) -> tuple:
        """(make, tensors): `make(*tensors)` is A of the images whose entries the tensors hold."""
        if self.operator is not None:
            return lambda: self.operator, ()
        transfer = BlurEach(m.kernel).transfer(m.image)
        if m.seen is None:
            return BlurEach.from_transfer, (transfer,)
        return lambda t, seen: Frame(BlurEach.from_transfer(t), seen), (transfer, m.seen)

    def backprojection(self, m: Measurement, operator: Operator) -> tf.Tensor:
        """Where solves start: A^T d, or a d that holds a guess of what was not seen."""
        return operator.adjoint(m.image) if m.seen is None else m.image

    def noise_of(self, m: Measurement) -> tf.Tensor:
        """Noise level of every image, [B]; that of reference for a model that is told none."""
        level = tf.constant(REFERENCE, m.image.dtype)
        return tf.fill(tf.shape(m.image)[:1], level) if m.noise is None else m.noise

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """As in Keras; default loss `losses.SquaredError`, default metric PSNR on [0, 1]."""
        optimizer, loss = loss_scaled(optimizer, self.network), loss or SquaredError()
        super().compile(optimizer, loss, metrics=[PSNR()] if metrics is None else metrics, **kwargs)
        # A step that makes variables would be traced twice.
        if self.built and hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def build(self, input_shape):
        if isinstance(input_shape, dict):
            input_shape = input_shape["image"]
        if not self.network.built:
            self.network.build(tuple(input_shape))
        self._channels = self._channels or input_shape[-1]
        self.built = True

    def get_build_config(self):
        return {"input_shape": (None, None, None, self._channels)} if self.built else None

    def build_from_config(self, config):
        self.build(config["input_shape"])
