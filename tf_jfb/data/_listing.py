"""The image files that a folder, a pattern or names stand for."""

import glob
import os
import pathlib
import re
from typing import NamedTuple

from tf_jfb._validate import check
from tf_jfb.data.image_io import EXTENSIONS, READABLE


class Found(NamedTuple):
    """An image file, and where it lies below the folder or the fixed part of the pattern."""

    path: pathlib.Path
    relative: pathlib.PurePath


def find_images(*names) -> list[Found]:
    """The images of files, folders and patterns, each once, sorted within each name.

    Of a folder all below it, links to folders followed, with an image's extension in any case; of a
    pattern (`*`, `?`, `[...]`, and `**` for any folders) what matches, its extension in any case.
    Hidden files are left out. No file is opened.

    Raises:
        ValueError: a name stands for no image, or a folder cannot be listed.
    """
    found = {}
    for name in names:
        path = pathlib.Path(name)
        if path.is_dir():
            files = [Found(p, p.relative_to(path)) for p in list_images(path, READABLE)]
        elif path.exists():
            files = [Found(path, pathlib.PurePath(path.name))]
        else:
            files = _matching(str(name))
        check(bool(files), "There must be an image of that name, or below it.", name=str(name))
        for file in files:
            found.setdefault(os.path.realpath(file.path), file)
    return list(found.values())


def list_images(path, extensions=EXTENSIONS) -> list[pathlib.Path]:
    """Files below `path` that end in one of `extensions`, in any case, sorted; none hidden.

    All files where `extensions` is None.

    Links to folders are followed, each folder once. Raises ValueError if one cannot be listed.
    """
    seen, files = set(), []
    for folder, below, names in os.walk(path, followlinks=True, onerror=_unlisted):
        below[:] = sorted(name for name in below if not name.startswith("."))
        real = os.path.realpath(folder)
        if real in seen:  # a link to what lies above it would never end
            below.clear()
            continue
        seen.add(real)
        files += [pathlib.Path(folder, name) for name in names if not name.startswith(".")]
    wanted = (p for p in files if extensions is None or p.suffix.lower() in extensions)
    return sorted(p for p in wanted if p.is_file())


def _matching(pattern) -> list[Found]:
    # Up to the first wildcard, whole folders.
    root = pathlib.Path(re.split(r"[*?[]", pattern)[0].rpartition("/")[0] or ".")
    root = pathlib.Path("/") if pattern.startswith("/") and str(root) == "." else root
    stem, dot, suffix = pattern.rpartition(".")
    if dot and "/" not in suffix and "[" not in suffix:
        suffix = re.sub("[a-zA-Z]", lambda m: f"[{m[0].lower()}{m[0].upper()}]", suffix)
    paths = map(pathlib.Path, glob.glob(f"{stem}{dot}{suffix}", recursive=True))
    files = sorted(p for p in paths if p.suffix.lower() in READABLE and p.is_file())
    return [Found(p, p.relative_to(root)) for p in files]


def _unlisted(error):
    raise ValueError(
        f"The folder cannot be listed ({error.strerror}). Received: path='{error.filename}'"
    )
