"""The mean of an image's restorations, each of the image turned and mirrored another way.

A network is not the same for a scene that lies on its side: what the results have in common is the
scene, and what differs averages out. Source: Timofte, Rothe and Van Gool (2016), "Seven ways to
improve example-based single image super resolution".
"""

import numpy as np

from tf_jfb._validate import check, is_integer
from tf_jfb.operators import kernels

ENSEMBLES = (1, 2, 4, 8)  # all turns by 90 degrees from 4 on, mirrored too with 8
WORST = ("evaluations", "residual", "status")
_TURNED = ("image", "mask", "kernel")  # [B, rows, columns, ...]


def check_ensemble(ensemble, model=None) -> None:
    """Raises ValueError if it is none of ENSEMBLES, or the model's one blur changes when turned.

    Without a `model` only the first is looked at.
    """
    good = is_integer(ensemble) and ensemble in ENSEMBLES
    check(good, "`ensemble` must be 1, 2, 4 or 8.", ensemble=ensemble)
    check(
        ensemble == 1 or model is None or model.takes_kernel or _symmetric(model.blur),
        "`ensemble` must be 1: the model was made for one blur, which is not known to be the same "
        "when it is turned and mirrored.",
        ensemble=ensemble,
    )


def averaged(run, inputs: dict, ensemble: int, trace: bool) -> dict:
    """What `run(inputs, trace)` returns, `restored` being the mean over so many turns of `inputs`.

    Of every image the most evaluations, the largest residual and the worst status; a trace is that
    of the image as it lies.
    """
    if "kernel" in inputs:
        inputs = inputs | {"kernel": _odd(inputs["kernel"], inputs["image"].shape)}
    whole = run(inputs, trace)
    for number in range(1, ensemble):
        out = run(_all_turned(inputs, number), False)
        whole["restored"] = whole["restored"] + _turned_back(out["restored"], number)
        whole |= {name: np.maximum(whole[name], out[name]) for name in WORST}
    return whole | {"restored": whole["restored"] / np.float32(ensemble)}


def _all_turned(inputs, number) -> dict:
    turned = {n: _turned(v, number) for n, v in inputs.items() if n in _TURNED}
    return inputs | turned


def _turned(array, number) -> np.ndarray:
    """By 90 degrees `number` times; from 4 on mirrored after that."""
    array = np.rot90(array, number % 4, axes=(1, 2))
    return np.ascontiguousarray(np.flip(array, axis=2) if number >= 4 else array)


def _turned_back(array, number) -> np.ndarray:
    array = np.flip(array, axis=2) if number >= 4 else array
    return np.rot90(array, -number % 4, axes=(1, 2))


def _odd(kernel, shape) -> np.ndarray:
    """Of odd sides, for a turn would move the origin, index size // 2, of even ones."""
    sides = [side + 1 - side % 2 for side in kernel.shape[1:]]
    check(
        all(k <= n for k, n in zip(sides, shape[1:3], strict=True)),
        "`kernel` of an even side must be smaller than the image for an `ensemble`.",
        kernel=kernel.shape[1:],
        image=tuple(shape[1:3]),
    )
    return np.stack([kernels.padded(one, sides) for one in kernel])


def _symmetric(blur) -> bool:
    """Whether the blur that a model was made for is known to be the same however it is turned."""
    if blur is None:
        return False
    kernel = blur[None]
    odd = all(side % 2 for side in kernel.shape[1:]) and kernel.shape[1] == kernel.shape[2]
    return odd and all(np.allclose(_turned(kernel, n), kernel) for n in range(8))
