"""Width and depth of the U-Net: PSNR of short denoiser trainings against arithmetic per pixel.

Every network is trained for as many steps on the same crops, and timed on one image; with an
interpreter that has deepinv, DRUNet, which DPIR evaluates eight times, is timed beside them.
"""

import argparse
import contextlib
import json
import math
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept
from benchmarks import driver

EXAMPLE = """
example:
  python scripts/studies/frontier.py --path BSDS500 --peer-python peers/bin/python
"""
NETWORKS = ("16:32:64x2", "32:64:128x1", "32:64:128x2", "48:96:192x2", "64:128:256x2")
LEVELS = (15 / 255, 25 / 255, 50 / 255)


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    add = p.add_argument
    add("--networks", nargs="+", default=NETWORKS, help="channels of the scales x blocks")
    add("--path", help="folder of photographs; without it, dead leaves")
    add("--steps", type=int, default=400, help="of every training (%(default)s)")
    add("--batch", type=int, default=8, help="crops per step (%(default)s)")
    add("--crop", type=int, default=64, help="their side (%(default)s)")
    add("--learning-rate", type=float, default=3e-4, help="the highest, Adam's (%(default)s)")
    add("--seeds", type=int, nargs="+", default=[0], help="of every training")
    add("--images", type=int, default=16, help="test images, the middle 128 x 128 (%(default)s)")
    add("--size", type=int, default=512, help="side of the image that is timed (%(default)s)")
    add("--threads", type=int, default=2, help="of every evaluation (%(default)s)")
    add("--peer-python", help="interpreter that has deepinv")
    add("--output", default="runs/frontier", help="folder for results and figure")
    add("--one", nargs=2, metavar=("NETWORK", "SEED"), help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        print(json.dumps(case(args, args.one[0], int(args.one[1]))))
        return
    for text in args.networks:
        parsed(text)
    config = {"threads": args.threads, "size": args.size, "batch": 1}
    missing = args.peer_python and driver.find_missing(["deepinv"], args.peer_python, config)
    if missing:
        raise ValueError(f"--peer-python needs deepinv: {missing['deepinv']}")
    folder = pathlib.Path(args.output)
    names = ("path", "steps", "batch", "crop", "learning_rate", "images", "size", "threads")
    asked = {name: getattr(args, name) for name in names}
    cases = [(network, seed) for network in args.networks for seed in args.seeds]
    found = _kept.measured(folder, asked, cases)
    results = {n: [found[n, seed] for seed in args.seeds] for n in args.networks}
    draw(results, folder / "frontier.png")
    print(table(results))
    if args.peer_python:
        print(f"| DRUNet |  |  |  | {drunet(args):.3g} |")


def parsed(text: str) -> tuple:
    """(scales as Config has them, blocks) of SCALESxBLOCKS."""
    scales, _, blocks = text.partition("x")
    if not (blocks.isdigit() and all(width.isdigit() for width in scales.split(":"))):
        raise ValueError(f"A network must be written as 32:64:128x2. Received: {text!r}")
    return scales, int(blocks)


def case(args, text: str, seed: int) -> dict:
    """Parameters, arithmetic, time and PSNR of one network."""
    _cli.import_tensorflow(keep_memory=True)
    import tensorflow as tf

    from tf_jfb.training import Config, train_denoiser

    tf.get_logger().setLevel("ERROR")  # the counting of operations is of an older interface
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    (scales, blocks), data = parsed(text), {"data": "dead-leaves", "size": max(64, args.crop)}
    if args.path:
        data = {"data": "folder", "path": args.path}
    length = {"epochs": 1, "steps": args.steps, "batch_size": args.batch, "crop": args.crop}
    config = Config(
        model="de-hqs",
        network="unet",
        scales=scales,
        blocks=blocks,
        gain=0.1,
        blur="any",
        denoiser_noise=0.003,
        denoiser_noise_high=0.2,
        loss="mae",
        learning_rate=args.learning_rate,
        warmup=args.steps // 10,
        validation=8,
        seed=seed,
        **data,
        **length,
    )
    run = pathlib.Path(args.output) / f"{text.replace(':', '-')}-{seed}"
    network = train_denoiser(config, run, verbose=0).network
    return {
        "parameters": sum(math.prod(w.shape) for w in network.trainable_variables) / 1e6,
        "mflop": arithmetic(network),
        "seconds": seconds_per_megapixel(network, args.size),
        "psnr": score(network, args),
    }


def arithmetic(network, side: int = 64) -> float:
    """Millions of floating-point operations per pixel of one evaluation, as TensorFlow counts."""
    import tensorflow as tf
    from tensorflow.compat.v1.profiler import ProfileOptionBuilder, profile

    image = tf.TensorSpec([1, side, side, 3])
    graph = program(network).get_concrete_function(image).graph
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation())
    counted = profile(graph, options=options.with_empty_output().build())
    return counted.total_float_ops / side**2 / 1e6


def program(network):
    """One evaluation at the level 0.05."""
    import tensorflow as tf

    folded = network.frozen(training=False)
    return tf.function(
        lambda x: network.denoised(folded, x, tf.fill(tf.shape(x)[:1], 0.05)), autograph=False
    )


def seconds_per_megapixel(network, side: int) -> float:
    """The median of five evaluations after two."""
    import tensorflow as tf

    image, evaluate, seconds = tf.random.uniform([1, side, side, 3]), program(network), []
    for _ in range(7):
        start = time.perf_counter()
        evaluate(image).numpy()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:]) / (side**2 / 1e6)


def score(network, args) -> float:
    """Mean PSNR over the levels."""
    import numpy as np

    from tf_jfb import data
    from tf_jfb.metrics import psnr

    if args.path:
        source = data.FolderSource(data.split_folder(args.path, "test"), least=128)
    else:
        source = data.DeadLeaves(args.images, 128, seed=1_000_003)
    count = min(args.images, len(source))
    sharp = np.stack([data.centre(source[i], 128) for i in range(count)])
    unit = np.random.default_rng(0).standard_normal(sharp.shape, np.float32)
    folded, values = network.frozen(training=False), []
    for level in LEVELS:
        told = np.full(count, level, np.float32)
        values.append(psnr(network.denoised(folded, sharp + level * unit, told), sharp))
    return float(np.mean(values))


def drunet(args) -> float:
    """Seconds of one evaluation by DRUNet, per megapixel."""
    config = {"threads": args.threads, "size": args.size, "batch": 1}
    worker = driver.Worker("deepinv", args.peer_python, config, "worker_drunet")
    with contextlib.closing(worker):
        worker.prepare("denoise")
        seconds = statistics.median(worker.run()["seconds"] for _ in range(3))
    return seconds / (args.size**2 / 1e6)


def table(results: dict) -> str:
    """A row for every network, means over the seeds, as Markdown."""
    head = "| network | parameters (millions) | MFLOP per pixel | PSNR (dB) | s per megapixel |"
    lines = [head, "|---|---|---|---|---|"]
    for network, runs in results.items():
        names = ("parameters", "mflop", "psnr", "seconds")
        millions, mflop, psnr, seconds = (statistics.fmean(r[n] for r in runs) for n in names)
        lines.append(f"| {network} | {millions:.2f} | {mflop:.3g} | {psnr:.2f} | {seconds:.3g} |")
    return "\n".join(lines)


def draw(results: dict, path) -> None:
    """PSNR against arithmetic."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for network, runs in results.items():
        for run in runs:
            axis.plot(run["mflop"], run["psnr"], "C0o")
        where = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
        axis.annotate(network, (runs[0]["mflop"], max(run["psnr"] for run in runs)), **where)
    axis.margins(0.15, 0.12)
    axis.set(xscale="log", xlabel="MFLOP per pixel and evaluation", ylabel="PSNR (dB)")
    axis.set_xticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
