"""From raw figures to medians, ratios, the floor and slopes; a table and a picture of them."""

import math
import statistics


def summarise(raw: dict, args) -> dict:
    """What `--json` prints: per size and mode the libraries, the floor and tf_jfb's ratios."""
    sizes = {
        str(size): {mode: _entry(workers, size, mode, args) for mode, workers in modes.items()}
        for size, modes in raw["sizes"].items()
    }
    names = ("batch", "depth", "channels", "lipschitz", "evaluations", "threads", "runs")
    settings = {name: getattr(args, name) for name in (*names, "jit_compile")}
    rest = {name: raw[name] for name in ("layouts", "versions", "missing")}
    return {"settings": settings, **rest, "sizes": sizes, "slope": slopes(sizes)}


def _entry(workers: dict, size: int, mode: str, args) -> dict:
    rate = statistics.median(workers["floor"]["result"])
    gflop = 1e-9 * forward_operations(args, size) * forwards(mode, args.evaluations)
    libraries = {name: library(w, args) for name, w in workers.items() if name != "floor"}
    seconds = {name: library["seconds"] for name, library in libraries.items()}
    seconds["floor"] = gflop / rate
    own = seconds["tf_jfb"]
    return {
        "libraries": libraries,
        "floor": {"seconds": seconds["floor"], "gflop": gflop, "gflop_per_second": rate},
        "ratio": {name: own / value for name, value in seconds.items() if name != "tf_jfb"},
    }


def library(worker: dict, args) -> dict:
    seconds = statistics.median(worker["seconds"])
    return {
        "seconds": seconds,
        "seconds_per_image": seconds / args.batch,
        "runs": worker["seconds"],
        "evaluations": worker["result"][-1],
        "peak_mib": worker["peak_mib"],
        "imports_mib": worker["imports_mib"],
    }


def forward_operations(args, size: int) -> float:
    """Floating-point operations of the network's convolutions on a batch; the rest is small."""
    pairs = 2 * 3 * args.channels + (args.depth - 2) * args.channels**2
    return 2.0 * 9 * pairs * args.batch * size**2


def forwards(mode: str, evaluations: int) -> int:
    """Work in units of one evaluation: a training step adds a recorded one and its backward (2)."""
    return evaluations + (3 if mode == "training" else 0)


def slopes(sizes: dict) -> dict:
    """Log-log slopes of tf_jfb's time and memory against pixels; memory is what imports left."""
    if len(sizes) < 2:
        return {}
    result = {}
    for mode in next(iter(sizes.values())):
        own = {int(size): modes[mode]["libraries"]["tf_jfb"] for size, modes in sizes.items()}
        memory = {s: e["peak_mib"] - e["imports_mib"] for s, e in own.items()}
        result[f"time, {mode}"] = _slope({s: e["seconds"] for s, e in own.items()})
        result[f"memory, {mode}"] = _slope(memory)
    return result


def _slope(values: dict) -> float:
    points = [(2 * math.log(size), math.log(value)) for size, value in values.items()]
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def table(report: dict) -> str:
    """The report as text, one row per size and mode, then slopes and settings."""
    rows = [_row(size, mode, e) for size, ms in report["sizes"].items() for mode, e in ms.items()]
    slope = [f"log-log slope against pixels, {k}: {v:.2f}" for k, v in report["slope"].items()]
    layouts = [f"layout of {k}: {v}" for k, v in report["layouts"].items()]
    return "\n".join([*align(rows), "", *slope, *layouts, describe(report["settings"])])


def align(rows: list) -> list:
    """Lines of a table: the columns' names, then one line per row {column: text}."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]


def _row(size: str, mode: str, entry: dict) -> dict:
    libraries, floor = entry["libraries"], entry["floor"]
    return {
        "size": size,
        "mode": mode,
        **{f"{name} s": f"{e['seconds']:.4g}" for name, e in libraries.items()},
        "floor s": f"{floor['seconds']:.4g}",
        "GFLOP/s": f"{floor['gflop_per_second']:.0f}",
        **{f"/ {name}": f"{ratio:.2f}" for name, ratio in entry["ratio"].items()},
        **{f"{name} MiB": f"{e['peak_mib']:.0f}" for name, e in libraries.items()},
    }


def describe(settings: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def draw(report: dict, path: str) -> None:
    """Writes the figure: time per image against size, inference and training."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    modes = list(next(iter(report["sizes"].values())))
    shape = {"figsize": (4.5 * len(modes), 3.8), "squeeze": False}
    figure, axes = plt.subplots(1, len(modes), sharey=True, layout="constrained", **shape)
    axes = axes[0]
    for axis, mode in zip(axes, modes, strict=True):
        _curves(axis, report, mode)
    axes[0].set_ylabel("milliseconds per image")
    axes[0].legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _curves(axis, report: dict, mode: str) -> None:
    sizes = sorted(report["sizes"], key=int)
    entries = [report["sizes"][size][mode] for size in sizes]
    pixels, batch = [int(size) for size in sizes], report["settings"]["batch"]
    for name in entries[0]["libraries"]:
        seconds = [e["libraries"][name]["seconds_per_image"] for e in entries]
        axis.plot(pixels, [1e3 * s for s in seconds], "o-", label=name)
    floor = [1e3 * e["floor"]["seconds"] / batch for e in entries]
    axis.plot(pixels, floor, "k--", label="floor: arithmetic alone")
    evaluations = report["settings"]["evaluations"]
    titles = {
        "inference": f"Inference, {evaluations} evaluations",
        "training": f"Training step, {evaluations} + 1 evaluations",
    }
    axis.set(title=titles[mode], xlabel="side of the image, pixels", xscale="log", yscale="log")
    axis.set_xticks(pixels, [str(p) for p in pixels])
    axis.minorticks_off()
