"""Where a training step's time goes: evaluations of T, its backward pass, and everything else."""

import argparse
import json
import statistics
import time

import _cli

EXAMPLE = """
example:
  python scripts/benchmark.py --size 128 --batch 4 --depth 17 --channels 64
"""


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--size", type=int, default=128, help="side of the images")
    p.add_argument("--batch", type=int, default=4, help="images per step")
    p.add_argument("--depth", type=int, default=17, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=64, help="width of the DnCNN")
    p.add_argument("--lipschitz", type=float, help="bound on every layer; default none")
    p.add_argument("--evaluations", type=int, default=10, help="evaluations per solve")
    p.add_argument("--runs", type=int, default=5, help="timed runs, of which the median counts")
    p.add_argument("--json", action="store_true", help="print the figures as JSON")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow()
    figures = measure(args)
    if args.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name:32s} {value:10.4g}" for name, value in figures.items()))


def measure(args) -> dict:
    """Seconds of the whole step and of its evaluations alone, interleaved, and the rest's share."""
    import tensorflow as tf

    import tf_jfb

    operator = tf_jfb.operators.GaussianBlur(5, 5.0)
    network = tf_jfb.networks.DnCNN(args.depth, args.channels, args.lipschitz, gain=0.05)
    solver = tf_jfb.solvers.Anderson(rtol=0.0, max_evaluations=args.evaluations)
    model = tf_jfb.models.DEGrad(operator, network, solver)
    model.compile("adam")
    sharp = tf.random.stateless_uniform([args.batch, args.size, args.size, 3], [0, 1])
    blurred = operator(sharp)
    model.build(blurred.shape)
    programs = {
        "step": tf.function(lambda: model.train_step((blurred, sharp))["loss"]),
        "evaluations": tf.function(lambda: _evaluations(model, blurred, args.evaluations)),
        "recorded evaluation and backward": tf.function(lambda: _backward(model, blurred)),
    }
    seconds = {name: [] for name in programs}
    for run in range(args.runs + 2):
        for name, program in programs.items():
            start = time.perf_counter()
            tf.nest.map_structure(lambda t: t.numpy(), program())
            if run >= 2:  # the first two trace and warm up
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rest = medians["step"] - sum(value for name, value in medians.items() if name != "step")
    return {**medians, "rest": rest, "rest / step": rest / medians["step"]}


def _evaluations(model, d, count):
    """`count` applications of T in a loop, with nothing else: the floor of a solve."""
    import tensorflow as tf

    x0, T = model.equilibrium_map(d, False)  # noqa: N806
    return tf.while_loop(lambda i, x: i < count, lambda i, x: (i + 1, T(x)), (0, x0))[1][0, 0, 0]


def _backward(model, d):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        x0, T = model.equilibrium_map(d, False)  # noqa: N806
        loss = tf.reduce_mean(tf.square(T(x0)))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    return [tf.reshape(g, [-1])[0] for g in gradients]


if __name__ == "__main__":
    _cli.run(main)
