"""One training, timed: the loop that the libraries share, of NumPy alone.

The problem is one .npz file: `blurred` and `sharp` [N, H, W, C] to train on, `val_blurred` and
`val_sharp`; `kernel_I` [k, k, C_in, C_out], what every network starts from, and `mapped`, T(A^T d)
of `val_blurred` d with them.
"""

import time

import numpy as np


def train(step, restore, config: dict) -> list:
    """{seconds, steps, psnr} about every `every` seconds of training, until there are `seconds`.

    Args:
        step: function of a batch (blurred, sharp) that trains on it, and waits for the end.
        restore: function of blurred images that returns the restored ones, as NumPy arrays.
        config: `problem`, the file; `batch`, `seed`, `seconds`, `every`.

    The first row is before any step. The first step, which may trace or compile, is taken before
    the clock starts; restorations never count.
    """
    with np.load(config["problem"]) as arrays:
        arrays = dict(arrays)
    batches = _batches(arrays["blurred"], arrays["sharp"], config["batch"], config["seed"])

    def row(seconds, steps) -> dict:
        error = np.mean((restore(arrays["val_blurred"]) - arrays["val_sharp"]) ** 2, (1, 2, 3))
        return {"seconds": seconds, "steps": steps, "psnr": float(np.mean(-10 * np.log10(error)))}

    rows, seconds, steps = [row(0.0, 0)], 0.0, 1
    step(*next(batches))
    while seconds < config["seconds"]:
        batch = next(batches)
        start = time.perf_counter()
        step(*batch)
        seconds, steps = seconds + time.perf_counter() - start, steps + 1
        if seconds >= min(len(rows) * config["every"], config["seconds"]):
            rows.append(row(seconds, steps))
    return rows


def _batches(blurred, sharp, size, seed):
    """All pairs in an order of its own each time, forever."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(blurred))
        for i in range(0, len(order) - size + 1, size):
            chosen = order[i : i + size]
            yield blurred[chosen], sharp[chosen]
