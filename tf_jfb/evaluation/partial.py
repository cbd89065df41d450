"""What an evaluation has done when it is stopped, in a file beside its output."""

import hashlib
import json
import os
import pathlib

import numpy as np

from tf_jfb._files import write_text
from tf_jfb._validate import check, refuse

BEGINNING = 1 << 14  # bytes of a file that are looked at


class Partial:
    """Records by key, each a line of JSON appended to OUTPUT.partial.jsonl.

    A line that was cut short is dropped. Without an `output` nothing is written.

    Args:
        output: the file that there will be in the end.
        options: what the records depend on; those of a file found must be the same.

    Raises:
        ValueError: the file found is of other options, or of another kind.
    """

    def __init__(self, output: str | None, options: dict):
        self.output, self._known = output, {}
        self.file = None if output is None else partial_of(output)
        self.options = json.loads(json.dumps(options))
        if self.file is not None:
            self._open()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, *key):
        """The record of `key`, or None."""
        return self._known.get(json.dumps(key))

    def put(self, record: dict, *key) -> None:
        """Adds a record, and writes it."""
        name, record = json.dumps(key), _plain(record)
        self._known[name] = record
        self._append({"key": name, "record": record})

    def finish(self, content: dict) -> None:
        """Writes `content` to the output, whole or not at all, then removes the file."""
        if self.output is None:
            return
        write_text(self.output, json.dumps(_plain(content), indent=1))
        self.file.unlink(missing_ok=True)

    def _open(self) -> None:
        """Reads what there is, and leaves the file such that a line can be appended."""
        content = self.file.read_bytes() if self.file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            self.file.write_text("")
            self._append({"options": self.options})
            return
        try:
            first, *lines = (json.loads(line) for line in whole.splitlines())
            known = {line["key"]: line["record"] for line in lines}
            found = first["options"]
        except (ValueError, KeyError, TypeError):
            refuse("The partial results must be ours: remove the file.", file=str(self.file))
        self._check_same(found)
        if len(whole) < len(content):
            os.truncate(self.file, len(whole))
        self._known = known

    def _check_same(self, found) -> None:
        names = sorted(set(found) | set(self.options))
        other = [name for name in names if found.get(name) != self.options.get(name)]
        check(
            not other,
            f"`output` has partial results of other options in {self.file}: give those again "
            "to continue, or remove the file to start anew.",
            **{name: self.options.get(name) for name in other},
        )

    def _append(self, line) -> None:
        if self.file is not None:
            with open(self.file, "a") as file:
                file.write(json.dumps(line) + "\n")


def partial_of(output) -> pathlib.Path:
    """Where what is done stands until `output` is written."""
    return pathlib.Path(f"{output}.partial.jsonl")


def fingerprint(path, without=()) -> str | None:
    """Changes where a file of a folder, or a file, is another one: by names, sizes and beginnings.

    A copy elsewhere, or at another time, has the same. Files `without` do not count.
    """
    if path is None:
        return None
    path = pathlib.Path(path)
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    left_out = {pathlib.Path(file).resolve() for file in without if file is not None}
    files = [file for file in files if file.resolve() not in left_out] if left_out else files
    digest = hashlib.sha256()
    for file in files:
        if file.exists():
            name = file.relative_to(path.parent if file == path else path)
            digest.update(os.fsencode(name) + f"\0{file.stat().st_size}\0".encode())
            with open(file, "rb") as opened:
                digest.update(opened.read(BEGINNING))
    return digest.hexdigest()


def _plain(value):
    """NumPy's arrays and numbers as JSON's."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
