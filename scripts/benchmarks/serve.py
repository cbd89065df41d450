"""A worker process: builds one library's programs and runs them when told to over a pipe.

Started as `python serve.py WORKER CONFIG`, WORKER a module of this folder and CONFIG JSON. Every
request and every reply is one line of JSON; the first reply says that the library is imported.
"""

import importlib
import json
import os
import resource
import sys
import time


def main() -> None:
    replies = _private_stdout()
    try:
        worker = importlib.import_module(sys.argv[1])
        programs = worker.programs(json.loads(sys.argv[2]))
    except ImportError as error:
        _reply(replies, {"missing": str(error)})
        return
    _reply(replies, {"versions": worker.versions(), "peak_mib": peak_mib()})
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                run = programs[request["mode"]]()
            _reply(replies, _timed(run))
        except Exception as error:  # every failure of a library belongs to the other side
            _reply(replies, {"error": f"{type(error).__name__}: {error}"})


def _timed(run) -> dict:
    start = time.perf_counter()
    result = run()
    return {"seconds": time.perf_counter() - start, "result": result, "peak_mib": peak_mib()}


def peak_mib() -> float:
    """Peak resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _private_stdout():
    """The pipe to the other side; whatever a library prints goes to standard error instead."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def _reply(replies, message: dict) -> None:
    print(json.dumps(message), file=replies, flush=True)


if __name__ == "__main__":
    main()
