"""The time to a tolerance: tf_jfb's SavedModel beside torchdeq's Anderson solver on the same T."""

import contextlib
import sys
import tempfile

from benchmarks import driver, report

MAX_EVALUATIONS = 200
OWN, PEER = "worker_saved_model", "worker_torchdeq_tolerance"


def measure(args) -> dict:
    """What `--json` prints: per size the libraries, and tf_jfb's ratio where both arrived."""
    with tempfile.TemporaryDirectory() as folder:
        config = {**_config(args), "folder": folder}
        wanted = [peer for peer in args.peers if peer == "torchdeq"]
        missing = driver.find_missing(wanted, args.peer_python, config)
        with contextlib.closing(driver.Worker("problem", sys.executable, config, "problem")) as w:
            w.prepare("write")
        layouts = {
            peer: driver.choose_layout(peer, args, config, "solve", PEER)
            for peer in wanted
            if peer not in missing
        }
        sizes, versions = {}, {}
        for size in args.sizes:
            driver.say(f"{size} x {size}, to {args.tolerance:g}")
            sizes[str(size)], new = _measure_size(args, {**config, "size": size}, layouts)
            versions |= new
    names = ("tolerance", "model", "path", "batch", "threads", "runs")
    settings = {**{n: getattr(args, n) for n in names}, "max_evaluations": MAX_EVALUATIONS}
    rest = {"layouts": layouts, "versions": versions, "missing": missing}
    return {"settings": settings, **rest, "sizes": sizes}


def _measure_size(args, config: dict, layouts: dict) -> tuple:
    with contextlib.ExitStack() as stack:
        workers = [driver.Worker("tf_jfb", sys.executable, config, OWN)]
        stack.enter_context(contextlib.closing(workers[0]))
        for peer, layout in layouts.items():
            worker = driver.Worker(peer, args.peer_python, {**config, "layout": layout}, PEER)
            workers.append(stack.enter_context(contextlib.closing(worker)))
        turns = driver.take_turns(workers, "solve", args.runs)
        residuals = {w.name: w.prepare("residual")["result"] for w in workers}
        versions = {k: v for w in workers for k, v in w.started["versions"].items()}
    return _entry(turns, residuals, args), versions


def _entry(turns: dict, residuals: dict, args) -> dict:
    libraries = {
        name: {
            **report.library(figures, args),
            "residual": residuals[name],
            # The judge rounds differently from the solver that stopped.
            "reached": residuals[name] <= 1.01 * args.tolerance,
        }
        for name, figures in turns.items()
    }
    own, arrived = libraries["tf_jfb"], all(e["reached"] for e in libraries.values())
    peers = {name: e for name, e in libraries.items() if name != "tf_jfb" and arrived}
    return {
        "libraries": libraries,
        "ratio": {name: own["seconds"] / e["seconds"] for name, e in peers.items()},
    }


def _config(args) -> dict:
    names = ("sizes", "batch", "threads", "tolerance", "model", "path")
    return {
        **{name: getattr(args, name) for name in names},
        "max_evaluations": MAX_EVALUATIONS,
        "size": min(args.sizes),
    }


def table(figures: dict) -> str:
    """The figures as text, one row per size, and who missed the tolerance."""
    lines = report.align([_row(size, entry) for size, entry in figures["sizes"].items()])
    missed = [
        f"tolerance not reached at {size}: {name}"
        for size, entry in figures["sizes"].items()
        for name, e in entry["libraries"].items()
        if not e["reached"]
    ]
    layouts = [f"layout of {k}: {v}" for k, v in figures["layouts"].items()]
    return "\n".join([*lines, "", *missed, *layouts, report.describe(figures["settings"])])


def _row(size: str, entry: dict) -> dict:
    libraries = entry["libraries"]
    return {
        "size": size,
        **{f"{name} s": f"{e['seconds']:.4g}" for name, e in libraries.items()},
        **{f"/ {name}": f"{ratio:.2f}" for name, ratio in entry["ratio"].items()},
        **{f"{name} evaluations": f"{e['evaluations']:.4g}" for name, e in libraries.items()},
        **{f"{name} residual": f"{e['residual']:.2e}" for name, e in libraries.items()},
    }
