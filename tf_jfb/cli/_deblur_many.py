"""`tf-jfb deblur` of folders, patterns and several photographs."""

import collections
import os
import pathlib
import sys

from tf_jfb.cli import _deblur_shared
from tf_jfb.cli._progress import Progress
from tf_jfb.cli._shared import check_apart
from tf_jfb.data import list_images
from tf_jfb.data.image_io import READABLE
from tf_jfb.serving import photographs
from tf_jfb.serving.report import ERROR, NO_DOUBT, Report


def run(args) -> int:
    """1 where a photograph failed."""
    output = pathlib.Path(args.output)
    tasks, below = photographs.plan(args.photos, output)
    report = Report(output)
    for written in (report.path, *(task.target for task in tasks)):
        check_apart([written], [args.kernel, args.mask])
    restorer = _deblur_shared.restorer(args)
    _tell_left_out(args.photos, output, below)
    output.mkdir(parents=True, exist_ok=True)
    progress, counts, doubted = Progress(len(tasks)), collections.Counter(), 0
    with report:
        try:
            for row in restorer.run(tasks, args.overwrite, report.makers()):
                counts[row.status] += 1
                doubted += row.doubt not in (None, NO_DOUBT)
                report.add(row)
                progress.add(row.file, row.status, _figures(row))
        finally:
            progress.close()
    told = ", ".join(f"{count} {status.lower()}" for status, count in sorted(counts.items()))
    print(f"{len(tasks)} images: {told}; see {report.path}")
    if doubted:
        print(f"the noise of {doubted} was estimated and is not to be trusted: see `doubt` there")
    return 1 if counts[ERROR] else 0


def _tell_left_out(names, output, below) -> None:
    """Says on standard error which files are no images by their names or places."""
    folders = filter(os.path.isdir, names)
    files = [file for folder in folders for file in list_images(folder, extensions=None)]
    others = collections.Counter(f.suffix for f in files if f.suffix.lower() not in READABLE)
    if others:
        kinds = ", ".join(f"{n} {suffix or 'without one'}" for suffix, n in others.most_common())
        print(f"left out for their ending: {kinds}", file=sys.stderr)
    if below:
        print(f"left out, as they lie below {output}: {below} images", file=sys.stderr)


def _figures(row) -> str:
    if row.message is not None:
        return row.message
    return "" if row.residual is None else f"residual {row.residual}, {row.evaluations} evaluations"
