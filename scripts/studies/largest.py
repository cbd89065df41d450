"""Time and peak memory of restoring one large image, in a process of its own."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
example:
  python scripts/studies/largest.py --sizes 1024 2048
"""


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--sizes", type=int, nargs="+", default=[2048], help="sides of the image")
    p.add_argument("--depth", type=int, default=17, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=64, help="width of the DnCNN")
    p.add_argument("--evaluations", type=int, default=7, help="enough to fill Anderson's history")
    p.add_argument("--one", metavar="SIZE", help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        import json

        print(json.dumps(measure(args, int(args.one))))
        return
    print("| side | evaluations | seconds | peak memory (MiB) |\n|---|---|---|---|")
    for size in args.sizes:
        row = _cli.run_alone(size)
        print(f"| {size} | {row['evaluations']} | {row['seconds']:.0f} | {row['mib']:.0f} |")


def measure(args, size: int) -> dict:
    import resource
    import time

    _cli.import_tensorflow()
    import tensorflow as tf

    import tf_jfb

    network = tf_jfb.networks.DnCNN(args.depth, args.channels, 1.0, gain=0.05)
    solver = tf_jfb.solvers.Anderson(rtol=0.0, max_evaluations=args.evaluations)
    model = tf_jfb.models.DEGrad(tf_jfb.operators.GaussianBlur(5, 5.0), network, solver)
    blurred = tf.random.stateless_uniform([1, size, size, 3], [0, 1])
    start = time.perf_counter()
    evaluations = model.restore(blurred).evaluations.numpy()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"evaluations": int(evaluations[0]), "seconds": seconds, "mib": peak}


if __name__ == "__main__":
    _cli.run(main)
