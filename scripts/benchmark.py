"""Time tf_jfb on the CPU beside torchdeq, deepinv and the floor that the arithmetic sets.

All solve and train the same map: the gradient step of DE-GRAD with a DnCNN whose normalisations
are folded, and the 5x5 Gaussian blur of std 5, at the same number of evaluations. Each library
runs in its own process; they take turns, and the medians count. The floor is the work of the
convolutions at the rate of a float32 matrix product measured in the same turns. Ratios are
tf_jfb's time over the other's. Memory is each process' peak. A log-log slope of 1 means that time
or memory grows in proportion to the pixels.

With --tolerance, instead: the time that a trained model takes to a relative residual
|T(x) - x| / |T(x)| of test images. tf_jfb is its export, called as users call it; torchdeq's
Anderson solver drives the same T in PyTorch, started at A^T d. Residuals are recomputed by T
after the runs, and a ratio is given only where both reached the tolerance.
"""

import argparse
import json
import os
import sys

import _cli
from benchmarks import driver, parts, report, tolerance

EXAMPLE = """
examples:
  python scripts/benchmark.py --peer-python peers/bin/python --figure benchmark.png
  python scripts/benchmark.py --parts --sizes 128
  python scripts/benchmark.py --tolerance 1e-3 --model saved_models/celeba-g5s5/1 \\
      --path CELEBA --sizes 64 128 --peer-python peers/bin/python
"""


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument(
        "--sizes", type=int, nargs="+", default=[32, 64, 128, 256], help="sides of the images"
    )
    p.add_argument("--modes", nargs="+", choices=driver.MODES, default=driver.MODES, help="both")
    p.add_argument("--batch", type=int, default=4, help="images per step")
    p.add_argument("--depth", type=int, default=17, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=64, help="width of the DnCNN")
    p.add_argument("--lipschitz", type=float, default=1.0, help="bound on every layer; 0: none")
    p.add_argument("--evaluations", type=int, default=10, help="evaluations of T per solve")
    p.add_argument("--threads", type=int, default=2, help="of every library")
    p.add_argument("--runs", type=int, default=5, help="timed runs, of which the median counts")
    p.add_argument("--jit-compile", action="store_true", help="tf_jfb's training step through XLA")
    p.add_argument("--product", type=int, default=2048, help="side of the floor's matrices")
    p.add_argument("--json", action="store_true", help="print the figures as JSON")
    p.add_argument("--figure", help="write a picture of times against sizes here")
    p.add_argument(
        "--parts", action="store_true", help="instead: where tf_jfb's own training step spends it"
    )
    _add_peers(p)
    _add_tolerance(p)
    return p


def _add_peers(p) -> None:
    peers = list(driver.PACKAGES)
    p.add_argument("--peers", nargs="*", choices=peers, default=peers, help="default: both")
    p.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers")
    p.add_argument(
        "--peer-layout",
        choices=("fastest", *driver.LAYOUTS),
        default="fastest",
        help="of the peers' convolutions; by default the faster one, found by trying",
    )


def _add_tolerance(p) -> None:
    p.add_argument(
        "--tolerance", type=float, help="instead: a trained model to this residual, and torchdeq"
    )
    p.add_argument("--model", help="its folder, written by scripts/export.py")
    p.add_argument("--path", help="folder of the images it was trained on; else dead leaves")


def main() -> None:
    args = parser().parse_args()
    _check(args)
    if args.tolerance is not None:
        figures = tolerance.measure(args)
        print(json.dumps(figures) if args.json else tolerance.table(figures))
        return
    if args.parts:
        _cli.import_tensorflow(keep_memory=True)
        figures = {str(size): parts.measure(args, size) for size in args.sizes}
        print(json.dumps(figures) if args.json else parts.table(figures))
        return
    figures = report.summarise(driver.measure(args), args)
    print(json.dumps(figures) if args.json else report.table(figures))
    if args.figure:
        report.draw(figures, args.figure)


def _check(args) -> None:
    """Refuses options out of range before the long work."""
    least = {"batch": 1, "depth": 2, "channels": 1, "lipschitz": 0, "evaluations": 2}
    least |= {"threads": 1, "runs": 1, "product": 1}
    for name, bound in least.items():
        if not getattr(args, name) >= bound:
            raise ValueError(f"--{name} must be >= {bound}. Received: {getattr(args, name)}")
    if min(args.sizes) < 5 or len(set(args.sizes)) < len(args.sizes):
        raise ValueError(f"--sizes must be different and >= 5. Received: {args.sizes}")
    if args.figure and os.path.splitext(args.figure)[1] not in (".pdf", ".png", ".svg"):
        raise ValueError(f"--figure must end in .pdf, .png or .svg. Received: {args.figure}")
    _cli.check_folders(args.figure)
    _check_tolerance(args)


def _check_tolerance(args) -> None:
    """Refuses options that the chosen mode would not read."""
    default = parser().get_default
    if args.tolerance is None:
        unread = ("model", "path")
    else:
        unread = ("depth", "channels", "lipschitz", "evaluations", "jit_compile", "product")
        unread += ("figure", "parts", "modes")
        if not 0 < args.tolerance < 1:
            raise ValueError(f"--tolerance must lie in (0, 1). Received: {args.tolerance}")
        if args.model is None:
            raise ValueError("--tolerance needs --model.")
        if args.peers == ["deepinv"]:
            raise ValueError("--tolerance compares with torchdeq alone. Received: --peers deepinv")
    given = [f"--{n.replace('_', '-')}" for n in unread if getattr(args, n) != default(n)]
    if given:
        mode = "without" if args.tolerance is None else "with"
        raise ValueError(f"Options of no use {mode} --tolerance: {', '.join(given)}.")


if __name__ == "__main__":
    _cli.run(main)
