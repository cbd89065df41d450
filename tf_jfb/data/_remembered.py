"""What is known of image files, kept between runs in the user's cache folder.

A row is of one state of one file: its path, size and times of change, and the version of this
package. It is no more than a short cut, so that nothing about it is an error: where it cannot be
read or written, files are looked at again.
"""

import contextlib
import os
import pathlib
import sqlite3
import time
from typing import NamedTuple

from tf_jfb._version import __version__

FOLDER = "TF_JFB_CACHE"  # environment variable: the folder; empty for none
FRESH = 2.0  # seconds after a change in which another might leave the same times
MOST = 1 << 20  # rows; with more, all are forgotten
SECONDS = 5.0  # that another process may hold the file
TABLE = """CREATE TABLE IF NOT EXISTS sizes (path TEXT PRIMARY KEY, state TEXT NOT NULL,
    height INTEGER NOT NULL, width INTEGER NOT NULL) WITHOUT ROWID"""


class State(NamedTuple):
    """A file as it is: nothing is known of another state of it."""

    path: str  # absolute
    size: int
    changed: int  # nanoseconds
    status_changed: int

    @property
    def text(self) -> str:
        return f"{__version__} {self.size} {self.changed} {self.status_changed}"


def state_of(path) -> State:
    """Raises OSError where there is no such file."""
    status = os.stat(path)
    return State(os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def recall(states) -> dict:
    """{state: (height, width)} of those that are known."""
    known = {}
    with contextlib.suppress(OSError, sqlite3.Error), _opened() as file:
        for state in states:
            row = file.execute(
                "SELECT height, width FROM sizes WHERE path = ? AND state = ?",
                (state.path, state.text),
            ).fetchone()
            if row is not None:
                known[state] = row
    return known


def remember(sizes: dict) -> None:
    """Keeps {state: (height, width)}, but of files that have just changed."""
    before = time.time_ns() - FRESH * 1e9
    rows = [
        (state.path, state.text, *size)
        for state, size in sizes.items()
        if max(state.changed, state.status_changed) < before
    ]
    if not rows:
        return
    with contextlib.suppress(OSError, sqlite3.Error), _opened(make=True) as file, file:
        file.execute(TABLE)
        if file.execute("SELECT COUNT(*) FROM sizes").fetchone()[0] + len(rows) > MOST:
            file.execute("DELETE FROM sizes")
        file.executemany("INSERT OR REPLACE INTO sizes VALUES (?, ?, ?, ?)", rows)


def _file() -> pathlib.Path:
    """Raises OSError where there is to be none."""
    told = os.environ.get(FOLDER)
    if told == "":
        raise FileNotFoundError(FOLDER)
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(told or os.path.join(caches, "tf_jfb"), "images.sqlite")


@contextlib.contextmanager
def _opened(make: bool = False):
    path = _file()
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise FileNotFoundError(path)
    file = sqlite3.connect(path, timeout=SECONDS)
    try:
        yield file
    except sqlite3.DatabaseError as error:
        if not isinstance(error, sqlite3.OperationalError):  # a damaged file
            with contextlib.suppress(OSError):
                path.unlink()
        raise
    finally:
        file.close()
