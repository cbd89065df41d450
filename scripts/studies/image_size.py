"""One model on images of 16 to 1024 pixels: quality, evaluations, time, memory and gradient."""

import argparse
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept

EXAMPLE = """
examples:
  python scripts/studies/image_size.py --sizes 16 32 64 128 --output runs/image_size
  python scripts/studies/image_size.py --sizes 16 32 64 128 256 512 1024 --exact 128
"""
SHOWN = {
    "psnr": "PSNR (dB)",
    "evaluations": "evaluations",
    "converged": "converged",
    "seconds": "seconds per megapixel and evaluation",
    "mib": "peak memory (MiB)",
    "cosine": "JFB's cosine to exact",
    "radius": "radius of J",
}


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    add = p.add_argument
    add("--model", default="saved_models/celeba-g5s5/1", help="export or run folder (%(default)s)")
    add("--sizes", type=int, nargs="+", default=[16, 32, 64, 128], help="sides of the images")
    add("--pixels", type=int, default=1 << 16, help="of a size, in at least four images")
    add("--exact", type=int, default=64, help="largest side with an exact gradient (%(default)s)")
    add("--rtol", type=float, default=1e-4, help="of the restorations (%(default)s)")
    add("--seed", type=int, default=0, help="of images and noise")
    add("--output", default="runs/image_size", help="folder for results and figure")
    add("--one", metavar="SIZE", help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        print(json.dumps(measure(args, int(args.one))))
        return
    folder = pathlib.Path(args.output)
    names = ("model", "pixels", "exact", "rtol", "seed")
    asked = {name: getattr(args, name) for name in names}
    found = _kept.measured(folder, asked, [(size,) for size in args.sizes])
    chosen = {size: row for (size,), row in found.items()}
    print(table(chosen))
    draw(chosen, folder / "image_size.png")


def measure(args, size: int) -> dict:
    """Restorations of dead leaves, and what one exact gradient says of JFB's."""
    import resource
    import time

    _cli.import_tensorflow(keep_memory=True)
    import numpy as np

    from tf_jfb import Status
    from tf_jfb.diagnostics import audit_gradient
    from tf_jfb.metrics import psnr
    from tf_jfb.training import load_run

    model = load_run(args.model)
    count = max(4, args.pixels // size**2)
    d, sharp = batch(args, model, size, count)
    few = max(1, min(count, args.pixels // size**2))  # at once, that memory is that of the size
    scores, evaluations, status, seconds = [], [], [], 0.0
    model.restore(d[:few], rtol=args.rtol, max_evaluations=1)  # traced
    for first in range(0, count, few):
        part = slice(first, first + few)
        start = time.perf_counter()
        result = model.restore(d[part], rtol=args.rtol, max_evaluations=200)
        evaluations += result.evaluations.numpy().tolist()
        seconds += (time.perf_counter() - start) / max(evaluations[first:])
        scores += psnr(result.image, sharp[part]).numpy().tolist()
        status += (result.status.numpy() == Status.CONVERGED).tolist()
    row = {
        "psnr": float(np.mean(scores)),
        "psnr_error": float(np.std(scores, ddof=1) / math.sqrt(count)),
        "evaluations": float(np.mean(evaluations)),
        "converged": float(np.mean(status)),
        "seconds": seconds / (count * size**2 / 1e6),
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if size <= args.exact:
        model.compile()
        report = audit_gradient(model, (d[:4], sharp[:4]), rtol=1e-5, max_evaluations=300)
        row["cosine"] = float(report.cosine["jfb"]["all"])
        row["radius"] = float(np.max(report.spectral_radius))
    return row


def batch(args, model, size: int, count: int) -> tuple:
    """(measured, sharp): dead leaves in the model's own blur, with the noise it was trained on."""
    import numpy as np

    from tf_jfb import data
    from tf_jfb.training.build import config_of

    source = data.DeadLeaves(count, size, seed=1_000_003 + args.seed)
    sharp = np.stack([source[i] for i in range(count)])
    noise = np.random.default_rng(args.seed).standard_normal(sharp.shape)
    return model.operator(sharp).numpy() + np.float32(config_of(args.model).noise * noise), sharp


def table(results: dict) -> str:
    """A row for every size, as Markdown."""
    lines = [f"| side | {' | '.join(SHOWN.values())} |", "|---" * (len(SHOWN) + 1) + "|"]
    for size, row in results.items():
        cells = {name: f"{row[name]:.3g}" if name in row else "" for name in SHOWN}
        cells |= {"psnr": f"{row['psnr']:.2f} ± {row['psnr_error']:.2f}"}
        cells |= {"converged": f"{row['converged']:.0%}", "mib": f"{row['mib']:.0f}"}
        lines.append(f"| {size} | {' | '.join(cells.values())} |")
    return "\n".join(lines)


def draw(results: dict, path) -> None:
    """Four figures against the side."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained")
    for axis, name in zip(axes, ("psnr", "evaluations", "mib", "cosine"), strict=True):
        found = {size: row[name] for size, row in results.items() if name in row}
        axis.plot(list(found), list(found.values()), "o-")
        axis.set_xscale("log", base=2)
        axis.set(xlabel="side (pixels)", title=SHOWN[name])
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
