"""What run_step.py trains on: crops of a pack of images, blurred and noisy, drawn on the device."""

import concurrent.futures
import io

import jax
import jax.numpy as jnp
import numpy as np

FLOAT = jnp.float32


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

        def column(v):
            return v[:, None, None]

        place = column(offset) + (column(top) + i) * column(width) + column(left) + j
        return data["pixels"][place].astype(FLOAT) / 255.0
