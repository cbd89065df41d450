"""Figures of a method on a batch, and their means."""

import time

import numpy as np

from tf_jfb.evaluation.tellings import to_eight_bits
from tf_jfb.metrics import psnr, ssim

EDGE = 16  # pixels of the frame whose PSNR is told where the scene goes on beyond the image


class Clock:
    """Runs methods, the first time for images of a size after a warm-up: tracing is not timed."""

    def __init__(self):
        self._warm = set()

    def run(self, name, method, d, case) -> tuple:
        """(restored, figures per image, seconds per image)."""
        # A blur with black surroundings is part of its trace; other kernels are arguments of it.
        own = case.kernel.tobytes() if case.boundary == "zero" else None
        key = (name, d.shape, case.kernel.shape, own)
        if key not in self._warm:
            method.warm_up(d, case)
            self._warm.add(key)
        start = time.perf_counter()
        restored, extra = method(case.given(d), case)
        return case.stored(restored), extra, (time.perf_counter() - start) / len(d)


def measured(clock: Clock, name, method, eight_bits: bool, sharp, d, case) -> dict:
    """{figure: [B]} of a method."""
    restored, extra, seconds = clock.run(name, method, d, case)
    restored = to_eight_bits(restored) if eight_bits else np.clip(restored, 0.0, 1.0)
    if case.boundary == "photo":
        extra = {"psnr of the edge": edge_psnr(sharp, restored), **extra}
    return {
        "psnr": psnr(sharp, restored).numpy(),
        "ssim": ssim(sharp, restored).numpy(),
        "seconds": np.full(len(sharp), seconds),
        **extra,
    }


def edge_psnr(sharp, restored) -> np.ndarray:
    """That of the outermost EDGE pixels on every side, [B]."""
    error = np.square(sharp - restored)
    error[:, EDGE:-EDGE, EDGE:-EDGE] = np.nan
    return -10.0 * np.log10(np.nanmean(error, axis=(1, 2, 3)))


def joined(parts) -> dict:
    """The figures of batches as those of all images."""
    return {name: np.concatenate([np.asarray(p[name]) for p in parts]) for name in parts[0]}


def table(figures: dict, first: str, images: int) -> dict:
    """{method: {figure: mean}}, and the differences from the method `first`.

    Args:
        figures: {method: {figure: [kernels * images]}}, all images of a kernel after another's.
        first: name of a method.
        images: their number.
    """
    return {
        name: {n: float(np.mean(values)) for n, values in own.items()}
        | difference(own, figures[first], images)
        for name, own in figures.items()
    }


def difference(figures, first, images: int) -> dict:
    """Of `figures` from those of the first model, kernel by kernel; nothing for that model."""
    if figures is first:
        return {}
    gain = np.reshape(figures["psnr"] - first["psnr"], [-1, images]).mean(0)
    error = {"standard error": float(gain.std(ddof=1) / images**0.5)} if images > 1 else {}
    return {"difference": float(gain.mean()), **error}
