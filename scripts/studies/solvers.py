"""What brings down the evaluations, and the seconds, that a trained model takes to a tolerance.

Methods, history lengths, starts, leaving the batch and a first phase in low precision, on the same
test images. Seconds are of the second of two equal calls, for the whole batch.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
examples:
  python scripts/studies/solvers.py saved_models/celeba-g5s5/1 --path CELEBA
  python scripts/studies/solvers.py saved_models/celeba-g5s5/1 --path CELEBA \\
      --only anderson --precision mixed_bfloat16 --rtol 1e-4
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", help="run folder of scripts/train.py, or an exported model")
    p.add_argument("--path", required=True, help="folder of CelebA images")
    p.add_argument("--only", nargs="+", metavar="ROW", help="rows that start so; default: all")
    p.add_argument("--images", type=int, default=8, help="test images")
    p.add_argument("--crop", type=int, default=128, help="side of their centres")
    p.add_argument("--precision", default="float32", help="of the network: mixed_bfloat16, ...")
    p.add_argument("--rtol", type=float, default=1e-3, help="relative tolerance")
    p.add_argument("--max-evaluations", type=int, default=200, help="cap of every solve")
    p.add_argument("--noise", type=float, default=0.005, help="standard deviation")
    p.add_argument("--seed", type=int, default=0, help="of the noise")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow()
    from tf_jfb.training import load_run

    model = load_run(args.run, args.precision)
    sharp, blurred = problem(args, model)
    print("| | evaluations | seconds | converged | PSNR (dB) |\n|---|---|---|---|---|")
    for name, make in rows(args, model).items():
        if not args.only or name.startswith(tuple(args.only)):
            print(f"| {name} | {measure(make(), sharp, blurred)} |", flush=True)


def problem(args, model) -> tuple:
    """(sharp, blurred) test images."""
    import numpy as np

    from tf_jfb import data

    source, cut = data.celeba(args.path, "test"), (128 - args.crop) // 2
    window = slice(cut, cut + args.crop)
    sharp = np.stack([source[i][window, window] for i in range(args.images)])
    unit = np.random.default_rng(args.seed).standard_normal(sharp.shape, np.float32)
    return sharp, (model.operator(sharp) + args.noise * unit).numpy()


def rows(args, model) -> dict:
    """{name: function that makes a program from blurred images to a restoration}."""
    from tf_jfb.solvers import Anderson, Broyden, Picard

    stop = {"rtol": args.rtol, "max_evaluations": args.max_evaluations}
    solvers = {"picard": Picard(**stop), "broyden": Broyden(**stop)}
    solvers |= {f"anderson, m = {m}": Anderson(m=m, **stop) for m in (2, 3, 5, 8, 12)}
    solvers |= {"anderson, m = 5, beta = 0.8": Anderson(m=5, beta=0.8, **stop)}
    best = solvers["anderson, m = 5"]
    return {
        **{
            name: lambda s=solver: with_solver(model, s).restore for name, solver in solvers.items()
        },
        "start: A^T d": lambda: from_start(with_solver(model, best), model.operator.adjoint),
        "start: d": lambda: from_start(with_solver(model, best), lambda d: d),
        "start: half resolution": lambda: coarse_to_fine(args, best),
        "first phase in bfloat16": lambda: low_precision_first(args, best),
        "all stay in the batch": lambda: stays(with_solver(model, best)),
    }


def with_solver(model, solver):
    """The model with another solver, and a program that is traced with it."""
    import tensorflow as tf

    model.solver = solver
    model._restore = tf.function(model.solved, reduce_retracing=True, autograph=False)
    return model


def from_start(model, start):
    return lambda d: model.restore(d, start=start(d))


def stays(model):
    import tensorflow as tf

    folded = model.folded()
    return tf.function(lambda d: model.solved(d, folded=folded), autograph=False)


def coarse_to_fine(args, solver):
    """Solves on images of half the side first; an evaluation there counts for a quarter."""
    import tensorflow as tf

    from tf_jfb.operators import Blur
    from tf_jfb.training import load_run

    coarse, fine = (with_solver(load_run(args.run, args.precision), solver) for _ in range(2))
    coarse.operator = Blur(half_kernel(fine.operator.kernel))

    def resize(x, side):
        return tf.image.resize(x, [side, side], "bicubic", antialias=True)

    def program(d):
        side = d.shape[1]
        first = coarse.restore(resize(d, side // 2))
        # Its structures, and what the model's own start has beyond them.
        own = fine.problem(d).x0
        beyond = own - resize(resize(own, side // 2), side)
        second = fine.restore(d, start=resize(first.image, side) + beyond)
        quarter = tf.cast(first.evaluations, tf.float32) / 4
        return second._replace(evaluations=tf.cast(second.evaluations, tf.float32) + quarter)

    return program


def low_precision_first(args, solver):
    """To ten times the tolerance with a bfloat16 network, from there in float32."""
    from tf_jfb.training import load_run

    low = with_solver(load_run(args.run, "mixed_bfloat16"), solver)
    high = with_solver(load_run(args.run), solver)

    def program(d):
        first = low.restore(d, rtol=10 * args.rtol)
        second = high.restore(d, start=first.image)
        return second._replace(evaluations=first.evaluations + second.evaluations)

    return program


def half_kernel(kernel):
    """The blur as images of half the side see it: a tap at k falls on k / 2, or halves beside."""
    import numpy as np

    reach = len(kernel) // 2
    spread = np.zeros((2 * (reach // 2 + 1) + 1, len(kernel)))
    middle = len(spread) // 2
    for i in range(len(kernel)):
        half, odd = divmod(i - reach, 2)
        spread[middle + half, i] += 0.5 if odd else 1.0
        spread[middle + half + odd, i] += 0.5 if odd else 0.0
    coarse = spread @ kernel @ spread.T
    return coarse / coarse.sum()


def measure(program, sharp, blurred) -> str:
    import numpy as np

    from tf_jfb import metrics

    program(blurred)
    start = time.perf_counter()
    result = program(blurred)
    evaluations = np.mean(result.evaluations.numpy())
    seconds = time.perf_counter() - start
    converged = np.mean(result.status.numpy() == 0)
    psnr = np.mean(metrics.psnr(sharp, result.image))
    return f"{evaluations:.1f} | {seconds:.2f} | {converged:.0%} | {psnr:.2f}"


if __name__ == "__main__":
    _cli.run(main)
