"""The table `report.csv` of an output folder: what became of every photograph."""

import csv
import io
import os
import pathlib
from typing import NamedTuple

from tf_jfb._files import write_text
from tf_jfb._validate import refuse

NAME = "report.csv"
COLUMNS = ("file", "status", "residual", "evaluations", "noise", "seconds", "message", "doubt")
COLUMNS += ("kernel_scale", "output", "source")
WIDTHS = (7, 9, len(COLUMNS))  # of earlier reports, too
KEPT, ERROR = "KEPT", "ERROR"
NO_DOUBT = "none"  # of an estimate
AS_TEXT = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}  # any name of a file


class Row(NamedTuple):
    """One photograph of the report; `noise` is what the model was told, estimated or not."""

    file: str
    status: str  # a `Status` by name, or KEPT, or ERROR
    residual: float | None = None
    evaluations: int | None = None
    noise: float | None = None
    seconds: float | None = None
    message: str | None = None  # why there is no result
    doubt: str | None = None  # of a noise that was estimated: why not to trust it, or "none"
    kernel_scale: float | None = None  # width of a refined kernel to that of the one told
    output: str | None = None  # the result; in the table below the folder of the table
    source: str | None = None  # in the table, the photograph from the root on


class Report:
    """Rows by photograph, of earlier runs too; `with` it every row is written when it is added.

    Raises ValueError where what lies there is no report: it would be lost.
    """

    def __init__(self, folder):
        self.path, self.rows, self._made_of = pathlib.Path(folder) / NAME, {}, {}
        for row in _read(self.path):
            self._put(row)

    def __enter__(self):
        self._write()
        return self

    def __exit__(self, *_):
        self._write()

    def makers(self) -> dict:
        """{result: the photograph that it was made from}."""
        folder = self.path.parent
        return {folder / output: pathlib.Path(source) for output, source in self._made_of.items()}

    def add(self, row: Row) -> None:
        """One more. What an earlier run told of a photograph that is kept stays."""
        row = row._replace(source=os.path.abspath(row.file))
        if row.output:
            relative = os.path.relpath(row.output, self.path.parent)
            row = row._replace(output=pathlib.PurePath(relative).as_posix())
        if row.status == KEPT:
            known = self.rows.get(self._made_of.get(row.output, _key(row)))
            known = known or self.rows.get(row.file, row)  # of a report that told no source
            if known.status != ERROR:
                row = known._replace(file=row.file, output=row.output, source=row.source)
        if row != self.rows.get(_key(row)):
            self._put(row)
            with open(self.path, "a", **AS_TEXT) as file:
                csv.writer(file, lineterminator="\n").writerow(row)

    def _put(self, row) -> None:
        """In place of what is known of the photograph, and of another that its result replaced."""
        if row.source and not (self.rows.get(row.file, row)).source:
            self.rows.pop(row.file, None)
        if row.output:
            self.rows.pop(self._made_of.get(row.output), None)
            self._made_of[row.output] = _key(row)
        self.rows[_key(row)] = row

    def _write(self) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *self.rows.values()])
        write_text(self.path, text.getvalue())


def _key(row) -> str:
    return row.source or row.file


def _read(path) -> list[Row]:
    """Rows of a report, of the last of which a part may be missing; none where there is no file."""
    if not path.exists():
        return []
    try:
        with open(path, **AS_TEXT | {"encoding": "utf-8-sig"}) as file:
            text = file.read()
        whole = io.StringIO(text[: text.rfind("\n") + 1] or text)
        head, *lines = list(csv.reader(whole)) or [COLUMNS]
    except (OSError, csv.Error) as error:
        head, lines = [str(error)], []
    if tuple(head) not in {COLUMNS[:width] for width in WIDTHS}:
        refuse(
            f"{NAME} in the output must be the report of an earlier run: move it away, or choose "
            "another folder.",
            path=str(path),
            found=",".join(head)[:60],
        )
    return [Row(*values) for values in lines if len(values) == len(head)]
