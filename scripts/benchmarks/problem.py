"""A trained DE-GRAD and its measurements, in a file that other libraries can rebuild T from.

One SIZE.npz per size: `d` [B, H, W, C]; `kernel_I` [k, k, C_in, C_out] and, of the inner layers,
`bias_I`, with the normalisations folded in; `gain`, `eta` and the blur's `taps`; `rho`, `bound` and
`iterations` of the preconditioner where there is one; and `mapped` = T(A^T d), to check against.
"""

import pathlib

import numpy as np
import tensorflow as tf

from tf_jfb.training import Config, load_config
from tf_jfb.training.build import CONFIG_OF_EXPORT, build_model
from tf_jfb.training.problem import degradation, validation_pairs


def versions() -> dict:
    return {}


def programs(config: dict) -> dict:
    return {"write": lambda: _write(config)}


def build(config: dict) -> tuple:
    """The model with the exported weights, and the `Config` of its data."""
    options = load_config(pathlib.Path(config["model"]) / CONFIG_OF_EXPORT)
    path = config["path"] or options.get("path")
    if path is None:
        options |= {"data": "dead-leaves", "size": max(config["sizes"])}
    elif options.get("data", "dead-leaves") == "dead-leaves":
        raise ValueError(f"--path: the model was trained on dead leaves. Received: {path}")
    options |= {"path": path, "pretrained": None, "initial": config["model"]}
    record = Config(**options)
    return build_model(record), record


def _write(config: dict):
    model, record = build(config)
    for size in config["sizes"]:
        d, _ = validation_pairs(record, degradation(record), config["batch"], size)
        if d.shape[:3] != (config["batch"], size, size):
            raise ValueError(
                "--batch and --sizes must not exceed the images. "
                f"Received: size {size} of images {d.shape}"
            )
        np.savez(pathlib.Path(config["folder"]) / f"{size}.npz", **_arrays(model, d))
    return lambda: None


def _arrays(model, d: np.ndarray) -> dict:
    T = model.problem(d).at
    folds = [conv.fold() for conv in model.network.convs]
    arrays = {
        "d": d,
        "mapped": T(model.operator.adjoint(d)),
        "taps": _taps(model.operator.kernel),
        "gain": model.network.gain,
        "eta": model.eta,
        **{f"kernel_{i}": folded.kernel for i, folded in enumerate(folds)},
        **{f"bias_{i}": folded.bias for i, folded in enumerate(folds) if folded.bias is not None},
    }
    if model.precondition is not None:
        arrays["rho"] = model.precondition
        arrays["bound"] = model.operator.norm_bound(*d.shape[1:])
        arrays["iterations"] = 6  # the default of `Operator.inverse`
    return {name: tf.cast(array, tf.float32).numpy() for name, array in arrays.items()}


def _taps(kernel: np.ndarray) -> np.ndarray:
    """Vector t with t t^T = kernel, for a blur that is its own adjoint."""
    taps = kernel.sum(axis=1) / np.sqrt(kernel.sum())
    own_adjoint = len(taps) % 2 == 1 and np.allclose(taps, taps[::-1])
    if not own_adjoint or not np.allclose(np.outer(taps, taps), kernel):
        raise ValueError("The blur of --model must be a Gaussian of odd size, as gaussian:5:5.0.")
    return taps
