"""Where tf_jfb's training step spends its time: evaluations of T, one backward, the rest."""

import statistics
import time


def measure(args, size: int) -> dict:
    """Seconds of a step, a solve and their parts alone, interleaved, and the rest's shares."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model, blurred, sharp = _problem(args, size)
    programs = {
        "step": tf.function(lambda: model.train_step((blurred, sharp))["loss"]),
        "solve": tf.function(lambda: model.solved(blurred).evaluations),
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
    evaluations = medians["evaluations"]
    rest = medians["step"] - evaluations - medians["recorded evaluation and backward"]
    algebra = medians["solve"] - evaluations
    return {
        **medians,
        "rest": rest,
        "rest / step": rest / medians["step"],
        "solver's share of a solve": algebra / medians["solve"],
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
    solver = tf_jfb.solvers.Anderson(rtol=0.0, max_evaluations=args.evaluations)
    model = tf_jfb.models.DEGrad(operator, network, solver)
    model.compile("adam")
    sharp = tf.random.stateless_uniform([args.batch, size, size, 3], [0, 1])
    blurred = operator(sharp)
    model.build(blurred.shape)
    return model, blurred, sharp


def _evaluations(model, d, count):
    """`count` applications of T in a loop, with nothing else: the floor of a solve."""
    import tensorflow as tf

    x0, T = model.bound_map(d)  # noqa: N806
    return tf.while_loop(lambda i, x: i < count, lambda i, x: (i + 1, T(x)), (0, x0))[1][0, 0, 0]


def _backward(model, d):
    import tensorflow as tf

    from tf_jfb._compat import value

    with tf.GradientTape() as tape:
        x0, T = model.bound_map(d)  # noqa: N806
        loss = tf.reduce_mean(tf.square(T(x0)))
    gradients = tape.gradient(loss, [value(v) for v in model.trainable_variables])
    return [tf.reshape(g, [-1])[0] for g in gradients]
