"""Photon noise and what is done about it: PSNR on Poisson images, by photons at white.

"estimated" is not told of it; "level" is told the root of the mean variance, as `--photons` does;
"stabilised" restores the square root of the image, of which the noise is the same everywhere;
"weights" gives every pixel the inverse of its own variance in the data term, at most 1.
"""

import functools
import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

from tf_jfb._files import write_text

EXAMPLE = """
example:
  python scripts/studies/photons.py --path BSDS500/val --kernels levin09.npz:k1 levin09.npz:k5 \\
      gaussian:15:1.6
"""
SMOOTH = 2.0  # std in pixels of the Gaussian that tells the variance of a pixel


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--model", default="deblur", help="name or folder of a model of any blur")
    p.add_argument("--path", required=True, help="folder of images, whose values are light")
    p.add_argument("--kernels", nargs="+", required=True, help="names or files")
    p.add_argument("--photons", type=int, nargs="+", default=[50, 100, 1000], help="at white")
    p.add_argument("--images", type=int, default=3, help="spread over the folder")
    p.add_argument("--side", type=int, default=96, help="of their centres, pixels")
    p.add_argument("--max-evaluations", type=int, default=20, help="cap of a solve")
    p.add_argument("--output", help="write the figures as JSON here too")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.check_folders(args.output)
    _cli.import_tensorflow(keep_memory=True)
    import tf_jfb

    model = tf_jfb.load(args.model)
    source = tf_jfb.data.FolderSource(args.path)
    chosen = np.linspace(0, len(source), args.images, endpoint=False).astype(int)
    figures = {}
    for name in args.kernels:
        sharp, blurred, kernel = images(source, chosen, name, args.side)
        for photons in args.photons:
            rng = np.random.default_rng([photons, len(name)])
            d = np.float32(rng.poisson(np.maximum(blurred, 0.0) * photons) / photons)
            solve = functools.partial(run, model, kernel, args.max_evaluations)
            for method, restored in restorations(solve, d, photons).items():
                psnr = tf_jfb.metrics.psnr(sharp, np.clip(restored, 0, 1)).numpy()
                figures.setdefault(method, {}).setdefault(photons, []).extend(map(float, psnr))
                print(f"{name}, {photons}, {method}: {psnr.mean():.2f} dB", flush=True)
    print("\n".join(table(figures, args.photons)))
    if args.output:
        write_text(args.output, json.dumps(figures, indent=1))


def images(source, chosen, name, side) -> tuple:
    """(sharp, blurred [B, H, W, C], kernel), the scene going on beyond the images."""
    from tf_jfb.data import centre
    from tf_jfb.operators import Blur, kernels

    kernel = kernels.parse(name)
    margin = max(kernel.shape) // 2
    wide = np.stack([centre(source[i], side + 2 * margin) for i in chosen])
    inner = (slice(None), *[slice(margin, margin + side)] * 2)
    return wide[inner], Blur(kernel)(wide).numpy()[inner], kernel


def run(model, kernel, cap, d, noise, mask) -> np.ndarray:
    """Restored images; entries of `mask` [B, H, W, 1] are roots of weights in [0, 1]."""
    count = len(d)
    inputs = {
        "image": np.float32(mask * d),
        "mask": np.float32(mask),
        "kernel": np.repeat(np.float32(kernel / kernel.sum())[None], count, 0),
        "noise": np.float32(noise),
        "rtol": np.full(count, model.rtol, np.float32),
        "max_evaluations": np.full(count, cap, np.int32),
    }
    return model.run(inputs)["restored"]


def restorations(solve, d, photons) -> dict:
    """{method: restored}."""
    from tf_jfb import noise

    ones = np.ones_like(d[..., :1])
    level = [noise.PoissonGaussian(photons).std(image) for image in d]
    root = np.sqrt(d + 3 / 8 / photons)  # Anscombe (1948)
    stabilised = solve(root, np.full(len(d), 0.5 / photons**0.5), ones)
    variance = variances(d, photons)
    usual = np.median(variance, axis=(1, 2, 3), keepdims=True)
    weights = np.minimum(1.0, usual / variance)
    return {
        "estimated": solve(d, [noise.estimate(image).std for image in d], ones),
        "level": solve(d, level, ones),
        "stabilised": np.maximum(stabilised, 0.0) ** 2 - 3 / 8 / photons,
        "weights": solve(d, np.sqrt(usual).ravel(), np.sqrt(weights)),
    }


def variances(d, photons) -> np.ndarray:
    """Of the noise at every pixel, [B, H, W, 1]: smoothed, at least that of a photon."""
    import cv2

    smooth = [cv2.GaussianBlur(x, (0, 0), SMOOTH, borderType=cv2.BORDER_REPLICATE) for x in d]
    return np.maximum(np.stack(smooth).mean(-1, keepdims=True), 1 / photons) / photons


def table(figures, photons) -> list:
    lines = [["photons at white", *figures], ["---"] * (1 + len(figures))]
    for count in photons:
        lines.append([str(count), *(f"{np.mean(rows[count]):.2f}" for rows in figures.values())])
    return ["| " + " | ".join(line) + " |" for line in lines]


if __name__ == "__main__":
    _cli.run(main)
