"""A SavedModel that still iterates: any batch, any size, no need for this package."""

import functools
import json
import pathlib
import tempfile

import keras
import tensorflow as tf

from tf_jfb._gradients import undifferentiated
from tf_jfb._validate import check, refuse
from tf_jfb._version import __version__
from tf_jfb._weights import FORMAT, named_weights
from tf_jfb.exported import _encoded
from tf_jfb.exported._assertions import assert_usable
from tf_jfb.exported._folder import ABOUT_OF_EXPORT, CONFIG_OF_EXPORT
from tf_jfb.exported._warmup import WARM_UP_OF_EXPORT, write_warm_up
from tf_jfb.models import Equilibrium
from tf_jfb.operators import Operator

# Of the configuration of a training: what the measurements were that it was trained on.
PROTOCOL = ("data", "blur", "noise", "noise_high", "crop")
OF_ANY_BLUR = ("families", "kernel_size", "boundary")
OF_A_DENOISER = ("data", "denoiser_noise", "denoiser_noise_high", "crop")


class _Served(tf.Module):
    """The variables that the programs of `model` read."""

    def __init__(self, model: Equilibrium):
        super().__init__()
        self.weights = named_weights(model)
        self.folded = _folded(model.network)
        # Variables, so that a program that loads the export can read its defaults.
        self.rtol = tf.Variable(float(model.solver.rtol), trainable=False)
        self.max_evaluations = tf.Variable(model.solver.max_evaluations, trainable=False)


def _programs(model: Equilibrium, served: _Served, channels: int) -> dict:
    """{name of a signature: its function}."""
    inputs = _inputs(model, channels)
    options = {
        "rtol": tf.TensorSpec([None], tf.float32, name="rtol"),
        "max_evaluations": tf.TensorSpec([None], tf.int32, name="max_evaluations"),
    }
    own = {"rtol": served.rtol, "max_evaluations": served.max_evaluations}
    own = own if model.gradient.at_fixed_point else {}
    solve = functools.partial(_solve, model, served.folded)
    program = functools.partial(_program, solve)
    photo, wrapped = ("photo", "circular") if model.takes_kernel else (None, None)
    programs = {
        "serving_default": _program(lambda **told: solve(**told, **own, boundary=photo), inputs),
        "deblur" if model.takes_kernel else "restore": program(inputs | options, boundary=wrapped),
        "trace": program(inputs | options, boundary=wrapped, trace=True),
    }
    if model.takes_kernel:
        mask = {"mask": tf.TensorSpec([None, None, None, 1], tf.float32, name="mask")}
        programs["deblur_photo"] = program(inputs | options | mask, boundary=photo)
        programs["trace_photo"] = program(inputs | options | mask, boundary=photo, trace=True)
    if channels in _encoded.CHANNELS:
        whole = programs["deblur_photo" if model.takes_kernel else "restore"]
        files = {"image_bytes": tf.TensorSpec([None], tf.string, name="image_bytes")}
        files |= {name: spec for name, spec in inputs.items() if name != "image"} | options
        programs["deblur_bytes"] = _program(_of_files(whole, channels), files)
    return programs


def _of_files(program, channels):
    """`program` of picture files, without a mask."""

    def function(image_bytes, **told):
        told["image"] = image = _encoded.decoded(image_bytes, channels)
        if "noise" in told:
            told["noise"] = _encoded.told_once(told["noise"], image)
        names = [spec.name for spec in program.input_signature]
        told["mask"] = tf.ones_like(image[..., :1])
        outputs = program(*(told[name] for name in names))
        restored = _encoded.encoded(outputs.pop("restored"))
        return {"restored_bytes": restored, **outputs}

    return function


def _program(solve, specs: dict, **options):
    """`solve` as a function of what `specs` name, in their order."""

    def function(*values):
        return solve(**dict(zip(specs, values, strict=True)), **options)

    return tf.function(function, input_signature=list(specs.values()), autograph=False)


def _solve(
    model, folded, rtol=None, max_evaluations=None, mask=None, boundary=None, trace=False, **d
):
    """The outputs of a signature for the inputs `d` of `model`, and the solve's options."""
    options = {"rtol": rtol, "max_evaluations": max_evaluations, "mask": mask}
    assert_usable(**d, **options)
    inputs = d if len(d) > 1 else d["image"]
    with undifferentiated():
        result = model.solved(inputs, trace=trace, folded=folded, boundary=boundary, **options)
    outputs = {
        "restored": result.image,
        "residual": result.residual,
        "evaluations": result.evaluations,
        "status": result.status,
    }
    return {**outputs, "trace": result.trace} if trace else outputs


def _folded(network):
    """Its normalisations, computed once so that the programs need not, as variables.

    What there was nothing to fold into is the network's own variable, and saved once.
    """

    def variable(tensor):
        known = tensor is None or isinstance(tensor, tf.Variable)
        return tensor if known else tf.Variable(tensor, trainable=False)

    return tf.nest.map_structure(variable, network.folded())


def _inputs(model, channels) -> dict:
    """{name: TensorSpec} of what the model takes."""
    specs = {"image": tf.TensorSpec([None, None, None, channels], tf.float32, name="image")}
    if model.takes_kernel:
        specs["kernel"] = tf.TensorSpec([None, None, None], tf.float32, name="kernel")
    if model.takes_noise:
        specs["noise"] = tf.TensorSpec([None], tf.float32, name="noise")
    return specs


def export(
    model: Equilibrium,
    path,
    channels: int = 3,
    extra: dict | None = None,
    about: dict | None = None,
) -> pathlib.Path:
    """Writes `model` as a SavedModel folder, whole or not at all.

    Signatures: `serving_default(image)` with the model's own tolerance and cap, and
    `restore(image, rtol, max_evaluations)`, both options [B]; they return `restored`
    [B, H, W, C], `residual` [B], `evaluations` [B] and `status` [B]. `trace`, called as `restore`,
    also returns the residual per evaluation, `trace` [B, largest cap], NaN where there is none.
    A model that is told the blur takes `kernel` [B, k1, k2] and `noise` [B] after `image`, and its
    `restore` is called `deblur`. Its images wrap around; `deblur_photo` and `trace_photo` are for
    scenes that go on beyond the image, and also take `mask` [B, H, W, 1], 1 where a pixel is to be
    trusted. Its `serving_default` is `deblur_photo` without a mask. Inputs outside their ranges
    fail the call, with a sentence that says which.

    With 1 or 3 channels there is `deblur_bytes`, too: `image_bytes` [B], the files of pictures of
    one size (JPEG, PNG or BMP; TensorFlow decodes no TIFF), stand for `image`, without a mask, and
    `restored_bytes` [B], PNG of 8 bits, for `restored`.

    A model expects noise of its own in every channel. Of an image whose C channels are the same,
    the noise to tell is sqrt(C) times that of one; `deblur_bytes` and `ExportedModel` see to it.

    Beside the model lie assets.extra/tf_jfb.json, which says what it is, and requests by which
    TensorFlow Serving warms it up.

    Args:
        model: a built equilibrium model.
        path: the folder to make, such as saved_models/NAME/1.
        channels: of the images.
        extra: {path within the folder: text or bytes} of files to add, such as the configuration.
        about: what else to say of it, such as `data_licence`; what JSON can hold. Its protocol and
            its certificate are told by the files that hold them.

    Raises:
        ValueError: `path` exists, or its parent cannot be written.
    """
    served = _Served(model)
    own = {"channels": channels, "rtol": float(model.solver.rtol)}
    own |= {"max_evaluations": int(model.solver.max_evaluations)}
    own |= _told_by(extra, PROTOCOL + (OF_ANY_BLUR if model.takes_kernel else ()))
    programs = _programs(model, served, channels)
    return _write(served, programs, path, extra, own | (about or {}))


def export_denoiser(
    model, path, channels: int = 3, extra: dict | None = None, about: dict | None = None
) -> pathlib.Path:
    """Writes a `Denoiser` as a SavedModel folder, whole or not at all.

    Its one signature, `serving_default(image, noise)`, returns `restored`, [B, H, W, C] as the
    image; `noise` [B], standard deviations, is left out where the network is told none. The other
    arguments and the errors are those of `export`.
    """
    served = tf.Module()
    served.weights = named_weights(model)
    inputs = [tf.TensorSpec([None, None, None, channels], tf.float32, name="image")]
    if model.network.conditional:
        inputs.append(tf.TensorSpec([None], tf.float32, name="noise"))

    def denoise(image, *noise):
        assert_usable(image, noise=noise[0] if noise else None)
        with undifferentiated():
            restored = model({"image": image, "noise": noise[0]} if noise else image)
        return {"restored": restored}

    program = tf.function(denoise, input_signature=inputs, autograph=False)
    about = {"channels": channels} | _told_by(extra, OF_A_DENOISER) | (about or {})
    return _write(served, {"serving_default": program}, path, extra, about)


def _name(path) -> str:
    """The model's, of NAME or NAME/VERSION."""
    return path.parent.name if path.name.isdigit() else path.name


def _about(path, told) -> str:
    """What the export is and what wrote it, as JSON."""
    known = {"format": FORMAT, "tf_jfb": __version__}
    known |= {"tensorflow": tf.__version__, "keras": keras.__version__}
    known |= {"name": _name(path), "version": path.name if path.name.isdigit() else None}
    return json.dumps(known | told, indent=1) + "\n"


def _told_by(extra, names) -> dict:
    """What the files beside the model tell of it: the options `names` that it was trained with."""
    import yaml

    texts = {str(name): text for name, text in (extra or {}).items()}
    config = yaml.safe_load(texts.get(str(CONFIG_OF_EXPORT), "")) or {}
    protocol = {name: config[name] for name in names if config.get(name) is not None}
    return {"protocol": protocol or None}


def _write(served, programs, path, extra, about) -> pathlib.Path:
    path = pathlib.Path(path)
    check(not path.exists(), "`path` must not exist yet: raise the version.", path=str(path))
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    texts = {str(ABOUT_OF_EXPORT): _about(path, about), **(extra or {})}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
            written = pathlib.Path(folder) / "model"
            tf.saved_model.save(served, str(written), programs, options)
            for name, text in texts.items():
                (written / name).parent.mkdir(parents=True, exist_ok=True)
                (written / name).write_bytes(text.encode() if isinstance(text, str) else text)
            write_warm_up(written / WARM_UP_OF_EXPORT, _name(path), programs)
            written.rename(path)
    except OSError as error:
        refuse(f"`path` could not be written ({error.strerror}).", path=str(path))
    return path


def for_blur(model: Equilibrium, operator: Operator, channels: int = 3) -> Equilibrium:
    """`model`, which takes any blur, as one for `operator`, whatever its boundary.

    Raises ValueError if `model` has an operator of its own.
    """
    check(
        model.takes_kernel,
        "The model must be one that takes any blur, to be made one for `blur`.",
        operator=model.operator,
    )
    own = {"operator": keras.saving.serialize_keras_object(operator), "boundary": None}
    config = {**model.get_config(), **own}
    fixed = type(model).from_config(config)
    fixed.build((None, None, None, channels))
    fixed.set_weights(model.get_weights())
    return fixed
