"""What the outputs of a bulk job depend on, kept beside them."""

import hashlib
import json

from apache_beam.io.filesystems import FileSystems

from tf_jfb._validate import check
from tf_jfb.serving._storage import STALE, clear, make_folder, publish, read_file
from tf_jfb.serving.bulk import Job

SETTINGS = (  # what outputs depend on
    "folder",
    "model",
    "png",
    "rtol",
    "max_evaluations",
    "kernel",
    "noise",
    "light",
    "ensemble",
)


def prepare(job: Job) -> None:
    """Holds the folder to one kind of work, and clears what a killed run left half done."""
    digests = contents(job)
    settings = {name: getattr(job, name) for name in SETTINGS} | digests
    path = f"{job.output}/settings.json"
    # Work of an earlier version, which had fewer settings, had none of the others.
    unset = dict.fromkeys(SETTINGS) | {"light": "encoded", "ensemble": 1} | digests
    earlier = unset | _read(path) if FileSystems.exists(path) else settings
    check(
        earlier == settings,
        f"`output` holds work with other settings, {earlier}: repeat them, or use another folder.",
        **settings,
    )
    for name in ("images", "records", "partial", "manifest"):
        make_folder(f"{job.output}/{name}")
    clear(f"{job.output}/partial/*", STALE)
    clear(f"{job.output}/manifest/**")
    publish(job.partials, path, json.dumps(settings, indent=1).encode())


def _read(path: str) -> dict:
    try:
        return dict(json.loads(read_file(path)))
    except (ValueError, TypeError):
        raise ValueError(
            f"{path!r} is damaged, so that the settings of the work beside it are not known: "
            "delete this file if they were the same, or use another folder."
        ) from None


def contents(job: Job) -> dict:
    """Digests of what two settings only name: the files of the kernel and of the model."""
    kernel = None if job.blur is None else _digest(job.blur.tobytes())
    patterns = [f"{job.model}/{below}fingerprint.pb" for below in ("", "*/")]
    found = FileSystems.match(patterns)
    prints = [metadata.path for match in found for metadata in match.metadata_list]
    newest = max(prints, key=_version, default=None)
    model = None if newest is None else _digest(read_file(newest))
    return {"kernel content": kernel, "model content": model}


def _version(path: str) -> int:
    name = path.split("/")[-2]
    return int(name) if name.isdigit() else -1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
