"""The faults of the published code, each switched on: what it costs on a small DE-GRAD.

A denoiser is trained, then the paper's model from it, once as it should be and once with each fault
of a training; the other faults are measured on the model that was trained as it should be.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import _kept

EXAMPLE = """
examples:
  python scripts/studies/faults.py
  python scripts/studies/faults.py --path CELEBA --output runs/faults-celeba
"""
# The paper's map with a small network, from a denoiser.
BASE = {"depth": 5, "channels": 16, "gain": 0.05, "crop": 32, "batch_size": 8, "validation": 8}
WEIGHT = 0.0625  # (0.005 / 0.02)^2: of noise in the data over noise of the denoiser, squared
TRAININGS = {"accumulated": "gradients accumulate", "eta": "only η is trained", "none": "neither"}
POINTS = 5  # of a training, at which PSNR is measured
ROWS = (  # key of the results, fault, what is measured, how it is written
    ("stop_evaluations", "stops on the batch's largest step, η = 0.001", "evaluations", ".1f"),
    ("stop_residual", "", "residual reached, of an η of 1", ".2g"),
    ("stop_psnr", "", "PSNR (dB)", ".2f"),
    ("batch_evaluations", "stops on the batch's largest residual", "evaluations", ".1f"),
    ("ridge_0.001", "Anderson's ridge is absolute", "evaluations to 1e-3, 100 at most", ".1f"),
    ("ridge_0.0001", "", "to 1e-4", ".1f"),
    ("ridge_1e-05", "", "to 1e-5", ".1f"),
    ("train_eta", "optimizer made before the network", "PSNR gained (dB)", ".2f"),
    ("train_accumulated", "gradients accumulate", "PSNR gained (dB)", ".2f"),
    ("partners_rms", "batch statistics in the solve", "change with the batch, of 255", ".2f"),
    ("partners_psnr", "", "PSNR (dB)", ".2f"),
    ("norm_folded", "batch normalisation after the bound 1", "largest norm of a layer", ".2f"),
    ("norm_matrix", "bound 1 on the reshaped matrix", "largest norm of a layer", ".2f"),
    ("adjoint_error", "transpose as the adjoint", "error of ⟨Ax, y⟩ = ⟨x, Aᵀy⟩", ".2g"),
    ("adjoint_psnr", "", "PSNR (dB)", ".2f"),
    ("adjoint_converged", "", "share converged", ".2f"),
    ("peak", "peak 1 on [-1, 1]", "PSNR (dB)", ".2f"),
)


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    add = p.add_argument
    add("--path", help="folder of CelebA images; without it, dead leaves")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of every training")
    add("--denoiser-steps", type=int, default=600, help="of the denoiser (%(default)s)")
    add("--steps", type=int, default=150, help="of every training (%(default)s)")
    add("--learning-rate", type=float, default=1e-4, help="of Adam, constant (%(default)s)")
    add("--images", type=int, default=8, help="of the test, an even number (%(default)s)")
    add("--side", type=int, default=128, help="of them, pixels (%(default)s)")
    add("--output", default="runs/faults", help="folder for results and figure")
    add("--one", metavar="SEED", type=int, help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one is not None:
        print(json.dumps(case(args, args.one)))
        return
    check(args)
    folder = pathlib.Path(args.output)
    names = ("path", "denoiser_steps", "steps", "learning_rate", "images", "side")
    asked = {name: getattr(args, name) for name in names}
    chosen = list(_kept.measured(folder, asked, [(seed,) for seed in args.seeds]).values())
    print(table(chosen))
    _cli.import_tensorflow()
    draw(chosen, folder / "faults.png")


def check(args) -> None:
    """Refuses what would fail in the middle."""
    if args.path and not pathlib.Path(args.path).is_dir():
        raise ValueError(f"--path must be a folder of images. Received: {args.path!r}")
    if args.images < 4 or args.images % 2:
        raise ValueError(f"--images must be even and at least 4. Received: {args.images}")
    if args.steps < POINTS or args.steps % POINTS:
        raise ValueError(f"--steps must be a multiple of {POINTS}. Received: {args.steps}")


def case(args, seed: int) -> dict:
    """{key of `ROWS`: [with the fault, without it]} and the curves of the figure, of one seed."""
    _cli.import_tensorflow(keep_memory=True)
    import fault_maps
    import numpy as np
    import tensorflow as tf

    from tf_jfb import data

    model, batches, config = prepare(args, seed)
    if args.path:
        source = data.celeba(args.path, "test", args.side)
    else:
        source = data.DeadLeaves(args.images, args.side, seed=1_000_003)
    sharp = np.stack([source[i] for i in range(args.images)])
    measured = data.Fixed(config.operator, config.noise).measure(sharp, seed)[0]
    d = tf.constant(measured, tf.float32)

    def score() -> float:
        return fault_maps.mean_psnr(model.restore(d).x, sharp)

    curves = train(args, model, batches, score)  # last as it should be
    gained = {name: curve[-1] - curve[0] for name, curve in curves.items()}
    results = {f"train_{name}": [gained[name], gained["none"]] for name in ("eta", "accumulated")}
    results["start_psnr"], results["train_curves"] = curves["none"][0], curves
    return results | fault_maps.all_of(model, d, sharp, config.noise)


def prepare(args, seed: int) -> tuple:
    """(model, batches (blurred, sharp), config): the paper's model, with a denoiser for network."""
    from tf_jfb import data
    from tf_jfb.training import Config, build_model, train_denoiser
    from tf_jfb.training.problem import source

    kind = {"data": "celeba", "path": args.path, "size": 64} if args.path else {"size": 48}
    shared = {**BASE, **kind, "seed": seed}
    steps = {"epochs": 6, "steps": -(-args.denoiser_steps // 6), "learning_rate": 2e-3}
    folder = pathlib.Path(args.output) / f"denoiser-{seed}"
    train_denoiser(Config(**shared, **steps), folder, verbose=0)
    start = {"pretrained": str(folder), "denoiser_weight": WEIGHT, "momentum": 1.0}
    config = Config(**shared, **start)
    batches = data.examples(
        source(config, "train"),
        config.operator,
        config.noise,
        batch_size=config.batch_size,
        crop=config.crop,
        seed=seed,
    )
    return build_model(config), batches, config


def train(args, model, batches, score) -> dict:
    """{training: PSNR at the start and at `POINTS` steps}, all on the same batches."""
    import keras
    import tensorflow as tf

    weights = model.trainable_variables

    @tf.function(autograph=False)
    def gradients(blurred, sharp):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.square(model(blurred, training=True) - sharp))
        return tape.gradient(error, weights)

    start, curves = model.get_weights(), {}
    for fault in TRAININGS:
        model.set_weights(start)
        adam = keras.optimizers.Adam(args.learning_rate, epsilon=1e-10)
        known = [weight for weight in weights if fault != "eta" or weight is model.log_eta]
        total, curves[fault] = None, [score()]
        for step, batch in enumerate(batches.take(args.steps), 1):
            found = gradients(*batch)
            if fault == "accumulated" and total is not None:
                found = [old + new for old, new in zip(total, found, strict=True)]
            total = found
            pairs = zip(found, weights, strict=True)
            adam.apply_gradients([(g, w) for g, w in pairs if any(w is k for k in known)])
            if step % (args.steps // POINTS) == 0:
                curves[fault].append(score())
    return curves


def table(results: list) -> str:
    """Every fault with its figures with and without it, and their standard errors, as Markdown."""
    lines = ["| fault | measured | with it | without it |", "|---|---|---|---|"]
    for key, fault, measured, form in ROWS:
        cells = []
        for side in (0, 1):
            mean, error = _kept.mean_and_error([result[key][side] for result in results])
            error = f" ± {error:{form}}" if error > 0 else ""
            cells.append(f"{mean:{form}}{error}")
        lines.append(f"| {fault} | {measured} | {' | '.join(cells)} |")
    mean, _ = _kept.mean_and_error([result["start_psnr"] for result in results])
    return "\n".join([*lines, "", f"The trainings start at {mean:.2f} dB."])


def draw(results: list, path) -> None:
    """Trainings with and without their faults; residuals of the solves with and without theirs."""
    import numpy as np

    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    for name, label in TRAININGS.items():
        curves = np.array([result["train_curves"][name] for result in results])
        error = curves.std(axis=0, ddof=1) / len(curves) ** 0.5 if len(curves) > 1 else None
        share = np.linspace(0, 100, curves.shape[1])
        axes[0].errorbar(share, curves.mean(axis=0), error, fmt="o-", capsize=3, label=label)
    axes[0].set(xlabel="% of the steps", ylabel="PSNR (dB)", title="training")
    panels = (
        ("ridge_curves", ("absolute", "relative"), "Anderson's ridge"),
        ("adjoint_curves", ("transpose", "adjoint"), "the adjoint of the blur"),
    )
    for axis, (key, labels, title) in zip(axes[1:], panels, strict=True):
        for i, label in enumerate(labels):
            for j, result in enumerate(results):
                curve = result[key][i]
                counts = range(1, len(curve) + 1)
                axis.semilogy(counts, curve, f"C{i}", label=None if j else label)
        axis.set(xlabel="evaluations", ylabel="relative residual", title=title)
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.legend()
    axes[0].legend(loc=(0.42, 0.11))  # between the curves
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    _cli.run(main)
