"""Memory of one training step by batch and image size: JFB, the exact gradient, unrolled steps.

Every figure is the peak of a process of its own. A line through the figures of a gradient tells the
pixels at which a step no longer fits; cases that by this line would not fit are left out.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept

EXAMPLE = """
examples:
  python scripts/studies/memory.py --depth 5 --channels 24 --output runs/memory-small
  python scripts/studies/memory.py --sizes 64 128 256 512 --batches 1 4 16 --most 20
"""


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    add = p.add_argument
    add("--gradients", nargs="+", default=["jfb", "implicit", "unrolled:10"], help="by name")
    add("--sizes", type=int, nargs="+", default=[64, 128, 256], help="sides of the images")
    add("--batches", type=int, nargs="+", default=[1, 4], help="images per step")
    add("--depth", type=int, default=17, help="convolutions of the DnCNN (%(default)s)")
    add("--channels", type=int, default=64, help="width of the DnCNN (%(default)s)")
    add("--evaluations", type=int, default=7, help="of a solve: they fill Anderson's history")
    add("--most", type=float, default=8, help="GiB that a case may take (%(default)s)")
    add("--limit", type=float, default=24, help="GiB of the machine asked about (%(default)s)")
    add("--output", default="runs/memory", help="folder for results and figure")
    add("--one", nargs=3, metavar=("GRADIENT", "SIZE", "BATCH"), help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        print(json.dumps(measure(args, args.one[0], int(args.one[1]), int(args.one[2]))))
        return
    folder, results = pathlib.Path(args.output), {}
    asked = {name: getattr(args, name) for name in ("depth", "channels", "evaluations")}
    shapes = sorted(((s, b) for s in args.sizes for b in args.batches), key=pixels)
    for gradient in args.gradients:
        rows = results[gradient] = {}
        for shape in shapes:
            if fits(rows, shape, args.most):
                case = (gradient, *shape)
                rows[shape] = _kept.measured(folder, asked, [case])[case]["mib"]
    print(table(results, shapes, args.limit))
    draw(results, args.limit, folder / "memory.png")


def measure(args, gradient: str, size: int, batch: int) -> dict:
    """Peak memory of two training steps of the paper's model with solves of so many evaluations."""
    import resource

    _cli.import_tensorflow(keep_memory=True)
    import dataclasses

    import keras
    import numpy as np

    from tf_jfb import gradients, models, networks, operators, solvers

    solver = solvers.Anderson(rtol=0.0, m=5, max_evaluations=args.evaluations)
    estimator = gradients.named(gradient)
    if isinstance(estimator, gradients.Implicit):  # as many products as evaluations
        estimator = dataclasses.replace(estimator, solver=solver)
    network = networks.DnCNN(args.depth, args.channels, 1.0, gain=0.05)
    model = models.DEGrad(operators.GaussianBlur(5, 5.0), network, solver, gradient=estimator)
    model.compile(keras.optimizers.Adam(1e-4), metrics=[])
    sharp = np.random.default_rng(0).random([batch, size, size, 3], np.float32)
    blurred = model.operator(sharp).numpy()
    for _ in range(2):
        model.train_on_batch(blurred, sharp)
    return {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def pixels(shape) -> int:
    size, batch = shape
    return batch * size**2


def fits(rows: dict, shape, gib: float) -> bool:
    """Whether a case takes so much at most, as far as the cases before tell."""
    through = line(rows)
    return through is None or through[0] + through[1] * pixels(shape) <= 1024 * gib


def line(rows: dict) -> tuple | None:
    """(MiB at no pixels, MiB per pixel) by least squares; None where too few cases tell it.

    The smallest cases take what any process takes, whatever their pixels.
    """
    import numpy as np

    if len({pixels(shape) for shape in rows}) < 3:
        return None
    slope, fixed = np.polyfit([pixels(s) for s in rows], list(rows.values()), 1)
    return (float(fixed), float(slope)) if slope > 0 else None


def table(results: dict, shapes, limit: float) -> str:
    """MiB of every case, and the side of the square images of which 1 or 4 fill the limit."""
    lines = [f"| images | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]
    for shape in shapes:
        cells = [f"{rows[shape]:.0f}" if shape in rows else "" for rows in results.values()]
        lines.append(f"| {shape[1]} x {shape[0]}² | {' | '.join(cells)} |")
    ends = [line(rows) for rows in results.values()]
    slopes = ["" if end is None else f"{1e6 * end[1]:.0f}" for end in ends]
    lines.append(f"| MiB per megapixel | {' | '.join(slopes)} |")
    for count in (1, 4):
        cells = ["" if end is None else f"{filling(end, limit, count):.0f}" for end in ends]
        lines.append(f"| side of {count} that fill {limit:g} GiB | {' | '.join(cells)} |")
    return "\n".join(lines)


def filling(end: tuple, limit: float, count: int) -> float:
    """The side of `count` square images that take so many GiB."""
    fixed, slope = end
    return ((1024 * limit - fixed) / slope / count) ** 0.5


def draw(results: dict, limit: float, path) -> None:
    """Memory against pixels, with each gradient's line drawn to the limit."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for i, (gradient, rows) in enumerate(results.items()):
        end, found = line(rows), [pixels(shape) for shape in rows]
        axis.plot(found, [mib / 1024 for mib in rows.values()], f"C{i}o", label=gradient)
        if end is None:
            continue
        (fixed, slope), last = end, filling(end, limit, 1) ** 2
        along = [min(found) * (last / min(found)) ** (k / 50) for k in range(51)]
        axis.plot(along, [(fixed + slope * n) / 1024 for n in along], f"C{i}--", lw=1)
    axis.axhline(limit, color="0.5", lw=1)
    axis.set(xscale="log", yscale="log", xlabel="pixels of a batch", ylabel="peak memory (GiB)")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
