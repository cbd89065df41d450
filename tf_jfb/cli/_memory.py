"""How much memory there is to work in."""

import os
import pathlib
import sys

CONTROL = pathlib.Path("/sys/fs/cgroup")
_FIRST = "memory/memory."  # of the first version
GROUPS = (  # files: the limit, what is used, and of what; how the names in the last begin
    ("memory.max", "memory.current", "memory.stat", ""),
    (f"{_FIRST}limit_in_bytes", f"{_FIRST}usage_in_bytes", f"{_FIRST}stat", "total_"),
)
SHARE = 0.7  # of what is free that is taken unasked


def free() -> int:
    """Bytes that this process may still take: of the machine, or of the group it is held to."""
    limits = [_available(), *_groups()]
    return min([limit for limit in limits if limit is not None], default=4 << 30)


def resident() -> int:
    """Bytes that this process holds; has held at most, or 0, where the system does not tell."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError, ValueError):
        return _most_held()


def budget(gib: float | None) -> int:
    """Bytes to work in: up to `gib` for the whole process, or a share of what is free."""
    return int(SHARE * free() if gib is None else max(0.0, gib * 2**30 - resident()))


def _most_held() -> int:
    try:
        import resource  # of Unix alone
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def _available():
    """As Linux tells it, or all that there is."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        rows = dict(line.split(":") for line in lines)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
        except (OSError, ValueError, AttributeError):  # Windows has none
            return None


def _groups():
    """What control groups, versions 2 and 1, leave; None where they hold to nothing.

    They count files that were read, which the system forgets when memory is wanted.
    """
    for *names, prefix in GROUPS:
        try:
            most, used, rows = ((CONTROL / name).read_text().strip() for name in names)
            kept = dict(row.split() for row in rows.splitlines())
            files = sum(int(kept.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
            yield None if most == "max" else max(0, int(most) - max(0, int(used) - files))
        except (OSError, ValueError):
            yield None
