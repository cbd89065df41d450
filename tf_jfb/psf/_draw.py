"""A picture of a kernel."""

import pathlib

import numpy as np

from tf_jfb._plots import pyplot
from tf_jfb.operators.kernels import check_kernel
from tf_jfb.psf._check import PASSES, transfer

DEPTH = 1e-5  # of the peak: the least that the profiles show


def draw(path, kernel, title: str = "") -> pathlib.Path:
    """Writes a figure: the kernel, its profiles through the origin, what it leaves of frequencies.

    Raises ValueError if the kernel is not 2-D, finite and of positive sum.
    """
    array = check_kernel(kernel)
    array = array / array.sum()
    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.7), layout="constrained")
    _image(figure, axes[0], array)
    _profiles(axes[1], array)
    _transfer(axes[2], array)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return pathlib.Path(path)


def _image(figure, axis, k):
    (top, left), (rows, columns) = (n // 2 for n in k.shape), k.shape
    edges = (-left - 0.5, columns - left - 0.5, rows - top - 0.5, -top - 0.5)
    shown = axis.imshow(k / k.max(), cmap="magma", extent=edges, vmin=min(0.0, k.min() / k.max()))
    axis.plot(0, 0, "+", color="tab:cyan")
    axis.set(
        title=f"kernel, {rows} x {columns}, to its peak",
        xlabel="columns from the origin (+)",
        ylabel="rows from it",
    )
    figure.colorbar(shown, ax=axis)


def _profiles(axis, k):
    top, left = (n // 2 for n in k.shape)
    lines = {"along its row": (k[top], left), "along its column": (k[:, left], top)}
    for (name, (values, origin)), style in zip(lines.items(), ("-", "--"), strict=True):
        axis.plot(np.arange(len(values)) - origin, values / k.max(), style, label=name, marker=".")
    axis.set(title="profiles through the origin", xlabel="pixels", ylabel="to its peak")
    axis.set_yscale("log")
    axis.set_ylim(DEPTH, 1.5)
    axis.legend()
    axis.grid(alpha=0.3)


def _transfer(axis, k):
    frequencies, mean, least, greatest = transfer(k)
    axis.fill_between(frequencies, least, greatest, alpha=0.25, label="over directions")
    axis.plot(frequencies, mean, label="mean")
    axis.axhline(PASSES, color="grey", linewidth=0.8, linestyle=":", label="guessed below")
    axis.set(title="what is left of details", xlabel="cycles per pixel", ylabel="magnitude")
    axis.set(xlim=(0, 0.5), ylim=(0, 1.02))
    axis.legend()
    axis.grid(alpha=0.3)
