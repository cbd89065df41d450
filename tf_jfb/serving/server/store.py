"""The models of one folder: NAME/VERSION found, loaded, warmed, swapped and drained."""

import logging
import pathlib
import re
import threading
from typing import NamedTuple

from tf_jfb._validate import check
from tf_jfb.serving.server.refused import RefusedError
from tf_jfb.serving.server.version import Version

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_log = logging.getLogger("tf_jfb.server")


class State(NamedTuple):
    """Of a version, in TensorFlow Serving's words: LOADING, AVAILABLE, UNLOADING or END."""

    state: str
    error: str = ""


class ModelStore:
    """Serves the newest version of every model that lies below `folder`, and nothing else.

    `scan` looks for what has changed. A version that cannot be loaded or run is reported in
    `status` and the one before stays; it is tried again when its files change.

    Args:
        folder: that holds NAME/VERSION/saved_model.pb. A link that leads out of it is passed over.
        drain_seconds: for which a replaced version is waited for.

    Raises:
        ValueError: there is no such folder.
    """

    def __init__(self, folder, drain_seconds: float = 600.0):
        self.folder = pathlib.Path(folder).resolve()
        check(self.folder.is_dir(), "`models` must be a folder.", models=str(folder))
        self.ready, self._drain_seconds = False, drain_seconds
        self._current, self._states, self._broken = {}, {}, {}
        self._lock, self._scanning, self._stopped = threading.Lock(), threading.Lock(), None

    @property
    def names(self) -> list[str]:
        """Of the models that are served."""
        with self._lock:
            return sorted(self._current)

    def lease(self, name: str, version: str | None = None) -> Version:
        """The version that serves `name`, with a user more: leave it by `with`.

        Raises RefusedError, 404, where there is none, or it is another than `version`.
        """
        with self._lock:
            found = self._current.get(name)
            if found is not None and version in (None, str(found.version)):
                return found.leased()
        told = f"version {version!r} of " if version is not None else ""
        raise RefusedError(404, f"There must be {told}a model of this name. Received: {name!r}")

    def status(self, name: str, version: str | None = None) -> dict[int, State]:
        """{version: its state}, newest first. Raises RefusedError, 404, where there is none."""
        with self._lock:
            known = dict(sorted(self._states.get(name, {}).items(), reverse=True))
        known = {v: s for v, s in known.items() if version in (None, str(v))}
        if not known:
            raise RefusedError(404, f"There must be such a model and version. Received: {name!r}")
        return known

    def scan(self) -> None:
        """Looks at the folder once; returns when all that is new was loaded or found broken."""
        with self._scanning:
            found = {p.name: p for p in self.folder.iterdir() if self._is_inside(p, NAME)}
            for name, folder in sorted(found.items()):
                try:
                    self._update(name, folder)
                except OSError as error:  # removed while it was looked at
                    _log.warning("model %s: %s", name, error.strerror)
            for name in set(self._states) - set(found):
                self._replace(name, None)
            self.ready = bool(self._current)

    def watch(self, seconds: float) -> None:
        """Scans every so many seconds, in a thread of its own, until `close`."""
        self._stopped = stopped = threading.Event()

        def look():
            while True:
                try:
                    self.scan()
                except Exception:  # the server goes on with what it has
                    _log.exception("the folder of the models could not be scanned")
                if stopped.wait(seconds):
                    return

        threading.Thread(target=look, name="models", daemon=True).start()

    def close(self) -> None:
        """Stops watching."""
        if self._stopped is not None:
            self._stopped.set()

    def _is_inside(self, path, pattern) -> bool:
        return (
            bool(pattern.fullmatch(path.name))
            and path.is_dir()
            and path.resolve().is_relative_to(self.folder)
        )

    def _update(self, name, folder) -> None:
        """The highest version that works becomes the one that serves `name`."""
        there = [p for p in folder.iterdir() if self._is_inside(p, NUMBER)]
        self._forget(name, {int(p.name) for p in there})
        current = self._current.get(name)
        for path in sorted(there, key=lambda p: int(p.name), reverse=True):
            version, print_ = int(path.name), _fingerprint(path)
            if current is not None and version == current.version:
                return
            if print_ is None or self._broken.get((name, version)) == print_:
                continue
            loaded = self._load(name, version, path, print_)
            if loaded is not None:
                self._replace(name, loaded)
                return
        if not there:
            self._replace(name, None)

    def _load(self, name, version, path, print_) -> Version | None:
        self._tell(name, version, State("LOADING"))
        try:
            loaded = Version(name, version, path)
        except Exception as error:  # whatever a damaged model raises
            reason = (str(error) or type(error).__name__).splitlines()[0][:300]
            reason = reason.replace(str(self.folder), "")
            self._broken[name, version] = print_
            self._tell(name, version, State("END", reason))
            _log.error("model %s version %d cannot be served: %s", name, version, reason)
            return None
        self._broken.pop((name, version), None)
        return loaded

    def _replace(self, name, version) -> None:
        """`version` serves from now on, or nothing does; the one before ends with its last user."""
        with self._lock:
            old = self._current.pop(name, None)
            if version is not None:
                self._current[name] = version
                self._states.setdefault(name, {})[version.version] = State("AVAILABLE")
            if old is None and version is None:
                self._states.pop(name, None)
        if version is not None:
            _log.info("model %s version %d is available", name, version.version)
        if old is not None:
            self._tell(name, old.version, State("UNLOADING"))
            threading.Thread(target=self._drain, args=(name, old), daemon=True).start()

    def _drain(self, name, old) -> None:
        old.drained(self._drain_seconds)
        with self._lock:
            now = self._current.get(name)
            if now is None or now.version != old.version:
                self._states.setdefault(name, {})[old.version] = State("END")

    def _forget(self, name, there) -> None:
        """States of versions whose folders are gone, but of those that still work."""
        with self._lock:
            states = self._states.setdefault(name, {})
            for version in [v for v, s in states.items() if s.state == "END" and v not in there]:
                del states[version]

    def _tell(self, name, version, state) -> None:
        with self._lock:
            self._states.setdefault(name, {})[version] = state


def _fingerprint(folder) -> tuple | None:
    """Sizes and times of a model's files; None where there is no model yet."""
    if not (folder / "saved_model.pb").is_file():
        return None
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
