"""Time this checkout against another, step by step in turns, which tells apart what a run cannot.

Both run the benchmark's map (DE-GRAD, a DnCNN of 17 x 64, batches of 4) in processes of their own,
each by its own scripts. A pair of neighbouring steps gives one ratio, and the mean of their
logarithms its standard error: the machine's moods, slower than a pair, cancel.

`fewer` solves with one evaluation less than asked: where a training step recorded one more than the
solve, as up to commit 529bd5d, this is the same accuracy.
"""

import contextlib
import importlib.util
import math
import os
import pathlib
import statistics
import sys
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
from benchmarks import driver

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = """
example:
  git worktree add ../before 529bd5d
  python scripts/studies/against_commit.py ../before --sizes 64 128
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("before", help="folder of the other checkout")
    p.add_argument("--sizes", type=int, nargs="+", default=[64, 128], help="of the images, pixels")
    p.add_argument("--pairs", type=int, default=10, help="timed steps of each, at least 2")
    p.add_argument("--batch", type=int, default=4, help="images per step")
    p.add_argument("--depth", type=int, default=17, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=64, help="width of the DnCNN")
    p.add_argument("--evaluations", type=int, default=10, help="of T per solve")
    return p


def main() -> None:
    args = parser().parse_args()
    before = pathlib.Path(args.before).resolve()
    if not (before / "scripts/benchmarks/driver.py").is_file():
        raise ValueError(f"`before` must be a checkout of this project. Received: {args.before}")
    for name in ("pairs", "evaluations"):
        if getattr(args, name) < 2:
            raise ValueError(f"--{name} must be >= 2. Received: {getattr(args, name)}")
    trees = {"before": (before, 0), "now": (ROOT, 0), "fewer": (ROOT, -1)}
    print("| size | step | | evaluations | seconds | ratio to before |\n|" + "---|" * 6)
    for size in args.sizes:
        with contextlib.ExitStack() as stack:
            workers = [
                stack.enter_context(contextlib.closing(worker(args, size, name, tree, less)))
                for name, (tree, less) in trees.items()
            ]
            # In inference `fewer` is not as accurate.
            for mode, some in (("training", workers), ("inference", workers[:2])):
                for row in rows(driver.take_turns(some, mode, args.pairs)):
                    print(f"| {size} | {mode} | {row} |", flush=True)


def worker(args, size: int, name: str, tree: pathlib.Path, less: int):
    """A process that runs the package and the benchmark's programs of `tree`."""
    place = tree / "scripts/benchmarks/driver.py"
    spec = importlib.util.spec_from_file_location("driver_of_tree", place)
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    config = {name: getattr(args, name) for name in ("batch", "depth", "channels")}
    config |= {"size": size, "evaluations": args.evaluations + less, "layout": "contiguous"}
    config |= {"threads": os.cpu_count(), "jit_compile": False, "lipschitz": 1.0, "gain": 0.05}
    with mock.patch.dict(os.environ, PYTHONPATH=str(tree)):
        return own.Worker(name, sys.executable, config, "worker_tf_jfb")


def rows(turns: dict):
    """Cells of the table."""
    for name, own in turns.items():
        pairs = zip(own["seconds"], turns["before"]["seconds"], strict=True)
        logs = [math.log(mine / theirs) for mine, theirs in pairs]
        ratio = math.exp(statistics.mean(logs))
        error = ratio * statistics.stdev(logs) / len(logs) ** 0.5
        cell = "" if name == "before" else f"{ratio:.3f} ± {error:.3f}"
        count, seconds = own["result"][-1], statistics.median(own["seconds"])
        yield f"{name} | {count:g} | {seconds:.3f} | {cell}"


if __name__ == "__main__":
    _cli.run(main)
