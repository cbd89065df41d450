"""What a training step gains where images that have stopped leave the batch.

The same steps with and without, by turns, on batches of dead leaves with blurs and noise of each
image's own: medians of the seconds, and the evaluations of T that a batch pays for.
"""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
example:
  python scripts/studies/leaving.py saved_models/deblur/3 --crop 96 --batch 8
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("model", help="run folder, or version of an exported model, of any blur")
    p.add_argument("--crop", type=int, default=96, help="side of the images")
    p.add_argument("--batch", type=int, default=8, help="images per step")
    p.add_argument("--max-evaluations", type=int, default=40, help="cap of the solves")
    p.add_argument("--runs", type=int, default=8, help="batches, each with and without")
    p.add_argument("--seed", type=int, default=0, help="of blurs, noise and images")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow(keep_memory=True)
    model, batches = prepare(args)
    steps = {way: step(model, way) for way in (False, True)}
    seconds, counts = {False: [], True: []}, []
    for number, batch in enumerate(batches.take(1 + args.runs)):
        for way, run in steps.items():
            start = time.perf_counter()
            evaluations = run(batch).numpy()
            if number:  # the first traces
                seconds[way].append(time.perf_counter() - start)
        if number:
            counts.append(evaluations)
    staying, leaving = (statistics.median(seconds[way]) for way in (False, True))
    paid = sum(len(c) * c.max() for c in counts)
    print(f"evaluations per image: {paid / args.runs / args.batch:.1f} staying,", end=" ")
    print(f"{sum(c.sum() for c in counts) / args.runs / args.batch:.1f} leaving")
    print(f"seconds per step: {staying:.2f} staying, {leaving:.2f} leaving", end=" ")
    print(f"({leaving / staying:.2f} of it)")


def prepare(args) -> tuple:
    """The model, and batches of what it was trained on, but for the images."""
    import dataclasses

    from tf_jfb import data
    from tf_jfb.training import load_run
    from tf_jfb.training.build import config_of
    from tf_jfb.training.problem import degradation

    config = dataclasses.replace(config_of(args.model), boundary="circular")
    model = load_run(args.model)
    model.solver = dataclasses.replace(model.solver, max_evaluations=args.max_evaluations)
    images = data.DeadLeaves(64, args.crop, seed=args.seed)
    options = {"batch_size": args.batch, "crop": args.crop, "seed": args.seed}
    return model, degradation(config).examples(images, **options)


def step(model, compact: bool):
    """Loss and gradients of a batch as a program; it returns the evaluations, [B]."""
    import tensorflow as tf

    def run(batch):
        measured, sharp = batch
        cap = model.solver.max_evaluations
        problem = model.problem(model.measurement(measured), training=True, cap=cap)
        with tf.GradientTape() as tape:
            x, solution = model.gradient.fixed_point(problem, model.solver, compact=compact)
            loss = tf.reduce_mean((model.frame_of(x, sharp) - sharp) ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        with tf.control_dependencies([g for g in gradients if g is not None]):
            return tf.identity(solution.evaluations)

    return tf.function(run, autograph=False)


if __name__ == "__main__":
    _cli.run(main)
