"""Files anywhere that Apache Beam reaches: read with patience, written whole."""

import logging
import os
import posixpath
import time
import uuid

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from tf_jfb._validate import check

ATTEMPTS = 4
DELAY = 1.0  # seconds before the second attempt; doubled before each further one
LOST_CAUSES = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
STALE = 24 * 3600  # seconds after which a partial file was left by a run that was killed


def read_file(path: str) -> bytes:
    """The content of a file."""

    def attempt():
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            return file.read()

    return _retry(attempt, f"Reading {path!r}")


def publish(partials: str, target: str, content: bytes) -> None:
    """Writes the file `target` whole or not at all, by way of the folder `partials`."""

    def attempt():
        partial = f"{partials}/{uuid.uuid4().hex}"
        with FileSystems.create(partial, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            file.write(content)
        make_folder(target.rpartition("/")[0])
        _rename(partial, target)

    _retry(attempt, f"Writing {target!r}")


def _rename(source: str, target: str) -> None:
    try:
        FileSystems.rename([source], [target])
    except OSError:
        if not FileSystems.exists(target):
            raise
        # HDFS, for one, does not replace; the output of a batch that was killed may stand there.
        FileSystems.delete([target])
        FileSystems.rename([source], [target])


def make_folder(path: str) -> None:
    """Makes it unless it is there."""
    if not FileSystems.exists(path):
        try:
            FileSystems.mkdirs(path)
        except OSError:
            if not FileSystems.exists(path):  # else another worker was faster
                raise


def _retry(attempt, what: str):
    """`attempt()`, again after a pause if it fails for a cause that may pass.

    Raises OSError after the last attempt, or the first where the cause stays.
    """
    for pause in [DELAY * 2**i for i in range(ATTEMPTS - 1)] + [None]:
        try:
            return attempt()
        except Exception as error:  # the file systems' libraries raise their own
            if pause is None or isinstance(error, LOST_CAUSES):
                raise OSError(f"{what} failed ({error})") from None
            logging.getLogger(__name__).warning("%s failed (%s); trying again", what, error)
            time.sleep(pause)


def clear(pattern: str, older: float = 0.0) -> None:
    """Deletes what matches and was last written `older` seconds ago or before."""
    files = FileSystems.match([pattern])[0].metadata_list
    latest = time.time() - older
    found = [file.path for file in files if not older or file.last_updated_in_seconds < latest]
    if found:
        FileSystems.delete(found)


def check_nothing_missed(pattern: str, folder: str) -> None:
    """Raises ValueError where Beam would leave out what is meant by `pattern`."""
    left_out = _missed(pattern, folder)
    check(left_out is None, f"`images` must leave nothing out. {left_out}.", images=pattern)


def _missed(pattern: str, folder: str) -> str | None:
    if not set("*?[") & set(pattern) and _count(f"{pattern.rstrip('/')}/**"):
        return f"It is a folder: ask for its files, '{pattern.rstrip('/')}/**'"
    stem, suffix = posixpath.splitext(pattern)
    other = suffix.swapcase()
    if suffix.isascii() and other != suffix and (count := _count(stem + other)):
        either = "".join(f"[{a}{b}]" for a, b in zip(suffix[1:], other[1:], strict=True))
        return f"{count} file(s) end in {other}: take both by '{stem}.{either}'"
    if "**" in pattern and FileSystems.get_scheme(folder) is None:
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                if os.path.islink(os.path.join(parent, name)):
                    return f"{os.path.join(parent, name)!r} is a link to a folder, not followed"
    return None


def _count(pattern: str) -> int:
    return len(FileSystems.match([pattern])[0].metadata_list)
