"""Restores millions of images: what is asked for, and the call that runs it on Apache Beam."""

import dataclasses
import os
import posixpath
import re

import numpy as np

from tf_jfb._validate import check
from tf_jfb.data.light import check_light
from tf_jfb.exported import check_ensemble, check_options
from tf_jfb.operators import kernels

# One record of the manifest, in this order.
COLUMNS = (
    "path",
    "output",
    "status",
    "residual",
    "evaluations",
    "noise",
    "estimated",
    "doubt",
    "error",
)


@dataclasses.dataclass(frozen=True)
class Job:
    """Which images to restore, with which exported model, and where to.

    A path may begin with a scheme that Beam's file systems know (gs://, s3://, hdfs://); any other
    is local and made absolute, and must mean the same on every worker.

    Args:
        images: pattern of the images: `*` stays within a folder, `**` crosses folders.
        model: folder of the exported model, or of its versions.
        output: folder to write into, outside that of the images.
        png: write PNG files, whatever the format of the images.
        rtol: relative tolerance of the solves; None for the model's.
        max_evaluations: cap of the solves; None for the model's.
        kernel: the blur of all images, for a model that takes any: gaussian:SIZE:STD or a kernel
            file, which is read where the job is started.
        noise: standard deviation in [0, 1] units, for a model that is told it; None to estimate
            that of every image.
        light: "linear" where light was blurred, then encoded as sRGB or by the file's profile, as
            cameras do; "encoded" where the values themselves were.
        ensemble: 2, 4 or 8 for the mean of as many restorations, as of `ExportedModel.restore`.
        batch: images of one size to solve together, at most.
        pixels: of a batch, at most; a larger image is solved alone.

    Raises:
        ValueError: an argument is outside its range, `kernel` cannot be read, or `output` lies
            among the images.
    """

    images: str
    model: str
    output: str
    png: bool = False
    rtol: float | None = None
    max_evaluations: int | None = None
    kernel: str | None = None
    noise: float | None = None
    light: str = "linear"
    ensemble: int = 1
    batch: int = 16
    pixels: int = 1 << 20

    def __post_init__(self):
        for name in ("images", "model", "output"):
            object.__setattr__(self, name, _absolute(name, getattr(self, name)))
        check(
            not re.search(r"[*?[]", self.output),
            "`output` must be a plain path.",
            output=self.output,
        )
        check(
            not f"{self.output}/".startswith(self.folder),
            "`output` must lie outside the folder of the images.",
            output=self.output,
            images=self.images,
        )
        check_options(self.rtol, self.max_evaluations, self.noise)
        check_light(self.light)
        check_ensemble(self.ensemble)
        for name in ("batch", "pixels"):
            value = getattr(self, name)
            check(value is None or value >= 1, f"`{name}` must be >= 1.", **{name: value})
        if self.kernel is not None:
            kernels.parse(self.kernel)

    @property
    def blur(self) -> np.ndarray | None:
        """The kernel [k1, k2]."""
        return None if self.kernel is None else kernels.parse(self.kernel)

    @property
    def folder(self) -> str:
        """The folder of the images, up to its last slash: what precedes the first wildcard."""
        return re.match(r"[^*?[]*", self.images)[0].rpartition("/")[0] + "/"

    @property
    def partials(self) -> str:
        """Where files are written before they are moved into place."""
        return f"{self.output}/partial"

    def target(self, path: str) -> str:
        """The output for the image `path`: its place below `folder`, below OUTPUT/images.

        >>> Job("/a/**.jpg", "/m", "/b").target("/a/c/d.jpg")
        '/b/images/c/d.jpg'
        """
        check(path.startswith(self.folder), f"Images must lie in {self.folder!r}.", path=path)
        relative = path.removeprefix(self.folder)
        check(".." not in relative.split("/"), "Names may not hold '..'.", path=path)
        if self.png:
            relative = posixpath.splitext(relative)[0] + ".png"
        return f"{self.output}/images/{relative}"


def run(job: Job, flags=()) -> dict:
    """Restores the images that `job` has not restored yet; returns how many ended how.

    Every image ends as a line of OUTPUT/manifest/*.jsonl, with the keys `COLUMNS`; `status` is
    the solve's, or ERROR with the reason in `error`. The counts are `images`, `kept` (restored
    by an earlier run) and one per status; a runner without counters leaves some out.

    Restart: each batch, once its outputs are renamed into place, leaves one small record file, so
    that a kill costs each worker a batch at most; the next run joins the listings of images,
    outputs and records in one shuffle, whose size is what grows with the number of images.

    Args:
        job: what to restore.
        flags: options of Beam, such as ["--runner", "FlinkRunner"]; without a runner, the
            pipeline runs in this process.

    Raises:
        RuntimeError: Apache Beam is not installed, or the pipeline failed.
        ValueError: no image matches, the model cannot be loaded, the output holds the work of
            another job, or an option is unknown.
    """
    try:
        import apache_beam  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            f"Bulk deblurring needs Apache Beam ({error}). Install it into an environment of its "
            "own: pip install 'tf_jfb[beam]', or make test-beam in a checkout"
        ) from None
    from tf_jfb.serving import _pipeline

    return _pipeline.run(job, list(flags))


def _absolute(name: str, path) -> str:
    path = os.fspath(path)
    check(bool(path), f"`{name}` must not be empty.", **{name: path})
    return path.rstrip("/") if "://" in path else os.path.abspath(path)
