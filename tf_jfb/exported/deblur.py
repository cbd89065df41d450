"""Functions that `ExportedModel` stands in for, which programs still call."""

import warnings

from tf_jfb._validate import check
from tf_jfb.exported.model import ExportedModel
from tf_jfb.exported.photos import Restored, deblur_photos


def load_model(path, kernel: str | None = None):
    """The SavedModel of `ExportedModel.open(path)`: use that, which knows what it takes."""
    _warn("load_model(path)", "ExportedModel.open(path)")
    model = ExportedModel.open(path)
    check(
        model.takes_kernel == (kernel is not None),
        "`kernel` must be given: the model takes any blur."
        if model.takes_kernel
        else "`kernel` must be left out: the model was made for one blur.",
        kernel=kernel,
    )
    return model.loaded


def deblur(
    model, photo, rtol=None, max_evaluations=None, blur=None, noise=None, trace=False
) -> Restored:
    """`deblur_photo`, whose `kernel` was called `blur`."""
    _warn("deblur", "deblur_photo, with `kernel` for `blur`")
    options = {"rtol": rtol, "max_evaluations": max_evaluations, "kernel": blur, "noise": noise}
    return deblur_photos(ExportedModel(model), [photo], trace, **options)[0]


def _warn(old, new) -> None:
    text = f"tf_jfb.exported.{old} is now tf_jfb.exported.{new}"
    warnings.warn(text, DeprecationWarning, stacklevel=3)
