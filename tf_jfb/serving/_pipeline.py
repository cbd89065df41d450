"""The Apache Beam pipeline of `bulk`: list, leave out what is done, restore in batches, write."""

import collections
import functools
import json
import math
import pathlib
import posixpath
import tempfile
import threading
import uuid

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.fileio import MatchFiles
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from tf_jfb._types import Status
from tf_jfb._validate import check, finite
from tf_jfb.data import Photo, read_image
from tf_jfb.data.image_io import EXTENSIONS, encode_image
from tf_jfb.exported import ExportedModel, check_ensemble, deblur_photos
from tf_jfb.serving._flags import pipeline_options
from tf_jfb.serving._job_settings import prepare
from tf_jfb.serving._reasons import reason_of
from tf_jfb.serving._storage import STALE, check_nothing_missed, clear, publish, read_file
from tf_jfb.serving.bulk import COLUMNS, Job

WAITING = 4  # times `job.pixels`: what may wait, decoded, for a batch of its size to fill

_LOADING = threading.Lock()


def run(job: Job, flags: list) -> dict:
    options = pipeline_options(flags)
    FileSystems.set_options(options)
    check_nothing_missed(job.images, job.folder)
    check(
        bool(FileSystems.match([job.images], [1])[0].metadata_list),
        "`images` must match at least one file.",
        images=job.images,
    )
    model = load(job.model)
    check(
        model.takes_kernel == (job.kernel is not None),
        "`kernel` must be given to a model that takes any blur, and to no other.",
        kernel=job.kernel,
    )
    check(
        job.noise is None or model.takes_noise,
        "`noise` must be left out: the model was made for one level.",
        noise=job.noise,
    )
    check_ensemble(job.ensemble, model)
    prepare(job)
    local = options.view_as(StandardOptions).runner is None
    pipeline = beam.Pipeline(runner=FnApiRunner() if local else None, options=options)
    records = restored(pipeline, job)
    lines = records | "Encode" >> beam.Map(json.dumps)
    lines | "Manifest" >> beam.io.WriteToText(f"{job.output}/manifest/part", ".jsonl")
    result = pipeline.run()
    result.wait_until_finish()
    clear(f"{job.output}/partial/*", STALE)
    return _counts(result)


def restored(pipeline, job: Job):
    """One record per image that matches, those of earlier runs included."""
    images = (
        pipeline
        | "Images" >> MatchFiles(job.images)
        | "By output" >> beam.Map(lambda found: (job.target(found.path), found.path))
    )
    outputs = (
        pipeline
        | "Outputs" >> MatchFiles(f"{job.output}/images/**")
        | "Exists" >> beam.Map(lambda found: (found.path, True))
    )
    records = (
        pipeline
        | "Record files" >> MatchFiles(f"{job.output}/records/*")
        | "Spread files" >> beam.Reshuffle()
        | "Records" >> beam.FlatMap(_read_records)
    )
    sorted_out = (
        {"images": images, "outputs": outputs, "records": records}
        | "Join" >> beam.CoGroupByKey()
        | "Sort out" >> beam.FlatMap(_sort_out).with_outputs("settled", main="left")
    )
    new = sorted_out.left | "Spread" >> beam.Reshuffle() | "Restore" >> beam.ParDo(Restore(job))
    return (new, sorted_out.settled) | beam.Flatten() | "Count" >> beam.Map(_count)


class Restore(beam.DoFn):
    """Paths to records; images of one size wait for each other, at most until the bundle ends."""

    def __init__(self, job: Job):
        self.job, self.blur = job, job.blur

    def setup(self):
        self.model = load(self.job.model)
        self.channels = self.model.channels

    def start_bundle(self):
        self.groups = collections.defaultdict(list)  # {(height, width): [(path, photo), ...]}

    def process(self, path):
        try:
            photo = self._read(path)
        except (OSError, ValueError) as error:
            yield failure(path, error)
            return
        size = photo.pixels.shape[:2]
        self.groups[size].append((path, photo))
        if len(self.groups[size]) >= min(self.job.batch, self.job.pixels // math.prod(size)):
            yield from self._finish(size)
        elif sum(map(self._area, self.groups)) > WAITING * self.job.pixels:
            yield from self._finish(max(self.groups, key=self._area))

    def finish_bundle(self):
        window = GlobalWindow()
        for size in list(self.groups):
            for record in self._finish(size):
                yield WindowedValue(record, window.max_timestamp(), [window])

    def _area(self, size):
        return math.prod(size) * len(self.groups[size])

    def _read(self, path) -> Photo:
        suffix = posixpath.splitext(self.job.target(path))[1].lower()
        check(
            suffix in EXTENSIONS,
            f"The image must end in one of {', '.join(sorted(EXTENSIONS))}, or be written as PNG.",
            path=path,
        )
        photo = read_image(read_file(path), name=path)
        check(
            photo.pixels.shape[-1] <= self.channels,
            f"The model restores images of {self.channels} channel(s).",
            path=path,
            channels=photo.pixels.shape[-1],
        )
        return photo

    def _finish(self, size) -> list:
        """Solves and writes the group; its record file comes last."""
        paths, photos = zip(*self.groups.pop(size), strict=True)
        results = self._solve(photos)
        records = [self._write(*pair) for pair in zip(paths, results, strict=True)]
        lines = [json.dumps(record) + "\n" for record in records if record["output"]]
        if lines:
            target = f"{self.job.output}/records/{uuid.uuid4().hex}.jsonl"
            publish(self.job.partials, target, "".join(lines).encode())
        return records

    def _solve(self, photos) -> list:
        """A `Restored`, or the exception instead, per photograph: no image fails its neighbours."""
        names = ("rtol", "max_evaluations", "noise", "light", "ensemble")
        options = {name: getattr(self.job, name) for name in names}
        try:
            return deblur_photos(self.model, photos, kernel=self.blur, **options)
        except (tf.errors.OpError, ValueError) as error:
            if len(photos) == 1:
                return [error]
        return [self._solve([photo])[0] for photo in photos]

    def _write(self, path, result) -> dict:
        if isinstance(result, Exception):
            return failure(path, result)
        target = self.job.target(path)
        try:
            publish(self.job.partials, target, encode_image(result.photo, target))
        except (OSError, ValueError) as error:
            return failure(path, error)
        told = {name: getattr(result, name) for name in ("noise", "estimated", "doubt")}
        return _record(
            path,
            target,
            result.status.name,
            residual=finite(result.residual),
            evaluations=result.evaluations,
            **told,
        )


def load(path: str) -> ExportedModel:
    """`ExportedModel.open`, the folder being anywhere, once per process."""
    with _LOADING:
        return _load(path)


@functools.lru_cache(maxsize=1)
def _load(path: str):
    if FileSystems.get_scheme(path) is None:
        return ExportedModel.open(path)
    with tempfile.TemporaryDirectory() as folder:
        for found in FileSystems.match([f"{path}/**"])[0].metadata_list:
            copy = pathlib.Path(folder) / found.path.removeprefix(f"{path}/")
            if not found.path.endswith("/"):
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(read_file(found.path))
        return ExportedModel.open(folder)


def failure(path: str, error) -> dict:
    """The record of an image that has no output."""
    reason = reason_of(error) if isinstance(error, Exception) else error
    return _record(path, None, "ERROR", error=" ".join(reason.split()))


def _record(path, output, status, **others) -> dict:
    return dict.fromkeys(COLUMNS) | {"path": path, "output": output, "status": status} | others


def _read_records(found):
    """(output, record) of every line but damaged ones, whose images are restored again."""
    for line in read_file(found.path).decode(errors="replace").splitlines():
        try:
            record = dict.fromkeys(COLUMNS) | json.loads(line)  # of an earlier version: fewer
        except (ValueError, TypeError):
            continue
        if record["status"] in Status.__members__:
            yield record["output"], record


def _sort_out(joined):
    """The path of an image to restore; or, as `settled`, records known without any solve."""
    output, found = joined
    paths = sorted(set(found["images"]))
    records = [record for record in found["records"] if [record["path"]] == paths]
    if len(paths) > 1:
        text = f"Several images would have the output {output!r}: {', '.join(paths)}"
        for path in paths:
            yield beam.pvalue.TaggedOutput("settled", failure(path, text))
    elif records and any(found["outputs"]):
        Metrics.counter("bulk", "kept").inc()
        yield beam.pvalue.TaggedOutput("settled", records[0])
    else:
        yield from paths


def _count(record):
    Metrics.counter("bulk", "images").inc()
    Metrics.counter("bulk", record["status"]).inc()
    return record


def _counts(result) -> dict:
    found = result.metrics().query(MetricsFilter().with_namespace("bulk"))["counters"]
    names = ("images", "kept", *Status.__members__, "ERROR")
    counts = {counter.key.metric.name: counter.result for counter in found}
    return {name: counts.get(name, 0) for name in names}
