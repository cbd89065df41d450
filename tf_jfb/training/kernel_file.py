"""The kernels of a run that are files', kept beside its configuration: files move and change."""

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
    """Writes the kernels of `config` into the folder `run` where they are files', if `write`.

    Raises ValueError if others are kept there: a file has changed.
    """
    files = {KEPT: ("blur", config.blur)} if config.kernel_file else {}
    files |= {f"kernel{i}.npy": ("kernel_files", f) for i, f in enumerate(config.blur_files)}
    for name, (option, file) in files.items():
        kernel, kept = kernels.parse(file), pathlib.Path(run) / name
        if kept.is_file():
            known = np.load(kept)
            check(
                kernel.shape == known.shape and np.allclose(kernel, known, rtol=1e-6, atol=1e-9),
                f"The file of `{option}` must hold the kernel that this run was begun with, which "
                f"is kept in its folder as {name}.",
                **{option: file},
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
