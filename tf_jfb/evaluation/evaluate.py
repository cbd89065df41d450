"""Figures of exported models beside the baselines, on the same degraded images."""

import dataclasses

import keras

from tf_jfb._validate import check
from tf_jfb.evaluation.comparison import Comparison
from tf_jfb.evaluation.contest import Contest, open_denoiser
from tf_jfb.evaluation.figures import Clock, joined, measured, table
from tf_jfb.evaluation.partial import Partial
from tf_jfb.evaluation.pictures import draw
from tf_jfb.evaluation.tables import markdown
from tf_jfb.evaluation.tuning import CANDIDATES
from tf_jfb.models.baselines import PlugAndPlay

__all__ = ["CANDIDATES", "Comparison", "compare", "markdown", "open_denoiser"]


def compare(
    comparison: Comparison, denoiser: PlugAndPlay | None = None, candidates: dict = CANDIDATES
) -> dict:
    """PSNR, SSIM and seconds per method; for models also how their solves ended.

    Seconds are per image and without tracing. With an `output`, the figures of every batch are kept
    beside it, until all are done and it is written: the same comparison, started again, goes on.

    Args:
        comparison: what is compared.
        denoiser: for plug-and-play, or alone, in place of the one that `comparison` names.
        candidates: {baseline: {option: values to be tuned among}}; those left out are not run.

    Returns:
        {noise: {method: {figure: value}}}, the baselines tuned on training images, or {telling:
        ...} where the protocol has tellings. "difference" is the PSNR less that of the first model,
        "standard error" its own, from the spread of the images, each of which counts once, with the
        mean over its kernels. Published figures are marked as quoted; they are there only where
        all images of the protocol are, and nothing of it was changed.

    Raises:
        ValueError: a file or folder is not what it should be, there is nothing to compare, or the
            partial results of the output are of another comparison.
        RuntimeError: Richardson and Lucy's method is asked for without scikit-image.
    """
    check(
        isinstance(comparison, Comparison),
        "`comparison` must be a tf_jfb.evaluation.Comparison.",
        comparison=type(comparison).__name__,
    )
    contest = Contest(comparison, denoiser, candidates)
    partial = Partial(comparison.output, contest.identity())
    run = _Run(contest, partial)
    methods, tables = {}, {}
    for key, (noise, telling) in contest.settings.items():
        if noise not in methods:
            methods[noise] = contest.methods(noise, partial)
        images = contest.degraded(noise, telling)
        if not tables:
            slots = images.slots(contest.count, comparison.batch)
            draw(comparison, contest.models, methods[noise], images.batch(slots[0]))
        figures = run.figures(key, images, methods[noise])
        tables[key] = table(figures, contest.first, contest.count)
        _add_quoted(tables[key], methods[noise], contest.quoted(noise))
    name = "tellings" if contest.protocol.tellings else "noise"
    partial.finish({"options": dataclasses.asdict(comparison), name: tables})
    return tables


class _Run:
    """Takes the figures of batches, one after the other, or as they were kept."""

    def __init__(self, contest: Contest, partial: Partial):
        self.contest, self.partial, self.clock = contest, partial, Clock()
        slots = contest.count * len(contest.kernels) * len(contest.settings)
        self.progress = keras.utils.Progbar(slots)

    def figures(self, key, images, methods) -> dict:
        """{method: {figure: [kernels * images]}} of one table."""
        rows = {name: [] for name in methods}
        for slot in images.slots(self.contest.count, self.contest.comparison.batch):
            kept = self._batch(key, images, methods, slot)
            for name, row in kept.items():
                rows[name].append(row)
            self.progress.add(len(slot.images))
        return {name: joined(parts) for name, parts in rows.items()}

    def _batch(self, key, images, methods, slot) -> dict:
        """{method: {figure: [B]}}."""
        place = (key, slot.kernel, slot.images.start)
        found = self.partial.get("batch", *place)
        if found is not None:
            return found
        batch, eight_bits = images.batch(slot), self.contest.protocol.eight_bits
        row = {n: measured(self.clock, n, m, eight_bits, *batch) for n, m in methods.items()}
        self.partial.put(row, "batch", *place)
        return row


def _add_quoted(rows: dict, methods: dict, quoted: dict) -> None:
    """Adds published rows, and to the measured ones what those tell too."""
    if not quoted:
        return
    for name, method in methods.items():
        if method.parameters is not None:
            rows[name]["parameters (millions)"] = method.parameters
    rows.update(quoted)
