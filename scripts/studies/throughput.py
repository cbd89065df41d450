"""Megapixels that a training step of the denoiser sees in an hour, by network, precision and crop.

The median of several synchronised steps on one batch, after two that warm up: input pipeline aside.
"""

import itertools
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
examples:
  python scripts/studies/throughput.py
  python scripts/studies/throughput.py --scales 48:96:192 --batches 8x64 4x128 \\
      --precisions mixed_bfloat16 --jit-compile
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--scales", nargs="+", default=["32:64:128", "48:96:192"], help="of the U-Net")
    p.add_argument("--blocks", type=int, default=2, help="of the U-Net, per scale and direction")
    precisions = ["float32", "mixed_bfloat16"]
    p.add_argument("--precisions", nargs="+", default=precisions, help="of the network")
    p.add_argument("--batches", nargs="+", default=["8x64", "8x128"], help="images x side")
    p.add_argument("--jit-compile", action="store_true", help="through XLA")
    p.add_argument("--runs", type=int, default=5, help="steps that are timed")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow(keep_memory=True)
    print("| network | precision | batch | step, ms | megapixels an hour |\n|---|---|---|---|---|")
    for scales, precision, batch in itertools.product(args.scales, args.precisions, args.batches):
        images, side = map(int, batch.split("x"))
        seconds = measure(scales, precision, images, side, args)
        rate = images * side**2 * 3.6e-3 / seconds
        print(
            f"| {scales} | {precision} | {batch} | {1e3 * seconds:.0f} | {rate:.0f} |", flush=True
        )


def measure(scales, precision, images, side, args) -> float:
    """Seconds of a step."""
    import keras
    import tensorflow as tf

    from tf_jfb.networks import UNet
    from tf_jfb.training import Denoiser

    widths = tuple(int(width) for width in scales.split(":"))
    model = Denoiser(UNet(widths, args.blocks, gain=0.1, dtype=precision))
    model.build((None, None, None, 3))
    optimizer = keras.optimizers.Adam(1e-4)
    model.compile(optimizer, jit_compile=args.jit_compile)
    optimizer.build(model.trainable_variables)
    sharp = tf.random.stateless_uniform([images, side, side, 3], [0, 0])
    batch = {"image": sharp, "noise": tf.fill([images], 0.05)}, sharp
    step = tf.function(
        lambda: model.train_step(batch)["loss"], jit_compile=args.jit_compile, autograph=False
    )
    seconds = []
    for _ in range(2 + args.runs):
        start = time.perf_counter()
        float(step())
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


if __name__ == "__main__":
    _cli.run(main)
