"""Figures that training and serving share."""

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
    """Draws `image` [H, W, C] in [0, 1] on `axis`, its PSNR below the title if `sharp` is given."""
    if sharp is not None:
        title += f"\n{float(psnr(sharp[None], image[None])[0]):.2f} dB"
    axis.imshow(np.clip(image, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
    axis.set_title(title)
    axis.axis("off")


def image_grid(path, sharp: np.ndarray, methods: dict) -> pathlib.Path:
    """Writes a figure, one row per image: `sharp` [B, H, W, C], then each of `methods`."""
    plt = pyplot()
    rows, columns = len(sharp), 1 + len(methods)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.8 * rows), squeeze=False, layout="constrained"
    )
    for i, row in enumerate(axes):
        show(row[0], sharp[i], "sharp\n")
        for axis, (name, images) in zip(row[1:], methods.items(), strict=True):
            show(axis, np.clip(images[i], 0, 1), name, sharp[i])
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return pathlib.Path(path)
