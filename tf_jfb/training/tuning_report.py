"""What a tuning leaves behind: report.md, trials.csv, its figures and best.yaml."""

import csv
import json
import math
import pathlib

import yaml

from tf_jfb._files import replacing, write_text
from tf_jfb._plots import pyplot
from tf_jfb._validate import check, refuse
from tf_jfb.training.config import Config, save_config
from tf_jfb.training.tuning_effects import effects_table, main_effects, plot_effects

PROJECT = "trials"  # keras-tuner's folder below that of the search
SHOWN = 10  # trials of the table
PARTS = {
    "objective": "objective",
    "psnr": "PSNR (dB)",
    "step_seconds": "s / step",
    "restoration_seconds": "s / image",
    "converged": "converged",
    "evaluations": "evaluations",
    "epochs": "epochs",
}
# axes of the figure after those of the options: label, sampling and bounds, None for the trials'
RESULTS = {
    "psnr": ("PSNR\n(dB)", "linear", None),
    "step_seconds": ("seconds\nper step", "log", None),
    "restoration_seconds": ("seconds\nper image", "log", None),
    "converged": ("converged", "linear", (0.0, 1.0)),
}


def write_report(output) -> dict:
    """Writes report.md and what goes with it from the records of the trials done so far.

    Returns:
        The best trial's record: `trial`, PARTS, and its `options` of Config.

    Raises:
        ValueError: `output` has no search with a finished trial, or every one failed.
    """
    output = pathlib.Path(output)
    check((output / "search.yaml").is_file(), "`output` must hold a search.", output=str(output))
    search = yaml.safe_load((output / "search.yaml").read_text())
    rows = read_trials(output)
    check(len(rows) > 0, "No trial has finished yet.", output=str(output))
    best = rows[0] if rows[0]["failure"] is None else None
    _write_table(output / "trials.csv", rows, search["space"])
    plot_trials(output / "trials.png", rows, search["space"])
    drawn = search["method"] == "random"  # the others draw where it was good, and stop the rest
    effects = main_effects(rows, search["space"]) if drawn else {}
    if effects:
        plot_effects(output / "effects.png", effects)
    write_text(output / "report.md", _report(output, search, rows, effects))
    if best is None:
        refuse("Every trial failed; see report.md.", failure=rows[-1]["failure"])
    save_config(output / "best.yaml", Config(**{**search["config"], **best["options"]}))
    return best


def read_trials(output) -> list:
    """Records of the finished trials, the best first and those that failed last."""
    rows = []
    for file in sorted((pathlib.Path(output) / PROJECT).glob("trial_*/result.json")):
        trial = file.parent.name.removeprefix("trial_")
        rows.append({"trial": trial, **json.loads(file.read_text())})
    return sorted(rows, key=lambda row: (row["failure"] is not None, -row["objective"]))


def read_log(run) -> list:
    """The epochs of a run folder's log.csv, as numbers; empty before the first."""
    file = pathlib.Path(run) / "log.csv"
    if not file.is_file():
        return []
    with open(file) as lines:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(lines)]


def plot_trials(path, rows: list, space: dict) -> pathlib.Path:
    """Parallel coordinates: one line per trial through its options and results.

    Ranges that are sampled logarithmically have a logarithmic axis. The colour is the objective;
    trials that failed are dotted and end at their options.
    """
    plt = pyplot()
    done = [row for row in rows if row["failure"] is None]
    axes = _axes(space, done)
    figure, axis = plt.subplots(figsize=(1.5 + 1.15 * len(axes), 6), layout="constrained")
    values = [row["objective"] for row in done] or [0.0]
    colour = plt.cm.ScalarMappable(plt.Normalize(min(values), max(values)), "viridis")
    for rank, row in reversed(list(enumerate(rows))):
        heights = _heights(row, axes)
        style: dict = {"color": "0.6", "ls": ":"}
        if row["failure"] is None:
            style = {"color": colour.to_rgba(row["objective"]), "lw": 4 if rank == 0 else 1.2}
        axis.plot(range(len(heights)), heights, marker="o", ms=3, **style)
    for i, (name, _, ticks) in enumerate(axes):
        _draw_axis(axis, i, name, ticks)
    axis.set(xlim=(-0.2, len(axes) - 0.3), ylim=(-0.06, 1.06))
    axis.axis("off")
    title = f"{len(rows)} trials, {len(rows) - len(done)} failed (dotted)"
    axis.set_title(f"{title}; thick: the best" if done else title, pad=36)
    figure.colorbar(colour, ax=axis, label="objective (dB)", pad=0.01, aspect=30)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return pathlib.Path(path)


def _axes(space, done) -> list:
    """(label, function of a record to [0, 1], [(height, text)]) for every axis."""
    axes = []
    for name, entry in space.items():
        height, ticks = _choices(entry) if isinstance(entry, list) else _range(**entry)
        label = name.replace("_", "\n")
        axes.append((label, lambda row, n=name, h=height: h(row["options"][n]), ticks))
    for name, (label, sampling, bounds) in RESULTS.items() if done else ():
        values = bounds or [row[name] for row in done]
        height, ticks = _range(min(values), max(values), sampling)
        axes.append((label, lambda row, n=name, h=height: h(row[n]), ticks))
    return axes


def _choices(values) -> tuple:
    """Evenly spaced heights for a list of choices."""
    last = max(len(values) - 1, 1)
    heights = {str(v): i / last if len(values) > 1 else 0.5 for i, v in enumerate(values)}
    ticks = [(heights[str(v)], "none" if v is None else str(v)) for v in values]
    return lambda value: heights[str(value)], ticks


def _range(min, max, sampling, step=None) -> tuple:
    """Heights between two bounds, and ticks at both and at round numbers between them."""
    scale = math.log if sampling == "log" else float
    low, wide = scale(min), scale(max) - scale(min)

    def height(value):
        return (scale(value) - low) / wide if wide else 0.5

    whole = isinstance(min, int)
    between = [v for v in _round_numbers(min, max, sampling, whole) if 0.06 < height(v) < 0.94]
    return height, [(height(v), f"{v:.3g}") for v in (min, *between, max)]


def _round_numbers(low, high, sampling, whole) -> list:
    from matplotlib.ticker import LogLocator, MaxNLocator

    locator = LogLocator(subs=(1, 2, 5)) if sampling == "log" else MaxNLocator(5, integer=whole)
    return [v for v in locator.tick_values(low, high) if low < v < high]


def _heights(row, axes) -> list:
    own = [height for _, height, _ in axes]
    if row["failure"] is not None:
        own = own[: len(row["options"])]
    return [height(row) for height in own]


def _draw_axis(axis, x, name, ticks) -> None:
    axis.plot([x, x], [0, 1], color="0.2", lw=1, zorder=5)
    axis.text(x, 1.05, name, ha="center", va="bottom", fontsize=10, weight="bold")
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
    for height, text in ticks:
        axis.plot([x - 0.03, x], [height, height], color="0.2", lw=1, zorder=5)
        axis.text(x + 0.05, height, text, va="center", fontsize=8, bbox=box, zorder=6)


def _write_table(path, rows, space) -> None:
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", *PARTS, *space, "failure"])
        for row in rows:
            options = [row["options"][name] for name in space]
            parts = [row.get(name) for name in PARTS]
            writer.writerow([row["trial"], *parts, *options, row["failure"]])


def _report(output, search, rows, effects) -> str:
    done = [row for row in rows if row["failure"] is None]
    lines = [
        f"# Tuning by {search['method']}: {len(rows)} trials, {len(rows) - len(done)} failed",
        "",
        f"Objective (dB) = PSNR - {search['time_weight']:g} log2(seconds per "
        f"{_timed(search)}) - {search['convergence_weight']:g} (1 - converged),",
        "over the validation images. Every trial is in `trials.csv`, what all shared in "
        "`search.yaml`.",
        "",
        *_markdown(
            ["trial", *PARTS.values(), *search["space"]],
            [
                [r["trial"], *_cells(r), *(r["options"][name] for name in search["space"])]
                for r in done[:SHOWN]
            ],
        ),
        "",
        "![One line per trial through its options and results](trials.png)",
    ]
    lines += _mattered(effects) if effects else []
    if done:
        lines += [
            "",
            "The best trial's configuration is `best.yaml`; to train it again, or for longer with "
            "`--epochs`:",
            "",
            "```bash",
            f"python scripts/train.py --config {output / 'best.yaml'} --run runs/best",
            "```",
        ]
    if len(done) < len(rows):
        failed = [[r["trial"], r["failure"]] for r in rows[len(done) :]]
        lines += ["", "## Failed", "", *_markdown(["trial", "reason"], failed)]
    return "\n".join(lines) + "\n"


def _mattered(effects) -> list:
    return [
        "",
        "## What mattered",
        "",
        "Each option by itself, the others held (an additive model of the trials), beside the mean "
        "of its values, with 95 % intervals:",
        "",
        *_markdown(*effects_table(effects)),
        "",
        "![PSNR and evaluations by the values of every option](effects.png)",
    ]


def _timed(search) -> str:
    return "training step" if search["time"] == "step" else "restored image"


def _cells(row) -> list:
    text = {"objective": ".2f", "psnr": ".2f", "converged": ".0%", "epochs": "d"}
    return [f"{row[name]:{text.get(name, '.3g')}}" for name in PARTS]


def _markdown(header, rows) -> list:
    def cells(row):
        return "| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |"

    return [cells(header), "|---" * len(header) + "|", *map(cells, rows)]
