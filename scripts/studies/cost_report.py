"""The report and the figure of cost_model.py."""

import itertools
import statistics

import _cli
from cost_formulas import (
    LINKS,
    METHODS,
    SCALINGS,
    Compute,
    largest_batch,
)


def report(results: dict) -> str:
    """Everything as Markdown."""
    parts = [compute_text(results)]
    speeds = dict.fromkeys(row["speed"] for row in results["scaling"])
    parts += [scaling_table(results, *case) for case in itertools.product(SCALINGS, speeds)]
    parts += [difference_text(results), threshold_table(results), straggler_table(results)]
    return "\n\n".join([*parts, memory_table(results)])


def compute_text(results: dict) -> str:
    c, p, m = results["compute"], results["payload"], results["measured"]
    k = m["problem"]["evaluations"]
    per_image = c["backward"] + k * c["evaluation"]
    lines = [
        "| batch | evaluations | seconds |\n|---|---|---|",
    ]
    for row in m["time"]["points"]:
        lines.append(f"| {row['batch']} | {row['evaluations']} | {row['seconds']:.3f} |")
    once = Compute(**c)
    gain = once.seconds(1e9, k) / once.seconds(1e9, 0)
    return "\n".join(
        [
            *lines,
            "",
            f"seconds of a step: {c['fixed']:.4f} + {per_image:.4f} batch at {k} evaluations; "
            f"{c['evaluation']:.5f} per image and evaluation, {c['backward']:.4f} per image for "
            f"the recorded one and backward; misfit {100 * results['misfit']:.1f} %",
            f"parameters {m['time']['parameters']}, all-reduced {p['bytes']} bytes "
            f"({4 * m['time']['statistics']} of statistics) in {p['messages']} messages",
            f"compute per all-reduce: {gain:.1f} times that of one evaluation and its backward",
        ]
    )


def scaling_table(results: dict, kind: str, speed: str) -> str:
    """Efficiency without / with overlap."""
    rows = [r for r in results["scaling"] if (r["scaling"], r["speed"]) == (kind, speed)]
    head = f"{kind} scaling, compute {speed}: simulated efficiency without / with overlap"
    lines = [
        head,
        "",
        "| replicas | batch | compute (s) | " + " | ".join(x.name for x in LINKS) + " |",
    ]
    lines.append("|---" * (3 + len(LINKS)) + "|")
    for n, group in itertools.groupby(rows, lambda r: r["replicas"]):
        group = list(group)
        pairs = [f"{r['without']['efficiency']:.2f} / {r['with']['efficiency']:.2f}" for r in group]
        first = f"| {n} | {group[0]['batch']} | {group[0]['compute']:.4g} | "
        lines.append(first + " | ".join(pairs) + " |")
    return "\n".join(lines)


def difference_text(results: dict) -> str:
    differences = {
        overlap: max(abs(difference(r[overlap])) for r in results["scaling"])
        for overlap in ("without", "with")
    }
    rows = [row for case in results["stragglers"].values() for row in case["rows"]]
    waits = max(abs(r["seconds_formula"] / r["seconds"] - 1) for r in rows)
    return (
        "largest difference of formula and simulation: "
        + ", ".join(f"{100 * d:.2f} % {name} overlap" for name, d in differences.items())
        + f", {100 * waits:.2f} % stragglers"
    )


def difference(entry: dict) -> float:
    return entry["formula"] / entry["simulated"] - 1.0


def threshold_table(results: dict) -> str:
    head = "fewest replicas whose all-reduce takes more than a tenth of the compute"
    names = [x.name for x in LINKS]
    lines = [head, "", "| compute | evaluations | messages | " + " | ".join(names) + " |"]
    lines.append("|---" * (3 + len(names)) + "|")
    for row in results["thresholds"]:
        cells = [str(row["replicas"][name] or "none") for name in names]
        start = f"| {row['speed']} | {row['evaluations']} + 1 | {row['messages']} | "
        lines.append(start + " | ".join(cells) + " |")
    return "\n".join(lines)


def straggler_table(results: dict) -> str:
    counted = results["measured"]["counts"]
    lines = [
        f"evaluations of {len(counted)} images: {min(counted)} to {max(counted)}, mean "
        f"{statistics.mean(counted):.2f}"
    ]
    for name, case in results["stragglers"].items():
        lines += [
            "",
            f"{name}: mu {case['mu']:.3f}, sigma {case['sigma']:.3f}, mean {case['mean']:.2f}",
            "",
            "| replicas | images | slowest, simulated | formula | efficiency | mean / slowest |",
            "|---|---|---|---|---|---|",
        ]
        for r in case["rows"]:
            lines.append(
                f"| {r['replicas']} | {r['images']} | {r['simulated']:.2f} | {r['formula']:.2f} | "
                f"{r['efficiency']:.2f} | {r['needed']:.2f} |"
            )
    return "\n".join(lines)


def memory_table(results: dict) -> str:
    m, lines = results["memory"], []
    for method, fit in m["fits"].items():
        mib = {name: value / 2**20 for name, value in fit.items()}
        lines.append(
            f"{method}: {mib['process']:.0f} MiB + batch ({mib['image']:.1f} + "
            f"{mib['evaluation']:.1f} evaluations) MiB; misfit {100 * fit['misfit']:.1f} %; left "
            f"free: {mib['slope']:.2f} per evaluation, standard error {mib['error']:.2f}"
        )
    titles = [
        f"{x}, {method}" for method in METHODS for x in ("MiB per image", "largest batch", "R / C")
    ]
    lines += ["", "| evaluations | " + " | ".join(titles) + " |", "|---" * (1 + len(titles)) + "|"]
    for row in m["rows"]:
        cells = [
            f"{row[x]['image'] / 2**20:.1f} | {row[x]['batch']} | {row[x]['share']:.3f}"
            for x in METHODS
        ]
        lines.append(f"| {row['evaluations']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(results: dict, path) -> None:
    """Efficiency against replicas, what stragglers cost, and the largest batch."""
    _cli.import_tensorflow()
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.6), layout="constrained")
    speeds = dict.fromkeys(row["speed"] for row in results["scaling"])
    for row, kind in zip(axes, SCALINGS, strict=True):
        for axis, speed in zip(row, speeds, strict=False):
            draw_scaling(axis, results, kind, speed)
    draw_stragglers(axes[0, 2], results)
    draw_memory(axes[1, 2], results)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    for axis in (axes[0, 0], axes[0, 2], axes[1, 2]):
        axis.legend(fontsize=9, loc="lower left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_scaling(axis, results: dict, kind: str, speed: str) -> None:
    rows = [r for r in results["scaling"] if (r["scaling"], r["speed"]) == (kind, speed)]
    for color, link in enumerate(LINKS):
        own = [r for r in rows if r["link"] == link.name]
        for overlap, style in (("without", "-"), ("with", "--")):
            points = [[r["replicas"] for r in own], [r[overlap]["efficiency"] for r in own]]
            label = link.name if overlap == "without" else None
            axis.plot(*points, style, color=f"C{color}", label=label)
    axis.plot([], [], "k--", label="all-reduce overlapped")
    replica_axis(axis)
    device = "measured compute" if speed == "measured" else f"{speed[:-2]} times as fast (assumed)"
    amount = results["assumed"]["batch" if kind == "weak" else "global_batch"]
    share = f"{amount} images per replica" if kind == "weak" else f"{amount} images in all"
    axis.set(title=f"{kind} scaling, {share}\n{device}")


def replica_axis(axis) -> None:
    axis.set_xscale("log", base=2)
    axis.set_xticks([4**i for i in range(6)], [str(4**i) for i in range(6)])
    axis.set(xlabel="replicas", ylabel="efficiency", ylim=(0, 1.05))


def draw_stragglers(axis, results: dict) -> None:
    for color, (name, case) in enumerate(results["stragglers"].items(), 4):
        replicas = [r["replicas"] for r in case["rows"]]
        for key, style in (("efficiency", "-"), ("needed", ":")):
            label = f"evaluations {name} ($\\sigma$ = {case['sigma']:.2f})"
            values = [r[key] for r in case["rows"]]
            label = label if key == "efficiency" else None
            axis.plot(replicas, values, f"C{color}{style}", label=label)
    axis.plot([], [], "k:", label="mean evaluations / those of the slowest image")
    replica_axis(axis)
    axis.set(title="weak scaling, solves of unequal length\nno jitter, no network")


def draw_memory(axis, results: dict) -> None:
    m, total = results["memory"], results["assumed"]["memory"]
    evaluations = range(1, 51)
    for color, (method, fit) in enumerate(m["fits"].items()):
        batches = [largest_batch(fit, total * 2**30, k) for k in evaluations]
        label = {"jfb": "JFB", "unrolled": "gradient through the unrolled solve"}[method]
        axis.plot(evaluations, batches, f"C{color + 6}-", label=label)
    crop = results["measured"]["problem"]["crop"]
    axis.set_yscale("log")
    axis.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axis.set(title=f"largest batch of {crop} x {crop} crops\nin {total:g} GiB")
    axis.set(xlabel="evaluations of a solve", ylabel="images", ylim=(1, 1000))
