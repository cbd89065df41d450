"""What data-parallel training costs: step time against replicas, largest batch against evaluations.

Measures seconds and peak memory of training steps on one machine (Linux; the memory is the
host's), then computes what n replicas would take, by formulas and by simulation. The networks
between the replicas, the jitter of their times and the faster device are assumptions. See
docs/scaling.md.
"""

import argparse
import ctypes
import itertools
import json
import math
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
from cost_formulas import EVALUATIONS, METHODS, study
from cost_report import draw, report

from tf_jfb._files import write_text

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = """
examples:
  python scripts/studies/cost_model.py --output runs/cost_model
  python scripts/studies/cost_model.py --output runs/cost_model --jitter 0.1  # measures nothing
"""


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument(
        "--output",
        default="runs/cost_model",
        help="folder for results and figure; measurements in it are kept",
    )
    p.add_argument("--figure", help="default: cost_model.png in the output folder")
    p.add_argument("--depth", type=int, default=17, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=64, help="width of the DnCNN")
    p.add_argument("--crop", type=int, default=64, help="side of the crops that are timed")
    p.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4], help="that are timed")
    p.add_argument("--evaluations", type=int, default=10, help="of a solve, then one recorded")
    p.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    p.add_argument("--lipschitz", type=float, help="norm bound of the network; default none")
    p.add_argument("--memory-batches", type=int, nargs="+", default=[1, 2, 3], help="JFB: x 4")
    p.add_argument("--memory", type=float, default=16.0, help="GiB that a batch must fit in")
    p.add_argument("--model", default=str(ROOT / "saved_models/celeba-g5s5/1"))
    p.add_argument("--images", type=int, default=32, help="whose evaluations are counted")
    p.add_argument("--cap", type=int, default=50, help="of the evaluations of an image")
    p.add_argument("--replicas", type=int, nargs="+", default=[2**i for i in range(11)])
    p.add_argument("--batch", type=int, default=4, help="per replica, weak scaling")
    p.add_argument("--global-batch", type=int, default=1024, help="strong scaling")
    p.add_argument("--jitter", type=float, default=0.05, help="sigma of the lognormal noise")
    p.add_argument("--spread", type=float, default=0.3, help="sigma of assumed evaluations")
    p.add_argument("--faster", type=float, default=100.0, help="factor of an assumed device")
    p.add_argument("--steps", type=int, default=2000, help="that are simulated")
    p.add_argument("--seed", type=int, default=0, help="of the simulation")
    p.add_argument("--one", nargs="+", metavar="CASE", help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        measure, *case = args.one
        print(json.dumps({"time": timed, "memory": peaks, "counts": counts}[measure](args, *case)))
        return
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    figure = args.figure or folder / "cost_model.png"
    _cli.check_folders(figure)
    results = study(args, measure_all(args, folder / "measured.json"))
    write_text(folder / "results.json", json.dumps(results, indent=1))
    print(report(results))
    draw(results, figure)


def measure_all(args, file: pathlib.Path) -> dict:
    """What `file` holds, and what it lacks: an interrupted study goes on."""
    names = ("depth", "channels", "lipschitz", "crop", "evaluations")
    problem = {name: getattr(args, name) for name in names}
    kept = json.loads(file.read_text()) if file.exists() else {"problem": problem}
    if kept["problem"] != problem:
        raise ValueError(f"{file} holds measurements of another problem: {kept['problem']}")
    memory = [("memory", *case) for case in itertools.product(METHODS, EVALUATIONS)]
    for case in [("time",), *memory, ("counts",)]:
        name = " ".join(map(str, case))
        if name not in kept:
            kept[name] = _cli.run_alone(*case)
            write_text(file, json.dumps(kept, indent=1))
    rows = {m: [kept[f"memory {m} {k}"] for k in EVALUATIONS] for m in METHODS}
    return {"problem": problem, "time": kept["time"], "counts": kept["counts"], "memory": rows}


def problem(args, evaluations: int, gradient: str = "jfb") -> tuple:
    """A DE-GRAD and its training step as a function of sharp images."""
    import tensorflow as tf

    import tf_jfb

    operator = tf_jfb.operators.GaussianBlur(5, 5.0)
    network = tf_jfb.networks.DnCNN(args.depth, args.channels, args.lipschitz, gain=0.05)
    # The cap counts the evaluation that JFB records.
    solver = tf_jfb.solvers.Anderson(rtol=0.0, max_evaluations=evaluations + 1)
    gradient = tf_jfb.gradients.named(gradient)
    model = tf_jfb.models.DEGrad(operator, network, solver, gradient)
    model.compile("adam")
    model.build((None, None, None, 3))
    model.optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def step(sharp):
        return model.train_step((operator(sharp), sharp))["evaluations"]

    step(images(1, 16))  # traces
    return model, step


def images(batch: int, size: int):
    import tensorflow as tf

    return tf.random.stateless_uniform([batch, size, size, 3], [0, 1])


def timed(args) -> dict:
    """Least seconds of a JFB step per (batch, evaluations), and what it all-reduces."""
    _cli.import_tensorflow()
    points, half = [], max(args.evaluations // 2, 2)
    for evaluations, batches in ((half, args.batches[-1:]), (args.evaluations, args.batches)):
        model, step = problem(args, evaluations)
        for batch in batches:
            seconds = least_seconds(step, images(batch, args.crop), args.runs, evaluations)
            points.append({"batch": batch, "evaluations": evaluations, "seconds": seconds})
    normalised = [conv.filters for conv in model.network.convs if conv.batch_norm]
    return {
        "points": points,
        "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
        "statistics": 2 * sum(normalised),  # mean and mean square of every channel
        "messages": 1 + len(normalised),  # all gradients in one, the statistics one per layer
    }


def least_seconds(step, sharp, runs: int, evaluations: int) -> float:
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        done = float(step(sharp))
        seconds.append(time.perf_counter() - start)
    if done != evaluations + 1:
        raise RuntimeError(f"A solve ended early, after {done} of {evaluations + 1} evaluations.")
    return min(seconds[1:])  # other work on the machine only adds to it


def peaks(args, method: str, evaluations: str) -> list:
    """Pairs of a batch and the peak memory of a step, in bytes."""
    _cli.import_tensorflow()
    k = int(evaluations)
    _, step = problem(args, k, {"jfb": "jfb", "unrolled": f"unrolled:{k + 1}"}[method])
    batches = [b * (4 if method == "jfb" else 1) for b in args.memory_batches]
    return [[batch, peak(step, images(batch, args.crop))] for batch in batches]


def peak(step, sharp) -> int:
    """The most bytes that the process holds while `step(sharp)` runs."""
    process = pathlib.Path("/proc/self")
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # gives back what earlier steps have left
    (process / "clear_refs").write_text("5")  # forgets the peak so far
    step(sharp).numpy()
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", (process / "status").read_text())[1])


def counts(args) -> list:
    """Evaluations that a trained model takes for each of some images."""
    _cli.import_tensorflow()
    import tensorflow as tf

    from tf_jfb import data
    from tf_jfb.training import load_run

    model, source = load_run(args.model), data.dead_leaves(args.images, args.crop)
    sharp = tf.stack([source[i] for i in range(args.images)])
    blurred = model.operator(sharp) + 0.005 * tf.random.stateless_normal(sharp.shape, [0, 2])
    return model.restore(blurred, max_evaluations=args.cap).evaluations.numpy().tolist()


if __name__ == "__main__":
    _cli.run(main)
