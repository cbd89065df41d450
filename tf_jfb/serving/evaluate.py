"""Figures of an exported model beside the baselines, on the same degraded images."""

import time

import keras
import numpy as np
import tensorflow as tf

from tf_jfb import data
from tf_jfb._plots import image_grid
from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.metrics import psnr, ssim
from tf_jfb.models.baselines import tikhonov, tune, tv
from tf_jfb.operators import Blur, kernels
from tf_jfb.serving.deblur import load_model

WEIGHTS = {
    "Tikhonov": (2e-3, 3e-3, 5e-3, 7e-3, 1e-2, 1.5e-2),
    "TV": (3e-4, 4e-4, 6e-4, 8e-4, 1e-3),
}
SHOWN = 4  # images of the figure
METHODS = {"Tikhonov": tikhonov, "TV": tv}


def compare(args) -> dict:
    """PSNR, SSIM and seconds per method; for the model also how its solves ended.

    `args` has the attributes of the options of scripts/evaluate.py. Baselines are tuned on
    training images. Returns {method: {figure: value}}. With `args.figure`, writes a figure of the
    first images there.
    """
    check(args.images >= 1, "`images` must be >= 1.", images=args.images)
    operator, model = Blur(kernels.parse(args.blur)), load_model(args.model)
    methods = {"blurred": lambda d: (d, {})}
    if not args.no_baselines:
        methods |= _tuned(args, operator)
    methods["model"] = lambda d: _restore(model, d, args)
    rows = {name: [] for name in methods}
    shown, progress = {}, keras.utils.Progbar(args.images)
    for sharp, d in _batches(_source(args, "test"), args.images, operator, args, args.seed):
        for name, method in methods.items():
            start = time.perf_counter()
            restored, extra = method(d)
            seconds = (time.perf_counter() - start) / len(d)
            restored = shown[name] = np.clip(restored, 0.0, 1.0)
            values = {
                "psnr": psnr(sharp, restored).numpy(),
                "ssim": ssim(sharp, restored).numpy(),
                "seconds": np.full(len(d), seconds),
                **extra,
            }
            rows[name].append(values)
        if args.figure and len(rows["model"]) == 1:
            image_grid(args.figure, sharp[:SHOWN], shown)
        progress.add(len(d))
    return {name: _mean(parts) for name, parts in rows.items()}


def markdown(table: dict) -> str:
    """`compare` as a Markdown table."""
    columns = list(table["model"])
    lines = ["| method | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in table.items():
        cells = [f"{row[c]:.4g}" if c in row else "" for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _source(args, split):
    if args.path is None:
        return data.DeadLeaves(10_000, 128, seed=0 if split == "train" else 1_000_003)
    return data.celeba(args.path, split)


def _batches(source, count, operator, args, seed):
    """(sharp, degraded) with seeded noise, `args.batch` at a time."""
    rng = np.random.default_rng([seed, 4])
    for first in range(0, min(count, len(source)), args.batch):
        last = min(first + args.batch, count, len(source))
        sharp = np.stack([source[i] for i in range(first, last)])
        noise = np.float32(args.noise) * rng.standard_normal(sharp.shape, np.float32)
        yield sharp, operator(sharp).numpy() + noise


def _tuned(args, operator) -> dict:
    """The baselines at the weight that is best on the first training images."""
    pairs = list(_batches(_source(args, "train"), args.tuning, operator, args, args.seed + 1))
    sharp, d = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    methods = {}
    for name, method in METHODS.items():
        weight = tune(method, d, sharp, operator, WEIGHTS[name])
        methods[name] = lambda d, method=method, weight=weight: (
            method(d, operator, weight).numpy(),
            {"weight": np.full(len(d), weight)},
        )
    return methods


def _restore(model, d, args):
    rtol = model.rtol if args.rtol is None else tf.constant(args.rtol)
    cap = model.max_evaluations if args.max_evaluations is None else args.max_evaluations
    out = model.signatures["restore"](
        image=tf.constant(d, tf.float32),
        rtol=tf.convert_to_tensor(rtol),
        max_evaluations=tf.convert_to_tensor(cap),
    )
    out = {name: tensor.numpy() for name, tensor in out.items()}
    return out["restored"], {
        "evaluations": out["evaluations"],
        "residual": out["residual"],
        "converged": out["status"] == Status.CONVERGED,
        "diverged": out["status"] == Status.DIVERGED,
    }


def _mean(parts) -> dict:
    return {name: float(np.mean(np.concatenate([p[name] for p in parts]))) for name in parts[0]}
