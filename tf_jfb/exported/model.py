"""An exported model, opened."""

import numpy as np
import tensorflow as tf

from tf_jfb._types import Status
from tf_jfb._validate import check, check_boundary
from tf_jfb.data import light as lights
from tf_jfb.exported import _folder, _inputs
from tf_jfb.exported._ensemble import averaged, check_ensemble
from tf_jfb.exported._noise import at_white, told_noise
from tf_jfb.noise import PoissonGaussian
from tf_jfb.operators import kernels
from tf_jfb.solvers import Solution

OUTPUTS = {"restored", "residual", "evaluations", "status"}


class ExportedModel:
    """A SavedModel that restores images: what it takes, and its solves.

    `open` makes one. Its SavedModel is `loaded`, whose `signatures` take and return tensors.
    """

    def __init__(self, loaded, folder=None):
        self.loaded, self.folder = loaded, folder
        self._program = self._signature(("deblur", "restore"))
        check(
            self._program is not None and set(self._program.structured_outputs) >= OUTPUTS,
            "`model` must be an exported equilibrium model, with a signature `restore` or"
            " `deblur`.",
            model=str(folder),
        )

    @classmethod
    def open(cls, path_or_name) -> "ExportedModel":
        """The model in a folder, its newest version where it has several, or a shipped one.

        Args:
            path_or_name: a folder such as saved_models/mine or saved_models/mine/1; else a name of
                those that `tf-jfb models` lists, such as "deblur".

        Raises:
            ValueError: there is no SavedModel, it cannot be loaded, or it is of another kind.
        """
        folder = _folder.find(path_or_name)
        try:
            loaded = tf.saved_model.load(str(folder))
        except Exception as error:  # whatever a damaged protobuf raises
            raise ValueError(
                f"`model` could not be loaded ({str(error).splitlines()[0]})."
                f" Received: model='{path_or_name}'"
            ) from None
        return cls(loaded, folder)

    @property
    def inputs(self) -> dict:
        """{name: TensorSpec} of what its main signature takes."""
        return self._program.structured_input_signature[1]

    @property
    def takes_kernel(self) -> bool:
        """Whether the blur comes with the images; else it was made for one."""
        return "kernel" in self.inputs

    @property
    def takes_noise(self) -> bool:
        """Whether it is told the noise; else it was made for one level."""
        return "noise" in self.inputs

    @property
    def channels(self) -> int:
        """Of its images."""
        return self.inputs["image"].shape[-1]

    @property
    def weights(self) -> list:
        """Its variables, whether the export names them or counts them."""
        return tf.nest.flatten(self.loaded.weights)

    @property
    def rtol(self) -> float:
        """Relative tolerance that it was exported with."""
        return float(self.loaded.rtol)

    @property
    def max_evaluations(self) -> int:
        """Cap of a solve that it was exported with."""
        return int(self.loaded.max_evaluations)

    @property
    def config(self) -> dict | None:
        """The options of its training, where they lie beside the model."""
        return self._beside(_folder.CONFIG_OF_EXPORT)

    @property
    def blur(self) -> np.ndarray | None:
        """The kernel [k1, k2] that it was made for; None where it takes any, or tells of none."""
        if self.takes_kernel or self.folder is None:
            return None
        kept, name = self.folder / _folder.BLUR_OF_EXPORT, (self.config or {}).get("blur") or ""
        if kept.is_file():
            return np.load(kept)
        return kernels.parse(name) if name.partition(":")[0] in kernels.FORMS else None

    @property
    def certificate(self) -> dict | None:
        """What was certified of the model, where that lies beside it."""
        return self._beside(_folder.CERTIFICATE_OF_EXPORT)

    @property
    def about(self) -> dict | None:
        """What it is: version, protocol, terms of its data; what its export told; certificate."""
        about = self._beside(_folder.ABOUT_OF_EXPORT)
        return None if about is None else about | {"certificate": self.certificate}

    def restore(
        self,
        image,
        kernel=None,
        noise=None,
        boundary: str | None = None,
        light: str = "encoded",
        mask=None,
        rtol=None,
        max_evaluations=None,
        trace: bool = False,
        ensemble: int = 1,
        shares_noise=None,
    ) -> Solution:
        """Restores images and reports, per image, how the solve went.

        Args:
            image: [H, W, C] or [B, H, W, C], in [0, 1] give or take noise, or integers, which are
                divided by the largest of their type. One channel runs as several if need be, its
                noise being one in all of them.
            kernel: [k1, k2] for all or [B, k1, k2], for a model that takes any blur, and for no
                other; of positive sum, which becomes 1.
            noise: standard deviation in the units of `image` over its white, a number or [B], or a
                `noise.PoissonGaussian` of photons that were counted, for a model that is told it;
                default estimated, in which fine texture counts.
            boundary: of a model that takes a kernel: "photo", the default, the scene goes on beyond
                the image, or "circular", it wraps around. The others have their own.
            light: "linear" for values that are sRGB, of light that was blurred before they were
                encoded: the solve is of the light, and what is returned encoded again. "encoded"
                takes the values as they are.
            mask: [H, W], [H, W, 1] or [B, H, W, 1] of 0 and 1: where it is 0, saturated or broken,
                a pixel is left out of the data; NaN may stand there. For boundary "photo".
            rtol: relative tolerance, a number or [B]; default the model's own.
            max_evaluations: cap of the solve, a number or [B]; default the model's own.
            trace: also return the residual of every evaluation (see `trace`).
            ensemble: 2, 4 or 8 for the mean of as many restorations of the image, turned and
                mirrored, which is nearer to the scene; the record has the worst of each figure,
                the trace of the image as it lies.
            shares_noise: whether the noise is one in all channels, or [B] of that: the model is
                then told sqrt(C) times it. Default where the channels are the same.

        Returns:
            `image` as float32, `evaluations`, `residual` and `status`: arrays [B], or the numbers
            and the `Status` themselves where one image [H, W, C] was given.

        Raises:
            ValueError: an argument is outside its range, missing, or of no use to this model; the
                kernel is larger than the image.
        """
        check_ensemble(ensemble, self)
        check(
            boundary is None or self.takes_kernel,
            "`boundary` must be left out: the model was made for one blur.",
            boundary=boundary,
        )
        boundary = "photo" if boundary is None else boundary
        inputs, shape = self._told(image, kernel, noise, boundary, light, mask, shares_noise)
        options = self._options(rtol, max_evaluations, len(inputs["image"]))
        out = self.run(inputs | options, boundary, trace, ensemble)
        return _record(out, shape, light)

    def trace(self, *arguments, **options) -> Solution:
        """`restore` with `trace`, the residual of every evaluation, NaN where there is none.

        [evaluations], or [B, most evaluations]; None for the first exports, which tell none.
        """
        return self.restore(*arguments, **{**options, "trace": True})

    def run(
        self, inputs: dict, boundary: str = "photo", trace: bool = False, ensemble: int = 1
    ) -> dict:
        """Arrays that the signature returns for arrays `inputs`, a `mask` of ones added if need be.

        The options may have a batch axis whether or not the export knows one.
        """
        if ensemble > 1:
            return averaged(lambda i, t: self.run(i, boundary, t), inputs, ensemble, trace)
        photo = boundary == "photo"
        program = self._signature(("deblur", "restore"), photo)
        if trace:
            tracing = self._signature(("trace",), photo)
            tells = tracing is not None and set(tracing.structured_outputs) >= OUTPUTS
            program = tracing if tells else program
        specs = program.structured_input_signature[1]
        if "mask" in specs and "mask" not in inputs:
            inputs = inputs | {"mask": np.ones_like(inputs["image"][..., :1])}
        arrays = {name: _inputs.as_spec(name, inputs[name], specs[name]) for name in inputs}
        return {name: tensor.numpy() for name, tensor in program(**arrays).items()}

    def _told(self, image, kernel, noise, boundary, light, mask, shared) -> tuple:
        """({name: array} of what the signature takes but the options, shape of `image`)."""
        check_boundary(boundary)
        lights.check_light(light)
        check(
            self.takes_kernel == (kernel is not None),
            "`kernel` must be given: the model takes any blur."
            if self.takes_kernel
            else "`kernel` must be left out: the model was made for one blur.",
            kernel=None if kernel is None else np.shape(kernel),
        )
        check(
            noise is None or self.takes_noise,
            "`noise` must be left out: the model was made for one level.",
            noise=noise,
        )
        _inputs.check_options(noise=noise)
        images, batch = _inputs.as_images(image)
        noise = at_white(noise, _inputs.white_of(image), light == "linear")
        inputs = {}
        if mask is not None:
            inputs["mask"] = self._mask(mask, images.shape, boundary)
        images = _inputs.check_pixels(images, inputs.get("mask"))
        if kernel is not None:
            inputs["kernel"] = _inputs.as_kernels(kernel, images.shape)
        levels = np.ones(len(images))
        if self.takes_noise:
            levels = _levels(images, noise, light == "linear", inputs.get("mask"))
        if light == "linear":
            images = _inputs.check_pixels(lights.decode(images))
        inputs["image"], levels = _inputs.told_once(images, levels, self.channels, shared)
        if self.takes_noise:
            inputs["noise"] = levels
        return inputs, images.shape if batch else images.shape[1:]

    def _mask(self, mask, shape, boundary):
        program = self._signature(("deblur", "restore"), boundary == "photo")
        check(
            "mask" in program.structured_input_signature[1],
            "`mask` must be left out: the model takes one with any blur and boundary 'photo' only.",
            boundary=boundary,
        )
        return _inputs.as_mask(mask, shape)

    def _options(self, rtol, max_evaluations, batch) -> dict:
        """Tolerance and cap of every image, [B]."""
        _inputs.check_options(rtol, max_evaluations)
        cap = self.max_evaluations if max_evaluations is None else max_evaluations
        rtol = self.rtol if rtol is None else rtol
        return {
            "rtol": _inputs.as_options("rtol", rtol, batch),
            "max_evaluations": _inputs.as_options("max_evaluations", cap, batch, np.int32),
        }

    def _signature(self, names, photo: bool = False):
        names = [*(f"{name}_photo" for name in names if photo), *names]
        known = getattr(self.loaded, "signatures", {})
        return next((known[name] for name in names if name in known), None)

    def _beside(self, file):
        return None if self.folder is None else _folder.read_yaml(self.folder / file)


def load(path_or_name) -> ExportedModel:
    """`ExportedModel.open`: a shipped model by name, such as "deblur", or one in a folder."""
    return ExportedModel.open(path_or_name)


def _levels(images, noise, decoded, masks) -> np.ndarray:
    """The noise that the model is told of every image, [B]."""
    nothing = [None] * len(images)
    masks = nothing if masks is None else masks
    if noise is None or isinstance(noise, PoissonGaussian):
        levels = [noise] * len(images)
    else:
        levels = list(_inputs.as_options("noise", noise, len(images)))
    rows = zip(images, levels, masks, strict=True)
    return np.float32([told_noise(x, level, decoded, mask=m).std for x, level, m in rows])


def _record(out, shape, light) -> Solution:
    """The signature's outputs as they were asked for: of one image or of a batch, its channels."""
    image = out["restored"]
    image = image.mean(axis=-1, keepdims=True) if shape[-1] == 1 else image
    image = lights.encode(image) if light == "linear" else image
    trace = out.get("trace")
    if len(shape) == 4:
        return Solution(image, out["evaluations"], out["residual"], out["status"], trace)
    steps = int(out["evaluations"][0])
    trace = None if trace is None else trace[0, :steps]
    return Solution(
        image[0], steps, float(out["residual"][0]), Status(int(out["status"][0])), trace
    )
