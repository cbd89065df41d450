"""Large photographs: what an evaluation costs per megapixel by size, and what tiles change.

With --memory a file is restored by `tf-jfb deblur` within it, reading and writing included.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
examples:
  python scripts/studies/large_images.py --sizes 256x256 1024x1024 2000x3000
  python scripts/studies/large_images.py --sizes 1024x1536 --tile 512 --photo PHOTO
  python scripts/studies/large_images.py --sizes 4000x6000 --memory 4
"""
CAP = 9  # evaluations of a file that is restored


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--model", default="deblur", help="exported model: a name or folder (deblur)")
    p.add_argument("--kernel", default="motion:25:3", help="the blur (%(default)s)")
    p.add_argument("--noise", type=float, default=0.01, help="std in [0, 1] units (%(default)s)")
    p.add_argument("--sizes", nargs="+", default=["256x256", "512x512"], metavar="HxW")
    p.add_argument("--boundary", default="photo", choices=("photo", "circular"))
    p.add_argument("--tile", type=int, help="compare tiles of this side with the whole instead")
    p.add_argument("--memory", type=float, metavar="GIB", help="restore a file within it instead")
    p.add_argument("--photo", help="sharp photograph to compare on; default dead leaves")
    p.add_argument(
        "--rtol", type=float, nargs="+", default=[1e-3, 1e-4], help="tolerances to compare at"
    )
    p.add_argument(
        "--evaluations",
        nargs=2,
        type=int,
        default=(9, 15),
        metavar=("FEW", "MORE"),
        help="of two solves, whose difference leaves out what comes once (%(default)s)",
    )
    p.add_argument("--one", metavar="HxW", help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        measure = seams if args.tile else command if args.memory else cost
        print(json.dumps(measure(args, *map(int, args.one.split("x")))))
        return
    if args.tile is None:
        print("| size | seconds per evaluation and megapixel | peak memory (MiB) |\n|---|---|---|")
        for size in args.sizes:
            found = _cli.run_alone(size)
            print(f"| {size} | {found['seconds']:.2f} | {found['mib']:.0f} |", flush=True)
        return
    print("| size | light | tolerance | largest | 99.9 % below | rms | rms to the limit |")
    print("|---" * 7 + "|")
    for size in args.sizes:
        for light, rtol, *found in _cli.run_alone(size):
            cells = " | ".join(f"{x:.1e}" for x in found)
            print(f"| {size} | {light} | {rtol:g} | {cells} |", flush=True)


def cost(args, height: int, width: int) -> dict:
    """Of a solve that goes on whatever its residual."""
    import time

    _cli.import_tensorflow(keep_memory=True)
    from tf_jfb.data import DeadLeaves
    from tf_jfb.exported import ExportedModel
    from tf_jfb.operators import kernels

    model, kernel = ExportedModel.open(args.model), kernels.parse(args.kernel)
    told = {"kernel": kernel, "noise": args.noise, "boundary": args.boundary, "rtol": 0.0}

    def seconds(image, evaluations):
        start = time.perf_counter()
        model.restore(image, **told, max_evaluations=evaluations)
        return time.perf_counter() - start

    small = DeadLeaves(1, 64)[0]
    seconds(small, min(args.evaluations))  # the graph is optimised
    image = tiled(DeadLeaves(1, 512)[0], height, width)
    repeats = max(1, round(3e5 / (height * width)))
    few, more = (min(seconds(image, n) for _ in range(repeats)) for n in args.evaluations)
    return row((more - few) / (args.evaluations[1] - args.evaluations[0]), height, width)


def command(args, height: int, width: int) -> dict:
    """Of a file by the command in a process of its own, at a cap of `CAP` evaluations."""
    import subprocess
    import tempfile
    import time

    _cli.import_tensorflow()
    from tf_jfb.data import DeadLeaves, Photo, simulate, write_image

    sharp = Photo(tiled(DeadLeaves(1, 512)[0], height, width), dtype="uint8")
    with tempfile.TemporaryDirectory() as folder:
        blurred, restored = (f"{folder}/{name}.png" for name in ("blurred", "restored"))
        write_image(blurred, simulate(sharp, args.kernel, args.noise, black=False)[1])
        told = ("--model", args.model, "--kernel", args.kernel, "--noise", str(args.noise))
        solve = ("--memory", str(args.memory), "--rtol", "0", "--max-evaluations", str(CAP))
        script = pathlib.Path(__file__).resolve().parents[1] / "deblur.py"
        start = time.perf_counter()
        run = (sys.executable, str(script), blurred, "-o", restored, *told, *solve)
        subprocess.run(run, check=True, stdout=sys.stderr)
        return row((time.perf_counter() - start) / CAP, height, width, of_children=True)


def row(seconds: float, height: int, width: int, of_children: bool = False) -> dict:
    """Per megapixel, and the most memory that this process had, or one that it started."""
    import resource

    whose = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    peak = resource.getrusage(whose).ru_maxrss / 1024
    return {"seconds": seconds / (height * width / 1e6), "mib": peak}


def tiled(image, height: int, width: int):
    """Repeated and cut to the size."""
    import numpy as np

    times = (-(-height // image.shape[0]), -(-width // image.shape[1]), 1)
    return np.tile(image, times)[:height, :width]


def seams(args, height: int, width: int) -> list:
    """[light, tolerance, largest, 99.9 %, rms of |tiles - whole|, rms of |whole - its limit|]."""
    import numpy as np

    _cli.import_tensorflow()
    from tf_jfb.data import DeadLeaves, Photo, light, read_image, simulate
    from tf_jfb.exported import ExportedModel, deblur_photo
    from tf_jfb.operators import kernels

    model, kernel = ExportedModel.open(args.model), kernels.parse(args.kernel)
    sharp = DeadLeaves(1, 512)[0] if args.photo is None else read_image(args.photo).pixels
    sharp = tiled(sharp, height, width)
    rows = []
    for name in ("encoded", "linear"):
        values = light.decode(sharp) if name == "linear" else sharp
        photo = Photo(values, dtype="float32")
        blurred = simulate(photo, args.kernel, args.noise, black=False)[1]
        told = {"kernel": kernel, "noise": args.noise, "light": "encoded"}

        def restored(rtol, tile=None, blurred=blurred, told=told):
            return deblur_photo(model, blurred, tile=tile, rtol=rtol, **told).photo.pixels

        limit = restored(min(args.rtol) / 10)
        for rtol in args.rtol:
            whole = restored(rtol)
            apart = np.abs(restored(rtol, args.tile) - whole)
            rms = [float(np.sqrt(np.mean(part**2))) for part in (apart, whole - limit)]
            found = (float(apart.max()), float(np.quantile(apart, 0.999)), *rms)
            rows.append([name, rtol, *found])
    return rows


if __name__ == "__main__":
    _cli.run(main)
