"""Restores photographs with an exported model."""

import pathlib
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data import Photo

OUTPUTS = {"restored", "residual", "evaluations", "status"}


class Restored(NamedTuple):
    """A restored photograph and how its solve went."""

    photo: Photo
    evaluations: int
    residual: float
    status: Status


def load_model(path, kernel: str | None = None):
    """The exported model in the folder `path`, or in the newest version below it.

    Raises ValueError if that is no SavedModel, has no signature `restore` of ours, or a `kernel`
    is given to a model made for one blur.
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
    signature = getattr(model, "signatures", {}).get("restore")
    check(
        signature is not None and set(signature.structured_outputs) >= OUTPUTS,
        "`model` must be an exported equilibrium model, with a signature `restore`.",
        model=str(path),
    )
    check(
        kernel is None or "deblur" in model.signatures,
        "`kernel` must be left out: the model was made for one blur.",
        kernel=kernel,
    )
    return model


def deblur(model, photo: Photo, rtol=None, max_evaluations=None) -> Restored:
    """Restores `photo`; alpha, depth and metadata stay as they are. Grey runs as colour.

    `rtol` and `max_evaluations` default to those the model was exported with.

    Raises ValueError if `rtol` or `max_evaluations` is outside its range, or a pixel is not finite.
    """
    rtol = float(model.rtol) if rtol is None else rtol
    cap = int(model.max_evaluations) if max_evaluations is None else max_evaluations
    check(rtol >= 0, "`rtol` must be >= 0.", rtol=rtol)
    check(cap >= 1, "`max_evaluations` must be >= 1.", max_evaluations=cap)
    check(
        bool(np.isfinite(photo.pixels).all()),
        "The photograph must have finite pixels.",
        non_finite=int((~np.isfinite(photo.pixels)).sum()),
    )
    grey = photo.pixels.shape[-1] == 1
    pixels = np.repeat(photo.pixels, 3, axis=-1) if grey else photo.pixels
    out = model.signatures["restore"](
        image=tf.constant(pixels[None], tf.float32),
        rtol=tf.constant(rtol, tf.float32),
        max_evaluations=tf.constant(cap, tf.int32),
    )
    restored = out["restored"][0].numpy()
    restored = restored.mean(axis=-1, keepdims=True) if grey else restored
    return Restored(
        photo._replace(pixels=np.clip(restored, 0.0, 1.0)),
        int(out["evaluations"][0]),
        float(out["residual"][0]),
        Status(int(out["status"][0])),
    )
