"""The kernel of a run's `blur`, kept beside its configuration: files move and change."""

import dataclasses
import io
import pathlib

import numpy as np

from tf_jfb._files import replacing
from tf_jfb._validate import check
from tf_jfb.exported import BLUR_OF_EXPORT
from tf_jfb.operators import kernels
from tf_jfb.training.config import Config

KEPT = BLUR_OF_EXPORT.name


def keep_kernel(run, config: Config, write: bool = True) -> None:
    """Writes the kernel of `config` into the folder `run` where it is a file's, if `write`.

    Raises ValueError if another is kept there: the file has changed.
    """
    if not config.kernel_file:
        return
    kernel, kept = kernels.parse(config.blur), pathlib.Path(run) / KEPT
    if kept.is_file():
        known = np.load(kept)
        check(
            kernel.shape == known.shape and np.allclose(kernel, known, rtol=1e-6, atol=1e-9),
            "The file of `blur` must hold the kernel that this run was begun with, which is kept "
            f"in its folder as {KEPT}.",
            blur=config.blur,
            run=str(run),
        )
    elif write:
        with replacing(kept) as temporary:
            np.save(temporary, kernel)


def with_kept_kernel(config: Config, folder) -> Config:
    """`config` with the kernel that lies in `folder`, where one does."""
    kept = pathlib.Path(folder) / KEPT
    if not (config.kernel_file and kept.is_file()):
        return config
    return dataclasses.replace(config, blur=str(kept.absolute()))


def as_bytes(kernel) -> bytes:
    """The content of a file of `kernel`."""
    content = io.BytesIO()
    np.save(content, kernel)
    return content.getvalue()
