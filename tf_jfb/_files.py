"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
import uuid


@contextlib.contextmanager
def replacing(path):
    """A path beside `path` to write to, which takes its place at the end, unless that failed."""
    path = pathlib.Path(path)
    # Not longer than most names, which may be as long as a name can be.
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text: str) -> None:
    """Writes the file `path`; names of files in `text` may hold any bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
