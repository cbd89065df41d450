"""Train with a step of export_step.py on a GPU: needs JAX, NumPy and Pillow, no TensorFlow.

Images, blurs and noise are drawn on the device. Writes the weights (their moving averages where the
training keeps them) every minute, as a file that `tf_jfb` and later steps start from.
"""

import argparse
import concurrent.futures
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

    key, began = jax.random.PRNGKey(args.seed), time.time()
    state, losses = chunk(state, key, 0.0)
    print(f"compiled in {time.time() - began:.0f} s; first losses {losses[:3]}", flush=True)
    safe, usual, caution = jax.tree.map(jnp.copy, state), losses.mean(), 1.0
    start = written = said = time.time()
    steps, kept = 0, 0
    while (share := (time.time() - start) / args.seconds) < 1:
        key, sub = jax.random.split(key)
        value = caution * args.rate * schedule(share, args.warmup, args.decay)
        state, losses = chunk(state, sub, value)
        mean, now = float(losses.mean()), time.time()
        steps += args.steps
        pixels = steps * kit.layout["pixels"]
        if mean < 2 * usual:
            safe, usual = jax.tree.map(jnp.copy, state), 0.9 * usual + 0.1 * mean
        else:  # or NaN
            state, caution = jax.tree.map(jnp.copy, safe), caution / 2
            print(
                f"{now - start:5.0f} s: loss {mean}; back by {args.steps} steps, at half the rate"
            )
        if now - said > 10:
            said = now
            speed = pixels / (now - start) / 1e6
            print(
                f"{now - start:5.0f} s {steps:6d} steps {pixels / 1e6:7.0f} Mpix {speed:5.2f} "
                f"Mpix/s rate {value:.1e} loss {mean:.6f}",
                flush=True,
            )
        if now - written > 60:
            written = now
            save(args.output, kit.learned(state))
        if kept < len(args.keep) and share > args.keep[kept]:
            kept += 1
            name = f"{args.output.removesuffix('.npz')}-{pixels / 1e6:.0f}.npz"
            save(name, [a.astype(np.float16) for a in kit.learned(state)])
    save(args.output, kit.learned(state))
    print(f"{steps} steps, {pixels / 1e6:.0f} megapixels, last loss {mean:.6f}")


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


def drawing(kit, args):
    """(draw, data): `draw(data, key)` gives the flat inputs of a step."""
    shapes = kit.layout["inputs"]
    images, side = shapes["image"][0], shapes["image"][1]
    assert kit.layout["pixels"] == images * side**2, "frames of scenes are not drawn here"
    pool = Pool(args.images, side)
    data, blurred = {"pixels": pool.pixels, "table": pool.table}, "kernel" in shapes
    if blurred:
        with np.load(kit.folder / "kernels.npz") as bank:
            data |= {"true": bank["true"], "told": bank["told" if args.wrong else "true"]}
    data = jax.device_put(data)
    low, high = args.noise

    def draw(data, key):
        keys = jax.random.split(key, 8)
        sharp = pool.draw(data, keys[0], images)
        linear = jax.random.uniform(keys[1], (images, 1, 1, 1)) < args.linear
        sharp = jnp.where(linear, decoded(sharp), sharp)
        std = low * (high / low) ** jax.random.uniform(keys[2], (images,), FLOAT)
        error = std[:, None, None, None] * jax.random.normal(keys[3], sharp.shape, FLOAT)
        if not blurred:
            return [sharp + error, std, sharp]
        true, told = data["true"], data["told"]
        which = jax.random.randint(keys[4], (images,), 0, len(true))
        wrong = jax.random.uniform(keys[5], (images,)) < args.wrong
        kernel = jnp.where(wrong[:, None, None], told[which], true[which])
        factor = 2.0 ** jax.random.uniform(keys[6], (images,), FLOAT, -1, 1)
        level = jnp.clip(jnp.where(wrong, std * factor, std), low, high)
        return [blur(sharp, true[which]) + error, kernel, level, sharp]

    return draw, data


def decoded(x):
    """SRGB to linear light."""
    return jnp.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def blur(x, kernel):
    """Circular convolution of every image with its kernel, whose origin is size // 2."""
    size = x.shape[1:3]
    middle = [-(k // 2) for k in kernel.shape[1:]]
    margins = [(0, n - k) for n, k in zip(size, kernel.shape[1:], strict=True)]
    padded = jnp.pad(kernel, [(0, 0), *margins])
    transfer = jnp.fft.rfft2(jnp.roll(padded, middle, (1, 2)))
    spectrum = jnp.fft.rfft2(x, axes=(1, 2)) * transfer[..., None]
    return jnp.fft.irfft2(spectrum, size, axes=(1, 2)).astype(FLOAT)


class Pool:
    """Crops of a pack of images, at several scales, in random orientations."""

    SCALES = (1.0, 0.84, 0.7, 0.59, 0.5)

    def __init__(self, file, side):
        with np.load(file) as pack:
            data, ends, groups = pack["data"].tobytes(), pack["ends"], pack["groups"]
            self.shares = pack["shares"]
        begins = [0, *ends[:-1]]
        files = [data[a:b] for a, b in zip(begins, ends, strict=True)]
        with concurrent.futures.ThreadPoolExecutor() as threads:
            scaled = list(threads.map(lambda f: self._scaled(f, side), files))
        pixels, table, self.firsts = [], [], []
        offset = 0
        for group in range(len(self.shares)):
            self.firsts.append(len(table))
            for one, its in zip(scaled, groups, strict=True):
                for image in one if its == group else []:
                    table.append((offset, *image.shape[:2]))
                    pixels.append(image.reshape(-1, 3))
                    offset += len(pixels[-1])
        self.firsts.append(len(table))
        self.side = side
        self.pixels = np.concatenate(pixels)
        self.table = np.array(table, np.int32)
        print(f"{len(table)} images, {offset / 1e6:.0f} megapixels, groups {self.firsts}")

    def _scaled(self, file, side):
        from PIL import Image

        image = Image.open(io.BytesIO(file)).convert("RGB")
        sizes = [tuple(max(side, round(s * n)) for n in image.size) for s in self.SCALES]
        scaled = zip(self.SCALES, sizes, strict=True)
        fits = [size for scale, size in scaled if scale * min(image.size) >= side]
        return [
            np.asarray(image if size == image.size else image.resize(size, Image.Resampling.BOX))
            for size in dict.fromkeys(fits)
        ]

    def draw(self, data, key, count):
        k = jax.random.split(key, 6)
        side = self.side
        firsts = jnp.asarray(self.firsts)
        group = jax.random.choice(k[0], len(self.shares), (count,), p=jnp.asarray(self.shares))
        span = firsts[group + 1] - firsts[group]
        share = jax.random.uniform(k[1], (count,))
        which = firsts[group] + jnp.minimum((share * span).astype(jnp.int32), span - 1)
        offset, height, width = data["table"][which].T
        start = jax.random.uniform(k[2], (2, count))
        top = (start[0] * (height - side + 1)).astype(jnp.int32)
        left = (start[1] * (width - side + 1)).astype(jnp.int32)
        turn = jax.random.bernoulli(k[3], shape=(3, count, 1, 1))
        i, j = jnp.meshgrid(jnp.arange(side), jnp.arange(side), indexing="ij")
        i, j = jnp.where(turn[0], j, i), jnp.where(turn[0], i, j)
        i, j = jnp.where(turn[1], side - 1 - i, i), jnp.where(turn[2], side - 1 - j, j)
        column = lambda v: v[:, None, None]  # noqa: E731
        place = column(offset) + (column(top) + i) * column(width) + column(left) + j
        return data["pixels"][place].astype(FLOAT) / 255.0


if __name__ == "__main__":
    main()
