"""Restores photographs with an exported model."""

import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data import Photo
from tf_jfb.operators import kernels
from tf_jfb.serving._edges import extend, noise_level

LEAST_NOISE = 1e-3  # a model is told no less where the level is estimated
OUTPUTS = {"restored", "residual", "evaluations", "status"}


class Restored(NamedTuple):
    """A restored photograph and how its solve went."""

    photo: Photo
    evaluations: int
    residual: float
    status: Status


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


def main_signature(model):
    """`deblur` of a model that is told the blur, else `restore`; None where there is neither."""
    signatures = getattr(model, "signatures", {})
    return signatures.get("deblur", signatures.get("restore"))


def deblur(model, photo: Photo, rtol=None, max_evaluations=None, blur=None, noise=None) -> Restored:
    """Restores `photo`; alpha, depth and metadata stay as they are. Grey runs as colour.

    Args:
        model: of `load_model`.
        photo: what to restore.
        rtol, max_evaluations: default to those the model was exported with.
        blur: kernel [k1, k2], for a model that takes any blur. Its photograph is extended so that
            it wraps around, and cut back.
        noise: standard deviation in [0, 1] units, for such a model; default estimated.

    Raises:
        ValueError: `rtol`, `max_evaluations` or `noise` is outside its range, a pixel is not
            finite, or the photograph is smaller than the kernel.
    """
    rtol = float(model.rtol) if rtol is None else rtol
    cap = int(model.max_evaluations) if max_evaluations is None else max_evaluations
    check(rtol >= 0, "`rtol` must be >= 0.", rtol=rtol)
    check(cap >= 1, "`max_evaluations` must be >= 1.", max_evaluations=cap)
    out = main_signature(model)(
        rtol=tf.constant(rtol, tf.float32),
        max_evaluations=tf.constant(cap, tf.int32),
        **told(photo, blur, noise),
    )
    height, width, channels = photo.pixels.shape
    restored = out["restored"][0, :height, :width].numpy()
    restored = restored.mean(axis=-1, keepdims=True) if channels == 1 else restored
    return Restored(
        photo._replace(pixels=np.clip(restored, 0.0, 1.0)),
        int(out["evaluations"][0]),
        float(out["residual"][0]),
        Status(int(out["status"][0])),
    )


def told(photo: Photo, blur=None, noise=None) -> dict:
    """`photo` as the signatures of a model take it: `image`, with a `blur` also kernel and noise.

    Arguments and errors as in `deblur`.
    """
    check(
        bool(np.isfinite(photo.pixels).all()),
        "The photograph must have finite pixels.",
        non_finite=int((~np.isfinite(photo.pixels)).sum()),
    )
    grey = photo.pixels.shape[-1] == 1
    pixels = np.repeat(photo.pixels, 3, axis=-1) if grey else photo.pixels
    if blur is None:
        return {"image": tf.constant(pixels[None], tf.float32)}
    kernel = kernels.check_kernel(blur)
    check(
        all(k <= n for k, n in zip(kernel.shape, pixels.shape, strict=False)),
        "The photograph must not be smaller than the kernel.",
        photograph=pixels.shape[:2],
        kernel=kernel.shape,
    )
    noise = max(noise_level(photo.pixels), LEAST_NOISE) if noise is None else noise
    check(0 < noise < 1, "`noise` must lie in (0, 1), the units of the image.", noise=noise)
    pixels = extend(pixels, [2 * size for size in kernel.shape])
    return {
        "image": tf.constant(pixels[None], tf.float32),
        "kernel": tf.constant((kernel / kernel.sum())[None], tf.float32),
        "noise": tf.constant([noise], tf.float32),
    }
