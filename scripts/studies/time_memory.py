"""Time and memory of one gradient at a fixed point: JFB against the exact gradient.

The exact gradient solves (I - J^T) w = v: by GMRES, by Anderson's method, by conjugate gradients
on the normal equations, and with the dense Jacobian where it fits. Every figure comes from a
process of its own, after a warm-up of a few products; the fixed point is found before the clock
starts.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept
import gradients

EXAMPLE = """
example:
  python scripts/studies/time_memory.py --path CELEBA --output runs/time_memory
"""
METHODS = ("jfb", "anderson", "gmres", "normal equations", "dense")
ADJOINT = 300  # most steps of an adjoint solve
MOST = dict.fromkeys(METHODS, ADJOINT) | {"dense": 2**30}
DENSE = 64  # largest side whose Jacobian is formed: 0.6 GB, at 128 it would be 9.7


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--path", help="folder of CelebA images; without it, dead leaves")
    p.add_argument("--output", default="runs/time_memory", help="folder for results and figure")
    p.add_argument(
        "--sizes", type=int, nargs="+", default=[16, 32, 64, 128, 256, 512], help="sides"
    )
    p.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS, help="default: all")
    p.add_argument("--rtol", type=float, default=1e-4, help="of the adjoint solves")
    p.add_argument("--runs", type=int, default=5, help="at most, of which the median counts")
    p.add_argument("--enough", type=float, default=60, help="seconds after which runs end")
    p.add_argument("--steps", type=int, default=100, help="JFB steps that train the model first")
    p.add_argument("--depth", type=int, default=5, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=24, help="width of the DnCNN")
    p.add_argument("--one", nargs=2, metavar=("METHOD", "SIZE"), help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    if args.one:
        print(json.dumps(measure(args, args.one[0], int(args.one[1]))))
        return
    names = ("path", "rtol", "runs", "enough", "steps", "depth", "channels")
    asked = {name: getattr(args, name) for name in names}
    cases = [(m, s) for s in args.sizes for m in args.methods if m != "dense" or s <= DENSE]
    found = _kept.measured(folder, asked, [("denoiser", 0), ("train", 0), *cases])
    results = {m: {} for m in args.methods}
    for method, size in cases:
        results[method][str(size)] = found[method, size]
    compare(results, folder)
    print(table(results, args.sizes))
    draw(results, folder / "time_memory.png")


def measure(args, method: str, size: int) -> dict:
    """Seconds, peak memory and products with J or its transpose; w goes to a file."""
    _cli.import_tensorflow()
    from tf_jfb._weights import load_weights, save_weights

    study = study_of_gradients(args)
    if method == "denoiser":
        gradients.train_denoiser(study)
        return {}
    model, batches, _ = gradients.prepare(study, "jfb", 0)
    weights = pathlib.Path(args.output) / "model.npz"
    if method == "train":
        model.fit(batches, steps_per_epoch=args.steps, verbose=0)
        save_weights(weights, model)
        return {}
    load_weights(weights, model)
    return timed(model, method, size, args)


def timed(model, method, size, args) -> dict:
    """Seconds, peak memory and products of one estimate at the fixed point of one image."""
    import resource

    import numpy as np
    import tensorflow as tf

    d, sharp = image(model, args, size)
    x_star, adjoint = fixed_point(model, d, size, args), estimate(method, args)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    program = tf.function(lambda most: gradient(model, d, sharp, x_star, adjoint, most))
    program(tf.constant(3))
    seconds = []
    while len(seconds) < args.runs and sum(seconds) < args.enough:
        start = time.perf_counter()
        w, count, slopes = program(tf.constant(MOST[method]))
        [g.numpy() for g in slopes]
        seconds.append(time.perf_counter() - start)
    np.save(pathlib.Path(args.output) / f"w-{method}-{size}.npy", w.numpy())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": statistics.median(seconds),
        "mib": (peak - before) / 1024,
        "products": int(count),
        "runs": len(seconds),
    }


def fixed_point(model, d, size, args):
    """That of `d`, solved for once and kept in a file."""
    import numpy as np
    import tensorflow as tf

    from tf_jfb._files import replacing
    from tf_jfb.solvers import solve

    known = pathlib.Path(args.output) / f"x-{size}.npy"
    if not known.exists():
        problem, options = model.problem(d), {"rtol": 1e-6, "max_evaluations": 300}
        solved = tf.function(lambda: solve(problem.at, problem.x0, model.solver, **options).x)
        with replacing(known) as whole:
            np.save(whole, solved().numpy())
    return tf.constant(np.load(known))


def study_of_gradients(args):
    """Options of that study, whose small DE-GRAD and training batches serve here too."""
    options = ["--depth", str(args.depth), "--channels", str(args.channels)]
    options += ["--output", args.output] + (["--path", args.path] if args.path else [])
    return gradients.parser().parse_args(options)


def image(model, args, size) -> tuple:
    """One dead leaves image of any size, blurred, with noise."""
    import tensorflow as tf

    from tf_jfb import data

    sharp = tf.constant(data.dead_leaves(1, size)[0][None])
    noise = 0.005 * tf.random.stateless_normal(sharp.shape, [0, 1])
    return model.operator(sharp) + noise, sharp


def gradient(model, d, sharp, x_star, adjoint, most) -> tuple:
    """(w, products, gradients of the loss by the weights) at the fixed point, by `most` steps."""
    import tensorflow as tf

    from tf_jfb._compat import value

    weights = [value(v) for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        T = model.problem(d).at
        fx = T(x_star)
    v = 2.0 * (fx - sharp) / tf.cast(tf.size(sharp), fx.dtype)
    w, products = adjoint(T, x_star, v, most)
    return w, products, tape.gradient(fx, weights, output_gradients=w)


def estimate(method: str, args):
    """The function (f, x*, v, most steps) -> (w, products)."""
    from tf_jfb.gradients.base import transposed_jacobian
    from tf_jfb.solvers import GMRES, Anderson, solve

    if method == "jfb":
        return lambda f, x, v, most: (v, 0)
    if method == "dense":
        return dense
    if method == "normal equations":
        return lambda f, x, v, most: normal_equations(f, x, v, most, args.rtol)
    kind = {"gmres": GMRES, "anderson": Anderson}[method]
    solver = kind(rtol=args.rtol, max_evaluations=ADJOINT)

    def adjoint(f, x, v, most):
        product = transposed_jacobian(f, x)
        solution = solve(lambda w: v + product(w), v, solver, max_evaluations=most)
        return solution.x, solution.evaluations[0]

    return adjoint


def normal_equations(f, x, v, most, rtol) -> tuple:
    """(I - J)(I - J^T) w = (I - J) v by conjugate gradients: two products an iteration."""
    import tensorflow as tf

    from tf_jfb.gradients.base import transposed_jacobian

    transposed, probe = transposed_jacobian(f, x), tf.zeros_like(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(probe)
        image = transposed(probe)

    def forward(u):
        return tape.gradient(image, probe, output_gradients=u)

    def dot(a, b):
        return tf.reduce_sum(a * b)

    def step(i, w, r, p, s):  # r = v - (I - J^T) w, s = |(I - J) r|^2
        q = p - transposed(p)
        alpha = s / dot(q, q)
        w, r = w + alpha * p, r - alpha * q
        z = r - forward(r)
        new = dot(z, z)
        return i + 1, w, r, z + new / s * p, new

    w, r = v, transposed(v)
    z = r - forward(r)

    def going(i, w, r, p, s):
        return (i < most) & (tf.norm(r) > rtol * tf.norm(w))

    i, w, *_ = tf.while_loop(going, step, (0, w, r, z, dot(z, z)))
    return w, 2 + 2 * i


def dense(f, x, v, most) -> tuple:
    """Forms J row by row and eliminates: the naive baseline, and the truth for the others."""
    import tensorflow as tf

    from tf_jfb.gradients.base import transposed_jacobian

    n = x.shape.num_elements()
    transposed = transposed_jacobian(f, x)
    rows = tf.TensorArray(x.dtype, n, element_shape=[n])

    def step(i, rows):
        unit = tf.reshape(tf.one_hot(i, n, dtype=x.dtype), x.shape)
        return i + 1, rows.write(i, tf.reshape(transposed(unit), [n]))

    most = tf.minimum(n, most)
    rows = tf.while_loop(lambda i, _: i < most, step, (0, rows))[1].stack()  # rows of J
    system = tf.eye(n, dtype=x.dtype) - tf.transpose(rows)
    w = tf.linalg.solve(system, tf.reshape(v, [n, 1]))
    return tf.reshape(w, x.shape), n


def compare(results: dict, folder) -> None:
    """Adds to every entry the relative distance of its w to that of the dense Jacobian."""
    import numpy as np

    for size in results.get("dense", {}):
        exact = np.load(folder / f"w-dense-{size}.npy")
        for method in results:
            error = np.linalg.norm(np.load(folder / f"w-{method}-{size}.npy") - exact)
            results[method][size]["error"] = float(error / np.linalg.norm(exact))


def table(results: dict, sizes) -> str:
    """Seconds / MiB / products / error, one row per method, as Markdown."""
    lines = ["| gradient | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for method, row in results.items():
        cells = [cell(row[str(s)]) if str(s) in row else "" for s in sizes]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(entry: dict) -> str:
    text = f"{entry['seconds']:.3g} s, {entry['mib']:.0f} MiB, {entry['products']} products"
    return text + (f", error {entry['error']:.0e}" if entry.get("error") else "")


def draw(results: dict, path) -> None:
    """Seconds and memory against the side of the image."""
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    labels = {"seconds": "seconds per gradient", "mib": "memory added (MiB)"}
    for axis, key in zip(axes, labels, strict=True):
        for method, row in results.items():
            sizes = sorted(map(int, row))
            axis.plot(sizes, [row[str(s)][key] for s in sizes], "o-", label=method)
        axis.set(xlabel="side of the image, pixels", ylabel=labels[key], xscale="log", yscale="log")
        ticks = sorted({int(s) for row in results.values() for s in row})
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
