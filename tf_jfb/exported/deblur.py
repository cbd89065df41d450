"""Restores photographs with an exported model."""

import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data import Photo
from tf_jfb.exported._noise import noise_level
from tf_jfb.operators import kernels

LEAST_NOISE = 1e-3  # a model is told no less where the level is estimated
OUTPUTS = {"restored", "residual", "evaluations", "status"}


class Restored(NamedTuple):
    """A restored photograph and how its solve went."""

    photo: Photo
    evaluations: int
    residual: float
    status: Status
    trace: np.ndarray | None = None  # residual of every evaluation, where it was asked for


def load_model(path, kernel: str | None = None):
    """The exported model in the folder `path`, or in the newest version below it.

    Raises ValueError if `open_model` does, or a `kernel` is given to a model made for one blur, or
    not given to one that takes any.
    """
    model = open_model(path)
    if "deblur" in model.signatures:
        check(kernel is not None, "`kernel` must be given: the model takes any blur.", kernel=None)
    else:
        check(
            kernel is None,
            "`kernel` must be left out: the model was made for one blur.",
            kernel=kernel,
        )
    return model


def open_model(path):
    """`load_model` without a question of kernels.

    Raises ValueError if there is no SavedModel, or it has no signature of ours.
    """
    path = pathlib.Path(path)
    versions = sorted((p for p in path.glob("*") if p.name.isdigit()), key=lambda p: int(p.name))
    folder = versions[-1] if versions else path
    check(
        (folder / "saved_model.pb").is_file(),
        "`model` must be a folder with a SavedModel.",
        model=str(path),
    )
    try:
        model = tf.saved_model.load(str(folder))
    except Exception as error:  # whatever a damaged protobuf raises
        raise ValueError(
            f"`model` could not be loaded ({str(error).splitlines()[0]}). Received: model='{path}'"
        ) from None
    signature = main_signature(model)
    check(
        signature is not None and set(signature.structured_outputs) >= OUTPUTS,
        "`model` must be an exported equilibrium model, with a signature `restore` or `deblur`.",
        model=str(path),
    )
    return model


def main_signature(model, photo: bool = False):
    """`deblur` of a model that is told the blur, else `restore`; None where there is neither.

    With `photo`, that for images which do not wrap around, where the model has one.
    """
    return _signature(model, ("deblur", "restore"), photo)


def solve(model, inputs: dict, rtol=None, max_evaluations=None, photo=False, trace=False) -> dict:
    """What the model's signature returns for `inputs`, as arrays.

    Args:
        model: of `open_model`.
        inputs: tensors by name, as of `told`.
        rtol, max_evaluations: default the model's own.
        photo: as in `main_signature`.
        trace: also return `trace`, where the model's export tells it with the rest.
    """
    rtol = model.rtol if rtol is None else rtol
    cap = model.max_evaluations if max_evaluations is None else max_evaluations
    options = {"rtol": tf.cast(rtol, tf.float32), "max_evaluations": tf.cast(cap, tf.int32)}
    program = main_signature(model, photo)
    if trace:
        tracing = _signature(model, ("trace",), photo)
        program = tracing if set(tracing.structured_outputs) >= OUTPUTS else program
    specs, images = program.structured_input_signature[1], tf.shape(inputs["image"])[:1]
    for name, option in options.items():
        if specs[name].shape.rank == 1:  # the first exports took one for all images
            options[name] = tf.broadcast_to(option, images)
    if "mask" in specs:
        options["mask"] = tf.ones_like(inputs["image"][..., :1])
    return {name: tensor.numpy() for name, tensor in program(**inputs, **options).items()}


def _signature(model, names, photo):
    names = [*(f"{name}_photo" for name in names if photo), *names]
    known = getattr(model, "signatures", {})
    return next((known[name] for name in names if name in known), None)


def inputs_of(model) -> dict:
    """{name: TensorSpec} of what its main signature takes."""
    return main_signature(model).structured_input_signature[1]


def deblur(
    model, photo: Photo, rtol=None, max_evaluations=None, blur=None, noise=None, trace=False
) -> Restored:
    """Restores `photo`; alpha, depth and metadata stay as they are. Grey runs as colour if need be.

    Args:
        model: of `load_model`.
        photo: what to restore.
        rtol, max_evaluations: default to those the model was exported with.
        blur: kernel [k1, k2], for a model that takes any blur; the scene goes on beyond the
            photograph.
        noise: standard deviation in [0, 1] units, for a model that is told it; default estimated.
        trace: whether the record holds the residual of every evaluation.

    Raises:
        ValueError: `rtol`, `max_evaluations` or `noise` is outside its range, a pixel is not
            finite, the photograph is smaller than the kernel or has more channels than the model,
            or the model takes no `blur` or needs one.
    """
    return deblur_batch(model, [photo], rtol, max_evaluations, blur, noise, trace)[0]


def deblur_batch(
    model, photos, rtol=None, max_evaluations=None, blur=None, noise=None, trace=False
) -> list[Restored]:
    """`deblur` for photographs of one size, in one solve; what it says holds for each of them."""
    check_options(rtol, max_evaluations)
    inputs = told(model, photos, blur, noise)
    out = solve(model, inputs, rtol, max_evaluations, photo=True, trace=trace)
    results = []
    for i, photo in enumerate(photos):
        restored = out["restored"][i]
        if photo.pixels.shape[-1] == 1:
            restored = restored.mean(axis=-1, keepdims=True)
        results.append(
            Restored(
                photo._replace(pixels=np.clip(restored, 0.0, 1.0)),
                int(out["evaluations"][i]),
                float(out["residual"][i]),
                Status(int(out["status"][i])),
                out["trace"][i, : out["evaluations"][i]] if "trace" in out else None,
            )
        )
    return results


def check_options(rtol, max_evaluations) -> None:
    """Raises ValueError unless they are None or in their ranges."""
    finite = rtol is None or 0 <= rtol < float("inf")
    check(finite, "`rtol` must be a finite number >= 0.", rtol=rtol)
    check(
        max_evaluations is None or max_evaluations >= 1,
        "`max_evaluations` must be >= 1.",
        max_evaluations=max_evaluations,
    )


def told(model, photos, blur=None, noise=None) -> dict:
    """`photos` of one size as the signatures of `model` take them: image, kernel and noise.

    Arguments and errors as in `deblur`.
    """
    specs = inputs_of(model)
    check(
        ("kernel" in specs) == (blur is not None),
        "`blur` must be given to a model that takes any blur, and to no other.",
        blur=None if blur is None else np.shape(blur),
    )
    check(
        noise is None or "noise" in specs,
        "`noise` must be left out: the model was made for one level.",
        noise=noise,
    )
    pixels = np.stack([_pixels(photo, specs["image"].shape[-1]) for photo in photos])
    inputs = {"image": pixels}
    if blur is not None:
        kernel = kernels.check_kernel(blur)
        check(
            all(k <= n for k, n in zip(kernel.shape, pixels.shape[1:], strict=False)),
            "The photograph must not be smaller than the kernel.",
            photograph=pixels.shape[1:3],
            kernel=kernel.shape,
        )
        inputs["kernel"] = np.repeat((kernel / kernel.sum())[None], len(photos), axis=0)
    if "noise" in specs:
        estimate = lambda photo: max(noise_level(photo.pixels), LEAST_NOISE)  # noqa: E731
        inputs["noise"] = [estimate(p) if noise is None else noise for p in photos]
        check(
            all(0 < level < 1 for level in inputs["noise"]),
            "`noise` must lie in (0, 1), the units of the image.",
            noise=noise,
        )
    return {name: tf.constant(value, tf.float32) for name, value in inputs.items()}


def _pixels(photo, channels):
    """[H, W, C] as a model of `channels` channels takes it."""
    check(
        bool(np.isfinite(photo.pixels).all()),
        "The photograph must have finite pixels.",
        non_finite=int((~np.isfinite(photo.pixels)).sum()),
    )
    own = photo.pixels.shape[-1]
    check(own in (1, channels), f"The model restores {channels} channel(s).", channels=own)
    return np.repeat(photo.pixels, channels, axis=-1) if own == 1 else photo.pixels
