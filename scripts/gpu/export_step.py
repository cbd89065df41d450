"""Export a training step as StableHLO: for a GPU beside which there is JAX, but no TensorFlow.

Writes step.mlir, the program; step.json, what its inputs and outputs are; state.npz, what it starts
from; kernels.npz, where a model restores any blur; and a batch with what TensorFlow makes of it.
"""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
examples:
  python scripts/gpu/export_step.py --denoiser --config scripts/configs/denoiser.yaml \\
      --path PHOTOS:PHOTOS:CELEBA -o kit/denoiser
  python scripts/gpu/export_step.py --config scripts/configs/any-blur.yaml \\
      --path PHOTOS:PHOTOS:CELEBA --initial runs/model -o kit/model

README.md beside this script shows the whole way.
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("-o", "--output", required=True, help="folder to write")
    p.add_argument("--config", required=True, help="YAML file of the training")
    p.add_argument("--path", help="folders of images, as the configuration needs them")
    p.add_argument("--denoiser", action="store_true", help="the step of the denoiser's training")
    p.add_argument("--initial", help="run folder or exported model to start from")
    p.add_argument("--pretrained", help="run folder of a denoiser, for a model to start from")
    p.add_argument("--batch", type=int, default=16, help="images per step (default: 16)")
    p.add_argument("--crop", type=int, default=128, help="their side (default: 128)")
    p.add_argument("--kernels", type=int, default=4096, help="in the bank (default: 4096)")
    p.add_argument("--clip", type=float, help="norm that gradients are clipped to")
    p.add_argument("--check", type=int, default=5, help="steps to take here too (default: 5)")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow(keep_memory=True)
    import numpy as np

    config, model = _model(args)
    step, batch = _step(model), _batch(config, args)
    program, layout = _compiled(step, batch, model)
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "step.mlir").write_text(program)
    state = _state(step, batch)
    averages = set(layout["averages"])  # which start as the weights do
    kept = [np.zeros(0) if i in averages else array for i, array in enumerate(state)]
    np.savez_compressed(output / "state.npz", **_numbered(kept))
    losses = [float(step(*batch)) for _ in range(args.check)]
    moved = zip(state, _state(step, batch), strict=True)
    changes = [float(np.linalg.norm(b - a)) for a, b in moved]
    flat = _flat(batch)
    np.savez(output / "check.npz", losses=losses, changes=changes, **_numbered(flat))
    if "kernel" in layout["inputs"]:
        np.savez_compressed(output / "kernels.npz", **_banks(config, args.kernels))
    (output / "step.json").write_text(json.dumps(layout, indent=1))
    print(f"{output}: {len(state)} arrays of state, losses {losses}")


def _model(args):
    from tf_jfb._weights import load_weights
    from tf_jfb.training import Config, load_config
    from tf_jfb.training.build import build_denoiser, build_model
    from tf_jfb.training.fit import compile_model

    own = {"path": args.path, "pretrained": args.pretrained, "initial": None}
    config = Config(**{**load_config(args.config), **own, "schedule": "constant", "warmup": 0})
    model = (build_denoiser if args.denoiser else build_model)(config)
    if args.initial:
        load_weights(args.initial, model)
    compile_model(model, config)
    model.optimizer.global_clipnorm = args.clip
    return config, model


def _step(model):
    """One step of `model.fit` on a batch, its convolutions' gradients being those for GPUs."""
    import tensorflow as tf

    from tf_jfb._gradients import undifferentiated

    @tf.function(jit_compile=True, autograph=False)
    def step(inputs, sharp):
        weights = model.trainable_variables
        with undifferentiated("convolution"):
            with tf.GradientTape() as tape:
                loss = model.compute_loss(inputs, sharp, model(inputs, training=True))
            model.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return step


def _batch(config, args):
    """(inputs, sharp) of the shapes to train on."""
    from tf_jfb.training import problem

    source = problem.data.DeadLeaves(args.batch, args.crop, seed=1)
    kind = problem.noisy(config) if args.denoiser else problem.degradation(config)
    return next(iter(kind.examples(source, batch_size=args.batch, crop=args.crop)))


def _compiled(step, batch, model) -> tuple:
    """The program as text, and what its inputs and outputs are."""
    import numpy as np

    compiler = step.experimental_get_compiler_ir(*batch)
    aliases = re.findall(r"\{(\d+)\}: \((\d+), \{\}", compiler(stage="hlo").split("\n", 1)[0])
    places = {id(v): i for i, v in enumerate(_handles(step, batch))}

    def index(variables):
        return [places[id(getattr(v, "value", v).handle)] for v in variables]

    weights, averages = index(model.trainable_variables), []
    if model.optimizer.use_ema:
        averages = index(model.optimizer._model_variables_moving_average)
    inputs = batch[0]
    layout = {
        "inputs": {name: list(inputs[name].shape) for name in sorted(inputs)},
        "updates": {int(output): int(place) for output, place in aliases},  # output: argument
        "weights": weights,
        "averages": averages,
        "variables": index(model.variables),
        "network": index(model.network.variables),
        "rate": index([model.optimizer._learning_rate])[0],
        "pixels": int(np.prod(batch[1].shape[:3])),
    }
    return _portable(compiler(stage="stablehlo")), layout


def _portable(text: str) -> str:
    """Without places in the source and what is XLA's own: attributes, copies, sizes set again."""
    text = re.sub(r"^#loc.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r" loc\((#loc\d*|unknown)\)", "", text)
    text = re.sub(r"attributes \{mhlo.*?\} \{\n", "{\n", text, count=1)
    text = re.sub(r", mhlo\.frontend_attributes = \{[^}]*\}", "", text)
    same = r"= stablehlo.reshape \1 : (\2) -> \2"
    text = re.sub(r"= mhlo\.copy (%[\w#]+) : (tensor<\S+>)", same, text)
    size = r"= stablehlo\.set_dimension_size (%[\w#]+), .*? -> (tensor<[^<>]+>)"
    return re.sub(size, same, text)


def _handles(step, batch) -> list:
    return list(step.get_concrete_function(*batch).captured_inputs)


def _state(step, batch) -> list:
    """Values of the variables that the step reads, in the order of its inputs."""
    import tensorflow as tf

    known = {id(v.handle): v for v in step.get_concrete_function(*batch).graph.variables}
    return [tf.identity(known[id(handle)]).numpy() for handle in _handles(step, batch)]


def _flat(batch) -> list:
    import tensorflow as tf

    return [part.numpy() for part in tf.nest.flatten(batch)]


def _numbered(arrays) -> dict:
    return {f"a{i}": array for i, array in enumerate(arrays)}


def _banks(config, count) -> dict:
    """Kernels, and what a user may take them for."""
    from tf_jfb.training import problem

    blurs, seed = problem.degradation(config).blurs, config.seed
    return {"true": blurs.bank(count, seed), "told": blurs.bank(count, seed, misjudged=True)}


if __name__ == "__main__":
    _cli.run(main)
