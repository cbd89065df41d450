"""Figures that more than one unit draws."""

import pathlib

import numpy as np

from tf_jfb.metrics import psnr


def pyplot():
    """Matplotlib's pyplot without a display; imported here, since it is slow to import."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def show(axis, image: np.ndarray, title: str, sharp: np.ndarray | None = None) -> None:
    """Draws `image` [H, W, C] in [0, 1] on `axis`, its PSNR below the title if `sharp` is given.

    Of other channels than grey or colour the mean.
    """
    if sharp is not None:
        title += f"\n{float(psnr(sharp[None], image[None])[0]):.2f} dB"
    image = image if image.shape[-1] == 3 else image.mean(-1)
    axis.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1)
    axis.set_title(title)
    axis.axis("off")


def residuals(axis, trace: np.ndarray, **style) -> None:
    """Draws the residual of every evaluation; those that make the start have none, but a shade."""
    from matplotlib.ticker import MaxNLocator

    axis.semilogy(range(1, len(trace) + 1), trace, marker=".", **style)
    known = np.flatnonzero(np.isfinite(trace))
    if len(known) and known[0] > 0:
        axis.axvspan(0.5, known[0] + 0.5, color="0.93", zorder=0)
        middle = (known[0] + 1) / 2
        axis.annotate("start", (middle, 0.5), xycoords=("data", "axes fraction"), ha="center")
    axis.set_xlim(0.5, len(trace) + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)


def image_grid(path, sharp: np.ndarray, methods: dict, details: bool = False) -> pathlib.Path:
    """Writes a figure, one row per image: `sharp` [B, H, W, C], then each of `methods`.

    With `details`, two rows more per image: its most structured part enlarged, and the absolute
    error, 0.1 and above being white.
    """
    plt = pyplot()
    kinds, columns = 3 if details else 1, 1 + len(methods)
    rows = kinds * len(sharp)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.6 * rows), squeeze=False, layout="constrained"
    )
    images = {"sharp": sharp, **methods}
    for i, image in enumerate(sharp):
        part = _detail(image)
        for axis, (name, batch) in zip(axes.T, images.items(), strict=True):
            axis, known = axis[kinds * i : kinds * (i + 1)], None if name == "sharp" else image
            show(axis[0], batch[i], name if known is not None else "sharp\n", known)
            if details:
                show(axis[1], batch[i][part], "")
                error = np.abs(np.clip(batch[i], 0, 1) - image).mean(-1)
                axis[2].imshow(error, cmap="gray", vmin=0, vmax=0.1)
                axis[2].axis("off")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return pathlib.Path(path)


def _detail(image) -> tuple:
    """The quarter of the sides with the largest differences between neighbours, as slices."""
    change = np.abs(np.diff(image, axis=0))[:, :-1] + np.abs(np.diff(image, axis=1))[:-1]
    side = max(1, min(image.shape[:2]) // 4)
    corners = [
        (change[top : top + side, left : left + side].sum(), top, left)
        for top in range(0, image.shape[0] - side + 1, side)
        for left in range(0, image.shape[1] - side + 1, side)
    ]
    _, top, left = max(corners)
    return slice(top, top + side), slice(left, left + side)
