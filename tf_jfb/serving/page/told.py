"""What the page says of a solve: in words, as a curve, as a report, as files."""

import html
import json
import pathlib
import tempfile

import numpy as np

from tf_jfb._plots import residuals
from tf_jfb._types import Status
from tf_jfb._validate import finite
from tf_jfb._version import __version__
from tf_jfb.data import write_image
from tf_jfb.metrics import fidelity
from tf_jfb.serving._reasons import reason_of
from tf_jfb.serving.page.work import Step

FALLING = 0.9  # of the residual to the one some evaluations before: below, it still falls
WHICH = ("blurred", "restored")
MANY = 150  # evaluations, of which no more are advised


def verdict(step: Step, rtol: float) -> str:
    """A sentence or two of Markdown: how it ended, and what to do where it did not converge."""
    result = step.result
    figures = f"{result.evaluations} evaluations, residual {result.residual:.1e}"
    figures += f" for a tolerance of {rtol:.1e}, {step.seconds:.1f} s"
    if not step.done:
        return f"### Solving ...\nA first look: {figures}."
    quality = _gain(step)
    if result.status == Status.CONVERGED:
        wrong = "If it looks wrong all the same, change the blur or the noise that it was told."
        return f"### Converged\n{figures}. {quality or wrong}"
    if result.status == Status.CAP:
        text = "The picture is the best so far."
        return f"### Did not converge\n{figures}. {quality}{text}\n\n**Next:** {_next(result)}"
    text = "Do not use the picture. **Next:** look for values far from black and white in the file,"
    return f"### Diverged\n{figures}. {text} then try more noise, and a smaller kernel."


def refusal(error: Exception) -> str:
    """Why there is no picture: what was raised, as Markdown."""
    return f"### Not restored\n{html.escape(reason_of(error)[:400])}"


def _next(result) -> str:
    steps = result.evaluations
    known = None if result.trace is None else result.trace[np.isfinite(result.trace)]
    more = f"Under *The solve*, raise the cap to {min(MANY, max(20, 2 * steps))}."
    if steps < MANY and known is not None and len(known) < 3:
        return f"these evaluations were too few to tell. {more}"
    falls = known is None or known[-1] < FALLING * known[-1 - max(1, len(known) // 4)]
    if falls and steps < MANY:
        return f"the residual still falls. {more}"
    return (
        "more evaluations will hardly help. Try more noise, check the blur, or allow a larger"
        " tolerance under *The solve*."
    )


def _gain(step) -> str:
    if step.sharp is None:
        return ""
    before, after = quality(step)["psnr"]
    return f"PSNR to the sharp picture: {before:.1f} dB blurred, **{after:.1f} dB** restored. "


def quality(step: Step) -> dict:
    """{metric: (of the blurred, of the restored)} to the sharp picture."""
    photos = (step.sharp, step.blurred, step.result.photo)
    sharp, *pictures = (np.clip(photo.pixels, 0, 1) for photo in photos)
    before, after = (fidelity(sharp, picture) for picture in pictures)
    return {name: (before[name], after[name]) for name in before}


def curve(step: Step, rtol: float):
    """A figure of the residual per evaluation; None where the solve tells none."""
    from matplotlib.figure import Figure

    trace = step.result.trace
    if trace is None or not np.isfinite(trace).any():
        return None
    figure = Figure(figsize=(6, 2.6), layout="constrained")
    axis = figure.subplots()
    residuals(axis, trace, label="residual")
    axis.axhline(max(rtol, 1e-12), color="gray", linestyle="--", label="tolerance")
    axis.set(xlabel="evaluations", ylabel="relative residual")
    axis.legend()
    return figure


def report(step: Step, model, asked, kernel: str) -> dict:
    """All that is known of a restoration, for JSON. `kernel` says in words which."""
    result = step.result
    known = {
        "tf_jfb": __version__,
        "model": None if model.folder is None else "/".join(model.folder.parts[-2:]),
        "kernel": kernel,
        "kernel_size": None if asked.kernel is None else list(asked.kernel.shape),
        "simulated": asked.simulate,
        "noise": asked.noise if model.takes_noise else None,
        "light": asked.light,
        "rtol": asked.rtol,
        "max_evaluations": asked.max_evaluations,
        "ensemble": asked.ensemble,
        "size": list(result.photo.pixels.shape[:2]),
        "status": result.status.name,
        "advice": result.status.advice,
        "evaluations": result.evaluations,
        "residual": result.residual,
        "seconds": round(step.seconds, 3),
    }
    if result.trace is not None:
        known["trace"] = [float(r) for r in result.trace]
    if step.sharp is not None:
        rows = quality(step).items()
        known |= {f"{m}_{w}": v for m, both in rows for w, v in zip(WHICH, both, strict=True)}
    return finite(known)


def files(step: Step, known: dict, folder) -> tuple[str, str]:
    """(the picture, the report) written below `folder`, under names of their own."""
    place = pathlib.Path(tempfile.mkdtemp(dir=folder))
    floating = str(step.result.photo.dtype).startswith("float") or step.result.photo.bits > 16
    picture, text = place / f"restored.{'tif' if floating else 'png'}", place / "report.json"
    write_image(picture, step.result.photo)
    text.write_text(json.dumps(known, indent=1) + "\n")
    return str(picture), str(text)
