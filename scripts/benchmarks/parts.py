"""Where tf_jfb's training step spends its time: evaluations of T, one backward, the rest."""

import statistics
import time


def measure(args, size: int) -> dict:
    """Seconds of a step, a solve and their parts alone, interleaved, and the rest's shares.

    The solver alone drives a map that costs next to nothing, for as many evaluations.
    """
    import keras
    import tensorflow as tf

    from tf_jfb.solvers import solve

    keras.utils.set_random_seed(0)
    model, blurred, sharp = _problem(args, size)
    # Folded outside the clock: what a step spends on that belongs to the rest.
    problem = model.problem(blurred)
    x0, T = problem.x0, problem.at
    folds = [conv.fold() for conv in model.network.convs]

    def cheap(x):
        return 0.9 * tf.reverse(x, [1]) + 0.1 * x0

    cap = {"max_evaluations": args.evaluations}
    programs = {
        "step": tf.function(lambda: model.train_step((blurred, sharp))["loss"]),
        "solve": tf.function(lambda: solve(T, x0, model.solver, **cap).evaluations),
        "solver alone": tf.function(lambda: solve(cheap, x0, model.solver, **cap).evaluations),
        "evaluations": tf.function(lambda: _evaluations(T, x0, args.evaluations)),
        "recorded evaluation and backward": tf.function(lambda: _backward(model, folds, x0)),
    }
    seconds = {name: [] for name in programs}
    for run in range(args.runs + 2):
        for name, program in programs.items():
            start = time.perf_counter()
            tf.nest.map_structure(lambda t: t.numpy(), program())
            if run >= 2:  # the first two trace and warm up
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    evaluations = medians["evaluations"]
    rest = medians["step"] - evaluations - medians["recorded evaluation and backward"]
    return {
        **medians,
        "rest": rest,
        "rest / step": rest / medians["step"],
        "solver's share of a solve": medians["solver alone"] / medians["solve"],
    }


def table(figures: dict) -> str:
    return "\n\n".join(
        f"{size} x {size}\n" + "\n".join(f"{name:32s} {v:10.4g}" for name, v in values.items())
        for size, values in figures.items()
    )


def _problem(args, size: int) -> tuple:
    import tensorflow as tf

    import tf_jfb

    operator = tf_jfb.operators.GaussianBlur(5, 5.0)
    lipschitz = args.lipschitz or None
    network = tf_jfb.networks.DnCNN(args.depth, args.channels, lipschitz, gain=0.05)
    # Of a step's evaluations the recorded one is the last.
    solver = tf_jfb.solvers.Anderson(rtol=0.0, max_evaluations=args.evaluations + 1)
    model = tf_jfb.models.DEGrad(operator, network, solver)
    model.compile("adam")
    sharp = tf.random.stateless_uniform([args.batch, size, size, 3], [0, 1])
    blurred = operator(sharp)
    model.build(blurred.shape)
    return model, blurred, sharp


def _evaluations(T, x0, count):
    """`count` applications of T in a loop, with nothing else: the floor of a solve."""
    import tensorflow as tf

    return tf.while_loop(lambda i, x: i < count, lambda i, x: (i + 1, T(x)), (0, x0))[1][0, 0, 0]


def _backward(model, folds, x):
    """One evaluation of T and its gradient by the folded kernels."""
    import tensorflow as tf

    kernels = [[t for t in (f.kernel, f.bias) if t is not None] for f in folds]
    with tf.GradientTape() as tape:
        tape.watch(kernels)
        z, last = x, len(folds) - 1
        for i, (conv, folded) in enumerate(zip(model.network.convs, folds, strict=True)):
            z = conv.apply(z, folded)
            z = tf.nn.relu(z) if i < last else model.network.gain * z
        y = x - (model.operator.adjoint(model.operator(x)) + z)
        loss = tf.reduce_mean(tf.square(y))
    return [tf.reshape(g, [-1])[0] for g in tf.nest.flatten(tape.gradient(loss, kernels))]
