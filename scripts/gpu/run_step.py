"""Train with a step of export_step.py on a GPU: needs JAX, NumPy and Pillow, no TensorFlow.

Images, blurs and noise are drawn on the device. Writes the weights (their moving averages where the
training keeps them) every minute, as a file that `tf_jfb` and later steps start from.
"""

import argparse
import dataclasses
import io
import json
import os
import pathlib
import time

os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # what is float32 stays float32

import jax
import jax.numpy as jnp
import numpy as np
from crops import drawing
from jax import export

EXAMPLE = """
examples:
  python run_step.py kit/denoiser --check
  python run_step.py kit/denoiser --images kit/images.npz --seconds 300 -o denoiser.npz
  python run_step.py kit/model --network denoiser.npz --images kit/images.npz \\
      --noise 0.003 0.05 --rate 1e-4 --seconds 200 -o model.npz
"""
FLOAT = jnp.float32


def parser():
    raw = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLE, formatter_class=raw)
    p.add_argument("kit", type=pathlib.Path, help="folder of export_step.py")
    p.add_argument("--check", action="store_true", help="compare with what TensorFlow had, and end")
    p.add_argument("--images", help="file of pack_images.py")
    p.add_argument("--network", help="weights of a denoiser to start from")
    p.add_argument("--weights", help="weights of the same model to start from")
    p.add_argument("-o", "--output", help="weights to write, .npz")
    p.add_argument("--seconds", type=float, default=60, help="of training (default: 60)")
    p.add_argument("--rate", type=float, default=3e-4, help="highest learning rate, Adam's")
    p.add_argument("--warmup", type=float, default=0.02, help="share of the time (default: 0.02)")
    p.add_argument("--decay", type=float, default=0.3, help="share of the time (default: 0.3)")
    p.add_argument("--noise", type=float, nargs=2, default=(0.003, 0.2), help="range of std")
    p.add_argument("--linear", type=float, default=0.0, help="share of images in linear light")
    p.add_argument("--wrong", type=float, default=0.0, help="share told a wrong blur and noise")
    p.add_argument("--steps", type=int, default=50, help="in one call (default: 50)")
    p.add_argument("--keep", type=float, nargs="*", default=[], help="shares of time to keep half")
    p.add_argument("--seed", type=int, default=0)
    return p


def main() -> None:
    args = parser().parse_args()
    jax.config.update("jax_enable_x64", True)  # the step counter is int64
    kit = Kit(args.kit)
    if args.check:
        return check(kit, args.kit)
    state = kit.start(args.network, args.weights)
    train(kit, state, args)


class Kit:
    """The exported program as a function of JAX, and what its state is."""

    def __init__(self, folder: pathlib.Path):
        self.layout = json.loads((folder / "step.json").read_text())
        self.state = [jnp.asarray(a) for a in numbered(folder / "state.npz")]
        weights = self.layout["weights"]
        self.averages = dict(zip(weights, self.layout["averages"] or weights, strict=True))
        for weight, average in self.averages.items():
            self.state[average] = jnp.array(self.state[weight])
        batch = [jnp.asarray(a) for a in numbered(folder / "check.npz")]
        self.folder, self.batch = folder, batch
        self.updates = {int(k): v for k, v in self.layout["updates"].items()}
        self.call = program((folder / "step.mlir").read_text(), [*batch, *self.state], self.updates)

    def step(self, state, inputs):
        """(state, loss) after a step on the flat `inputs`."""
        results = self.call(*inputs, *state)
        state = list(state)
        for output, place in self.updates.items():
            state[place - len(inputs)] = results[output]
        return state, next(r for i, r in enumerate(results) if i not in self.updates)

    def start(self, network, weights) -> list:
        """The state, with the weights of a file."""
        state, layout = list(self.state), self.layout
        for file, places in ((network, layout["network"]), (weights, layout["variables"])):
            if file is None:
                continue
            for place, array in zip(places, numbered(file, "v"), strict=True):
                assert state[place].shape == array.shape, (place, array.shape)
                for target in {place, self.averages.get(place, place)}:
                    state[target] = jnp.array(array, FLOAT)
        return state

    def learned(self, state) -> list:
        """The model's variables, averages where there are any."""
        return [np.asarray(state[self.averages.get(i, i)]) for i in self.layout["variables"]]


def numbered(file, letter="a") -> list:
    with np.load(file) as arrays:
        return [arrays[f"{letter}{i}"] for i in range(sum(n[0] == letter for n in arrays.files))]


def program(text, arguments, updates):
    """A function of `arguments` from StableHLO: an exported function whose program is replaced."""
    from jax._src.export import _export
    from jax._src.interpreters import mlir
    from jaxlib.mlir import ir

    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arguments]
    count = 1 + len(updates)
    loss = jax.ShapeDtypeStruct((), FLOAT)
    results = [shapes[updates[i]] if i in updates else loss for i in range(count)]
    with mlir.make_ir_context():
        code = _export._module_to_bytecode(ir.Module.parse(text))
    zeros = jax.jit(
        lambda *_: tuple(jnp.zeros(r.shape, r.dtype) for r in results), keep_unused=True
    )
    platform = jax.default_backend().replace("gpu", "cuda")
    exported = export.export(zeros, platforms=[platform])(*shapes)
    return dataclasses.replace(exported, mlir_module_serialized=code).call


def check(kit, folder) -> None:
    """The same batch, again and again: losses and changes of the state against TensorFlow's."""
    with np.load(folder / "check.npz") as saved:
        losses, changes = saved["losses"], saved["changes"]
    step, state, mine = jax.jit(kit.step), kit.state, []
    for _ in losses:
        state, loss = step(state, kit.batch)
        mine.append(float(loss))
    pairs = zip(kit.state, state, strict=True)
    moved = [float(np.linalg.norm(np.asarray(b) - np.asarray(a))) for a, b in pairs]
    weights = kit.layout["weights"]
    error = np.abs(np.array(moved) - changes)[weights].max() / changes[weights].max()
    print("losses here", mine, "\nTensorFlow ", losses.tolist(), f"\nweights' changes: {error:.1e}")


def train(kit, state, args) -> None:
    """Steps by the chunk until the time is up; a chunk whose loss doubles is undone."""
    chunk, key, began = chunks(kit, args), jax.random.PRNGKey(args.seed), time.time()
    state, losses = chunk(state, key, 0.0)
    print(f"compiled in {time.time() - began:.0f} s; first losses {losses[:3]}", flush=True)
    safe, usual, caution = jax.tree.map(jnp.copy, state), losses.mean(), 1.0
    log = Log(kit, args)
    while (share := log.share) < 1:
        key, sub = jax.random.split(key)
        rate = caution * args.rate * schedule(share, args.warmup, args.decay)
        state, losses = chunk(state, sub, rate)
        mean = float(losses.mean())
        if mean < 2 * usual:
            safe, usual = jax.tree.map(jnp.copy, state), 0.9 * usual + 0.1 * mean
        else:  # or NaN
            state, caution = jax.tree.map(jnp.copy, safe), caution / 2
            print(f"loss {mean}; back by {args.steps} steps, at half the rate")
        log.note(state, rate, mean)
    save(args.output, kit.learned(state))
    print(f"{log.steps} steps, {log.megapixels:.0f} megapixels, last loss {mean:.6f}")


def chunks(kit, args):
    """(state, key, rate) -> (state, losses) of `args.steps` steps."""
    draw, data = drawing(kit, args)
    place = kit.layout["rate"]

    def step(state, data, keys, number, rate):  # `data` as arguments: constants would be copied
        state = list(state)
        state[place] = rate
        return kit.step(state, draw(data, keys[number]))

    step = jax.jit(step, donate_argnums=0)

    def chunk(state, key, rate):
        keys, losses = jax.random.split(key, args.steps), []
        for number in range(args.steps):
            state, loss = step(state, data, keys, number, FLOAT(rate))
            losses.append(loss)
        return state, np.asarray(jnp.stack(losses))

    return chunk


class Log:
    """Prints a line every ten seconds, writes the weights every minute and where asked to."""

    def __init__(self, kit, args):
        self.kit, self.args, self.steps, self._kept = kit, args, 0, 0
        self._start = self._said = self._written = time.time()

    @property
    def share(self) -> float:
        """Of the time that is up."""
        return (time.time() - self._start) / self.args.seconds

    @property
    def megapixels(self) -> float:
        return self.steps * self.kit.layout["pixels"] / 1e6

    def note(self, state, rate, loss) -> None:
        """After a chunk."""
        now, args = time.time(), self.args
        self.steps += args.steps
        if now - self._said > 10:
            self._said, seconds = now, now - self._start
            print(
                f"{seconds:5.0f} s {self.steps:6d} steps {self.megapixels:7.0f} Mpix "
                f"{self.megapixels / seconds:5.2f} Mpix/s rate {rate:.1e} loss {loss:.6f}",
                flush=True,
            )
        if now - self._written > 60:
            self._written = now
            save(args.output, self.kit.learned(state))
        if self._kept < len(args.keep) and self.share > args.keep[self._kept]:
            self._kept += 1
            name = f"{args.output.removesuffix('.npz')}-{self.megapixels:.0f}.npz"
            save(name, [a.astype(np.float16) for a in self.kit.learned(state)])


def schedule(share, warmup, decay) -> float:
    """Linear rise, plateau, half a cosine down to 1 %."""
    if share < warmup:
        return max(share / warmup, 0.01)
    left = min(1.0, max(0.0, (1 - share) / decay))
    return 0.01 + 0.99 * 0.5 * (1 - np.cos(np.pi * left))


def save(path, arrays) -> None:
    if path:
        memory = io.BytesIO()
        np.savez(memory, **{f"v{i}": a for i, a in enumerate(arrays)})
        temporary = pathlib.Path(f"{path}.partial")
        temporary.write_bytes(memory.getvalue())
        os.replace(temporary, path)


if __name__ == "__main__":
    main()
