"""Figures of exported models beside the baselines, on the same degraded images."""

import dataclasses
import functools
import pathlib
import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_jfb._plots import image_grid, pyplot
from tf_jfb._types import Status
from tf_jfb._validate import check
from tf_jfb.data.folder import centre
from tf_jfb.evaluation.protocols import PROTOCOLS, Protocol
from tf_jfb.exported.deblur import inputs_of, open_model, solve
from tf_jfb.metrics import psnr, ssim
from tf_jfb.models.baselines import annealed_pnp, pnp, tikhonov, tune, tv, wiener
from tf_jfb.operators import BlurEach, BlurFFT, Frame, Operator
from tf_jfb.operators.frame import scene_of
from tf_jfb.operators.kernels import stretched

# Candidate weights at a noise of 0.005; they rise with the noise.
WEIGHTS = {
    "Wiener": (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3),
    "Tikhonov": (1e-3, 2e-3, 3e-3, 5e-3, 7e-3, 1e-2, 1.5e-2, 2.5e-2),
    "TV": (2e-4, 3e-4, 4e-4, 6e-4, 8e-4, 1.2e-3, 2e-3),
}
# Of the noise of the data to the denoiser's, squared: the same at every noise.
PNP_WEIGHTS = {
    "plug-and-play": (0.5, 0.25, 0.12, 0.06, 0.03, 0.015),
    "annealed plug-and-play": (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6),
}
SHOWN = 3  # images of the figure
EDGE = 16  # pixels of the frame whose PSNR is told where the scene goes on beyond the image
METHODS = {"Wiener": wiener, "Tikhonov": tikhonov, "TV": tv}
PNP_METHODS = {"plug-and-play": pnp, "annealed plug-and-play": annealed_pnp}


class Case(NamedTuple):
    """What the methods are told of a batch."""

    operator: Operator
    kernel: np.ndarray  # [k1, k2]
    noise: float
    boundary: str


def compare(args, denoiser=None) -> dict:
    """PSNR, SSIM and seconds per method; for models also how their solves ended.

    Args:
        args: has the attributes of the options of scripts/evaluate.py. With `figure`, a figure of
            the first images is written there; with `curves`, one of their residuals.
        denoiser: trained network for plug-and-play; default none.

    Returns:
        {noise: {method: {figure: value}}}, the baselines tuned on training images. "difference"
        is the PSNR less that of the first model, "standard error" its own, from the spread of
        the images, each of which counts once, with the mean over its kernels.

    Raises:
        ValueError: an option is outside its range, or a file or folder is not what it should be.
    """
    check(args.images >= 1, "`images` must be >= 1.", images=args.images)
    check(args.tuning >= 1, "`tuning` must be >= 1.", tuning=args.tuning)
    for name in ("kernel_error", "noise_error"):
        factor = getattr(args, name)
        check(0 < factor < 100, f"`{name}` must lie in (0, 100).", **{name: factor})
    check(args.side is None or args.side >= 16, "`side` must be >= 16.", side=args.side)
    protocol = (
        PROTOCOLS[args.protocol]
        if args.protocol
        else Protocol("celeba", (args.blur,), (args.noise,), "zero", 128)
    )
    given = {name: getattr(args, name) for name in ("side", "boundary")}
    protocol = dataclasses.replace(protocol, **{n: v for n, v in given.items() if v is not None})
    check(
        bool(args.model) != protocol.denoising and (denoiser is not None or not protocol.denoising),
        "There must be a `model` to restore with, or to denoise a `denoiser` alone.",
        model=args.model,
        protocol=args.protocol,
    )
    kernels = protocol.kernels(args.kernels)
    models = {name: open_model(path) for name, path in _names(args.model).items()}
    margin = max(map(protocol.margin, kernels.values()))
    images = protocol.source(args.path, "test", margin)
    count = min(args.images, len(images))
    progress = keras.utils.Progbar(count * len(kernels) * len(protocol.noises))
    tables = {}
    for noise in protocol.noises:
        methods = _methods(args, protocol, kernels, noise, denoiser)
        for name, model in models.items():
            methods[name] = functools.partial(_restore, model, args)
        batches = functools.partial(_batches, images, count, protocol, kernels, noise, args)
        if not tables:
            _draw(args, models, methods, next(batches()))
        rows = {name: [] for name in methods}
        for batch in batches():
            for name, method in methods.items():
                rows[name].append(_figures(method, protocol.eight_bits, *batch))
            progress.add(len(batch[0]))
        every = {name: _joined(parts) for name, parts in rows.items()}
        first = every[next(iter(models), "denoiser")]
        tables[noise] = {
            name: {n: float(np.mean(values)) for n, values in figures.items()}
            | _difference(figures, first, count)
            for name, figures in every.items()
        }
    return tables


def _methods(args, protocol, kernels, noise, denoiser) -> dict:
    """{name: method} of all but the models."""
    methods = {"noisy" if protocol.denoising else "blurred": lambda d, case: (d, {})}
    if protocol.denoising:
        return methods | {"denoiser": functools.partial(_denoised, denoiser)}
    if not args.no_baselines:
        methods |= _tuned(args, protocol, kernels, noise, denoiser)
    return methods


def markdown(tables: dict) -> str:
    """`compare` as Markdown tables."""
    return "\n\n".join(f"noise {noise:.4g}\n\n{_table(rows)}" for noise, rows in tables.items())


def _table(rows):
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = ["| method | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in rows.items():
        cells = [f"{row[c]:.4g}" if c in row else "" for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _names(paths) -> dict:
    """{name: path}, the name being the folder's without its version; the path where names meet."""

    def name(path):
        return path.parent.name if path.name.isdigit() else path.name

    folders = [pathlib.Path(path) for path in paths]
    check(len(set(folders)) == len(folders), "`model` must name different models.", model=paths)
    short = [name(folder) for folder in folders]
    return {s if short.count(s) == 1 else str(f): f for s, f in zip(short, folders, strict=True)}


def _batches(images, count, protocol, kernels, noise, args):
    """(sharp, degraded, Case) with seeded noise, `args.batch` images of one kernel at a time.

    The methods are told a kernel `args.kernel_error` times as wide as the one that blurred, and
    `args.noise_error` times the noise.
    """
    rng = np.random.default_rng([args.seed, 4])
    size = args.batch if protocol.side else 1  # whole images may differ in size
    for kernel in kernels.values():
        told = kernel if args.kernel_error == 1 else stretched(kernel, args.kernel_error)
        case = Case(protocol.operator(told), told, noise * args.noise_error, protocol.boundary)
        for first in range(0, count, size):
            shown = range(first, min(first + size, count))
            sharp, d = _blurred(images, shown, protocol, protocol.operator(kernel), kernel)
            if protocol.own_seed is None:
                unit = rng.standard_normal(sharp.shape, np.float32)
            else:
                one = np.random.RandomState(protocol.own_seed).standard_normal(sharp.shape[1:])
                unit = np.broadcast_to(one.astype(np.float32), sharp.shape)
            yield sharp, d + np.float32(noise) * unit, case


def _blurred(images, indices, protocol, blur, kernel) -> tuple:
    """(sharp, blurred) without the margin of the boundary "photo"."""
    margin = protocol.margin(kernel)
    wide = [images[i] for i in indices]
    if protocol.side is not None:
        wide = [centre(image, protocol.side + 2 * margin) for image in wide]
    wide = np.stack(wide)
    inner = (slice(None), *(slice(margin, size - margin) for size in wide.shape[1:3]))
    blurred = blur(wide).numpy()[inner]
    return wide[inner], _rounded(blurred) if protocol.eight_bits else blurred


def _rounded(images):
    """To 8 bits."""
    return np.round(np.clip(images, 0.0, 1.0) * 255.0).astype(np.float32) / np.float32(255.0)


def _tuned(args, protocol, kernels, noise, denoiser) -> dict:
    """The baselines at the weight that is best on the first training images.

    Of several kernels, every image has the next one.
    """
    if protocol.boundary == "photo":  # the weights are those of images that wrap around
        protocol = dataclasses.replace(protocol, boundary="circular")
    protocol = dataclasses.replace(protocol, side=protocol.side or 256)
    images = protocol.source(args.tuning_path or args.path, "train")
    count = min(args.tuning, len(images))
    known = _of_one_size(list(kernels.values()))
    if len(kernels) == 1:
        operator = protocol.operator(known[0])
    else:
        operator = BlurEach(np.stack([known[i % len(known)] for i in range(count)]))
    sharp, d = _blurred(images, range(count), protocol, operator, known[0])
    unit = np.random.default_rng([args.seed + 1, 4]).standard_normal(sharp.shape, np.float32)
    d = d + np.float32(noise) * unit
    scaled = {n: [w * noise / 0.005 for w in weights] for n, weights in WEIGHTS.items()}
    methods = METHODS
    if denoiser is not None:
        told = {"network": denoiser, "noise": noise}
        names = PNP_METHODS if denoiser.conditional else ("plug-and-play",)
        methods = METHODS | {n: functools.partial(PNP_METHODS[n], **told) for n in names}
        scaled |= PNP_WEIGHTS
    best = {n: tune(method, d, sharp, operator, scaled[n]) for n, method in methods.items()}
    return {n: functools.partial(_baseline, methods[n], w) for n, w in best.items()}


def _baseline(method, weight, d, case):
    operator, (height, width) = case.operator, d.shape[1:3]
    if case.boundary == "photo":
        d, seen = scene_of(tf.constant(d, tf.float32), case.kernel.shape)
        operator = Frame(BlurFFT(case.kernel), seen)
    restored = method(d, operator, weight).numpy()[:, :height, :width]
    return restored, {"weight": np.full(len(d), weight)}


def _denoised(network, d, case):
    image = tf.constant(d, tf.float32)
    told = (tf.fill([len(d)], np.float32(case.noise)),) if network.conditional else ()
    return (image - network(image, *told)).numpy(), {}


def _of_one_size(kernels) -> list:
    """Padded with zeros about their origins, index size // 2."""
    size = max(max(kernel.shape) for kernel in kernels)
    size += 1 - size % 2
    padded = []
    for kernel in kernels:
        before = [size // 2 - k // 2 for k in kernel.shape]
        after = [size - k - b for k, b in zip(kernel.shape, before, strict=True)]
        padded.append(np.pad(kernel, list(zip(before, after, strict=True))).astype(np.float32))
    return padded


def _restore(model, args, d, case):
    photo = case.boundary != "circular"
    out = solve(model, _inputs(model, d, case), args.rtol, args.max_evaluations, photo)
    return out["restored"], {
        "evaluations": out["evaluations"],
        "residual": out["residual"],
        "converged": out["status"] == Status.CONVERGED,
        "diverged": out["status"] == Status.DIVERGED,
    }


def _inputs(model, d, case) -> dict:
    """`d` as the model takes it."""
    names = inputs_of(model)
    inputs = {}
    if "kernel" in names:
        kernel = (case.kernel / case.kernel.sum()).astype(np.float32)
        inputs["kernel"] = tf.constant(np.repeat(kernel[None], len(d), 0))
    if "noise" in names:
        inputs["noise"] = tf.fill([len(d)], np.float32(case.noise))
    return {"image": tf.constant(d, tf.float32), **inputs}


def _trace(model, d, case) -> np.ndarray:
    """Relative residual of every evaluation, [B, evaluations], NaN once an image stopped."""
    photo = case.boundary != "circular"
    return solve(model, _inputs(model, d, case), photo=photo, trace=True)["trace"]


def _draw(args, models, methods, batch) -> None:
    """The figures that `args` ask for, of the first images."""
    sharp, d, case = batch
    if args.figure:
        shown = {name: method(d, case)[0][:SHOWN] for name, method in methods.items()}
        image_grid(args.figure, sharp[:SHOWN], shown, details=True)
    if args.curves:
        _plot_traces(args.curves, {name: _trace(m, d, case) for name, m in models.items()})


def _plot_traces(path, traces) -> None:
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for i, (name, trace) in enumerate(traces.items()):
        for j, row in enumerate(trace):
            steps = range(1, len(row) + 1)
            label = name if j == 0 else None
            axis.semilogy(steps, row, color=f"C{i}", lw=1, marker=".", ms=3, label=label)
    axis.set(xlabel="evaluations of T", ylabel="relative residual |T(x) - x| / |T(x)|")
    axis.set_title("Solves of the first images")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _figures(method, eight_bits, sharp, d, case) -> dict:
    start = time.perf_counter()
    restored, extra = method(d, case)
    seconds = (time.perf_counter() - start) / len(d)
    restored = _rounded(restored) if eight_bits else np.clip(restored, 0.0, 1.0)
    if case.boundary == "photo":
        extra = {"psnr of the edge": _edge_psnr(sharp, restored), **extra}
    return {
        "psnr": psnr(sharp, restored).numpy(),
        "ssim": ssim(sharp, restored).numpy(),
        "seconds": np.full(len(sharp), seconds),
        **extra,
    }


def _edge_psnr(sharp, restored):
    """That of the outermost EDGE pixels on every side."""
    error = np.square(sharp - restored)
    error[:, EDGE:-EDGE, EDGE:-EDGE] = np.nan
    return -10.0 * np.log10(np.nanmean(error, axis=(1, 2, 3)))


def _joined(parts) -> dict:
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _difference(figures, first, images) -> dict:
    """Of `figures` from those of the first model, kernel by kernel; nothing for that model."""
    if figures is first:
        return {}
    difference = np.reshape(figures["psnr"] - first["psnr"], [-1, images]).mean(0)
    error = {"standard error": float(difference.std(ddof=1) / images**0.5)} if images > 1 else {}
    return {"difference": float(difference.mean()), **error}
