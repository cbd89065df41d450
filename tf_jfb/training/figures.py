"""Figures of a training."""

import csv
import pathlib

import numpy as np

from tf_jfb._plots import image_grid, pyplot

SHOWN = 3  # validation images


def plot_log(run) -> pathlib.Path:
    """Validation PSNR and share of converged images per epoch, as `run`/log.png."""
    plt, run = pyplot(), pathlib.Path(run)
    with open(run / "log.csv") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    epochs = [row["epoch"] for row in rows]
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    axis.plot(epochs, [row["val_psnr"] for row in rows], marker=".", label="validation PSNR")
    axis.set(xlabel="epoch", ylabel="validation PSNR (dB)", title="Training progress")
    if "val_converged" in rows[0]:
        right = axis.twinx()
        right.plot(
            epochs, [100 * row["val_converged"] for row in rows], color="tab:orange", ls="--"
        )
        right.set(ylabel="converged images (%, dashed)", ylim=(-3, 103))
    axis.grid(alpha=0.3)
    figure.savefig(run / "log.png", dpi=120)
    plt.close(figure)
    return run / "log.png"


def plot_residuals(traces: np.ndarray) -> np.ndarray:
    """Residual per evaluation of every image, [B, evaluations] with NaN: a picture [h, w, 3]."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for i, trace in enumerate(traces):
        axis.semilogy(range(1, len(trace) + 1), trace, marker=".", label=f"image {i}")
    axis.set(xlabel="evaluations of T", ylabel="relative residual")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    plt.close(figure)
    return picture


def plot_restored(run, model, pairs) -> pathlib.Path:
    """Images, (degraded, sharp), and what `model` makes of them, as `run`/restored.png."""
    degraded, sharp = pairs
    restored = model.predict(degraded, verbose=0)
    seen = degraded["image"] if isinstance(degraded, dict) else degraded
    methods = {"input": seen, "restored": restored}
    return image_grid(pathlib.Path(run) / "restored.png", sharp, methods)
