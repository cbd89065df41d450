"""What each option of a search was worth: main effects of its trials, with intervals."""

import math

import numpy as np

from tf_jfb._plots import pyplot
from tf_jfb.training.config import number

FIGURES = {"psnr": "PSNR (dB)", "evaluations": "evaluations", "converged": "converged"}
PARTS = 3  # of a range
SPARE = 5  # degrees of freedom that must remain


def main_effects(rows: list, space: dict) -> dict:
    r"""How far each level of an option lies from the mean of its levels, the others held.

    A level is a choice, or a third of a range on its own scale. The figures y of the trials that
    did not fail are fitted by the additive model
    $y = \mu + \sum_k a_{k, l_k} + \epsilon$ with $\sum_l a_{k,l} = 0$ for every option k, by
    least squares; intervals are those of Student's t. Both take the options to have been drawn
    independently of each other and of the figures, as a random search does.

    Args:
        rows: records of trials of one length, as `read_trials` returns them.
        space: the checked space of the search.

    Returns:
        {option: {level: {"trials": how many, "failed": how many more, figure: (effect, half its
        95 % interval)}}} for every figure of FIGURES, the option that moves PSNR most first; empty
        where there are too few trials, or the options did not vary independently.
    """
    done = [row for row in rows if row["failure"] is None]
    levels = {name: _levels(name, entry, done) for name, entry in space.items()}
    levels = {name: found for name, found in levels.items() if len(set(found)) > 1}
    columns = {name: sorted(set(found)) for name, found in levels.items()}
    design, contrasts = _design(levels, columns, len(done))
    free = len(done) - design.shape[1]
    if not levels or free < SPARE or np.linalg.matrix_rank(design) < design.shape[1]:
        return {}
    failed = [row for row in rows if row["failure"] is not None]
    lost = {name: _levels(name, space[name], failed) for name in levels}
    effects: dict = {
        name: {
            level: {"trials": found.count(level), "failed": lost[name].count(level)}
            for level in columns[name]
        }
        for name, found in levels.items()
    }
    for figure in FIGURES:
        values = np.array([row[figure] for row in done], np.float64)
        found = _estimates(design, contrasts.values(), values, free)
        for (name, level), estimate in zip(contrasts, found, strict=True):
            effects[name][level][figure] = estimate
    ordered = sorted(effects.items(), key=lambda item: -_spread(item[1]))
    return {name: {text: found for (_, text), found in each.items()} for name, each in ordered}


def effects_table(effects: dict) -> tuple:
    """(header, rows) of a table of them."""
    rows = [
        [name, level, found["trials"], found["failed"], *(_signed(*found[f]) for f in FIGURES)]
        for name, levels in effects.items()
        for level, found in levels.items()
    ]
    return ["option", "value", "trials", "failed", *FIGURES.values()], rows


def plot_effects(path, effects: dict) -> None:
    """PSNR and evaluations beside their means by the levels of every option, with intervals."""
    plt = pyplot()
    size = {"figsize": (1.2 + 2.2 * len(effects), 5), "squeeze": False, "layout": "constrained"}
    figure, axes = plt.subplots(2, len(effects), sharex="col", sharey="row", **size)
    for i, shown in enumerate(("psnr", "evaluations")):
        for axis, (name, levels) in zip(axes[i], effects.items(), strict=True):
            means, halves = zip(*(found[shown] for found in levels.values()), strict=True)
            axis.axhline(0, color="0.7", lw=1)
            texts = [level.replace(" to ", "\nto ") for level in levels]
            axis.errorbar(texts, means, halves, fmt="o-", capsize=3)
            axis.margins(x=0.15)
            axis.grid(alpha=0.3)
            axis.tick_params(axis="x", labelsize=8)
            if i:
                axis.set_xlabel(name)
        axes[i][0].set_ylabel(f"{FIGURES[shown]}\nfrom the mean")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _levels(name, entry, rows) -> list:
    """(place, text) of every trial's level."""
    values = [row["options"][name] for row in rows]
    if isinstance(entry, list):
        choices = [str(number(name, value)) for value in entry]
        return [(choices.index(str(v)), "none" if v is None else str(v)) for v in values]
    scale, back = (math.log, math.exp) if entry["sampling"] == "log" else (float, float)
    low, wide = scale(entry["min"]), scale(entry["max"]) - scale(entry["min"])
    ends = [f"{back(low + wide * i / PARTS):.4g}" for i in range(PARTS + 1)]
    # Of a value on a bound between two, rounding is not to decide.
    places = [int(PARTS * (scale(value) - low) / wide + 1e-9) for value in values]
    return [(i, f"{ends[i]} to {ends[i + 1]}") for i in np.minimum(places, PARTS - 1).tolist()]


def _design(levels, columns, count) -> tuple:
    """Columns of 1 and of every level but an option's first, and each effect as their sum."""
    parts, at = [np.ones([count, 1])], 1
    width = 1 + sum(len(found) - 1 for found in columns.values())
    contrasts = {}
    for name, found in columns.items():
        parts += [[[level == other] for level in levels[name]] for other in found[1:]]
        own = np.zeros([len(found), width])
        own[1:, at : at + len(found) - 1] = np.eye(len(found) - 1)
        own -= own.mean(axis=0)
        contrasts |= {(name, level): row for level, row in zip(found, own, strict=True)}
        at += len(found) - 1
    return np.hstack(parts).astype(np.float64), contrasts


def _estimates(design, contrasts, values, free) -> list:
    if np.ptp(values) == 0:  # nothing but rounding would be left
        return [(0.0, 0.0) for _ in contrasts]
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ values
    variance = np.sum((values - design @ fitted) ** 2) / free
    return [
        (float(row @ fitted), _student(free) * math.sqrt(variance * (row @ inverse @ row)))
        for row in contrasts
    ]


def _student(free: int) -> float:
    """The 97.5 % quantile of Student's t (Cornish and Fisher's expansion: 1 % off at 5)."""
    z = 1.959964
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96)
    return z + sum(term / free ** (i + 1) for i, term in enumerate(terms))


def _spread(levels) -> float:
    means = [found["psnr"][0] for found in levels.values()]
    return max(means) - min(means)


def _signed(mean, half) -> str:
    return f"{mean:+.3g} ± {half:.2g}"
