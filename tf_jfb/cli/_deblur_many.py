"""`tf-jfb deblur` of folders, patterns and several photographs."""

import collections
import pathlib
import time

from tf_jfb.cli import _deblur_shared
from tf_jfb.cli._progress import Progress
from tf_jfb.serving import photographs

REPORT = "report.csv"
SAVED = 10.0  # seconds between two writings of the report


def run(args) -> int:
    """1 where a photograph failed."""
    output = pathlib.Path(args.output)
    tasks = photographs.plan(args.photos, output)
    restorer = _deblur_shared.restorer(args)
    output.mkdir(parents=True, exist_ok=True)
    rows = photographs.read_report(output / REPORT)
    progress, saved = Progress(len(tasks)), time.monotonic()
    counts, doubted = collections.Counter(), 0
    try:
        for row in restorer.run(tasks, args.overwrite):
            counts[row.status] += 1
            doubted += row.doubt not in (None, photographs.NO_DOUBT)
            if row.status != photographs.KEPT:
                rows[row.file] = row
            progress.add(row.file, row.status, _figures(row))
            if time.monotonic() - saved > SAVED:
                photographs.write_report(output / REPORT, rows.values())
                saved = time.monotonic()
    finally:
        progress.close()
        photographs.write_report(output / REPORT, rows.values())
    told = ", ".join(f"{count} {status.lower()}" for status, count in sorted(counts.items()))
    print(f"{len(tasks)} images: {told}; see {output / REPORT}")
    if doubted:
        print(f"the noise of {doubted} was estimated and is not to be trusted: see `doubt` there")
    return 1 if counts[photographs.ERROR] else 0


def _figures(row) -> str:
    if row.message is not None:
        return row.message
    return "" if row.residual is None else f"residual {row.residual}, {row.evaluations} evaluations"
