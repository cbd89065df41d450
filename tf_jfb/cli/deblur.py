"""Restore blurred photographs with an exported model and say how the solves went.

One photograph is written to a file; several, a folder or a quoted pattern into a folder, with a
report.csv that names status, residual, evaluations, noise, seconds and output of each.
"""

import pathlib

from tf_jfb.cli._shared import (
    add_ensemble,
    add_light,
    add_solve,
    check_apart,
    check_figure,
    check_folders,
    import_tensorflow,
    stopped_alike,
)

EXAMPLE = """
examples:
  %(prog)s photo.jpg --kernel psf.png -o restored.png
  %(prog)s photos --kernel measured.tif --model deblur-robust --refine-kernel -o restored
  %(prog)s "scans/**/*.tif" --kernel disk:3 --light encoded -o restored --memory 4
  %(prog)s stars.fits --kernel psf.fits --gain 1.5 --read-noise 4 -o restored.fits
  %(prog)s sharp.png --kernel motion:25:3 --simulate motion:25:3 --noise 0.01 -o out.png
  %(prog)s photo.jpg --model saved_models/celeba-g5s5 --light encoded -o restored.png

The exit code is 0; 1 where some of several failed; 2 where the input was refused.
"""
LEAST = {"rtol": 0, "max_evaluations": 1, "noise": 0, "tile": 1, "read_noise": 0}


def add_arguments(p) -> None:
    p.add_argument("photos", nargs="+", metavar="PHOTO", help="image, folder or quoted pattern")
    p.add_argument("-o", "--output", required=True, help="image to write; of several, a folder")
    p.add_argument(
        "--model",
        default="deblur",
        help="a name or folder (deblur); deblur-robust for a kernel that was measured or guessed",
    )
    p.add_argument("--kernel", help="the blur, for a model that takes any: gaussian:5:5.0, FILE")
    p.add_argument(
        "--refine-kernel",
        action="store_true",
        help="take KERNEL for a start: its width and noise are put right from the image first",
    )
    p.add_argument(
        "--noise",
        type=float,
        help="std where white is 1, of --simulate (else 0) and told to a model that takes it "
        "(else estimated)",
    )
    add_light(p)
    _add_camera(p.add_argument_group("photon noise, in place of --noise"))
    _add_solve(p.add_argument_group("the solve"))
    files = p.add_argument_group("pixels and files")
    files.add_argument(
        "--saturated", type=float, metavar="LEVEL", help="leave out pixels at or above, as 0.98"
    )
    files.add_argument(
        "--mask", metavar="FILE", help="image: leave out pixels where it is below half"
    )
    files.add_argument("--white", type=float, help="the file's value that is 1; else its type's")
    files.add_argument("--pages", help="of a stack or animation: all, first or a number from 1")
    files.add_argument("--overwrite", action="store_true", help="restore again what is there")
    _add_arguments_of_one(p.add_argument_group("one photograph"))


def _add_solve(solve) -> None:
    add_solve(solve)
    add_ensemble(solve)
    solve.add_argument("--tile", type=int, help="side of the tiles of large images, pixels")
    solve.add_argument("--memory", type=float, metavar="GIB", help="at most; else 0.7 of the free")


def _add_camera(camera) -> None:
    camera.add_argument("--photons", type=float, metavar="N", help="counted where light is 1")
    camera.add_argument(
        "--gain",
        type=float,
        metavar="G",
        help="or electrons per step of the file's values, where these count light",
    )
    camera.add_argument(
        "--read-noise", type=float, metavar="R", help="that the camera adds, std in electrons (0)"
    )


def _add_arguments_of_one(one) -> None:
    one.add_argument(
        "--simulate",
        metavar="BLUR",
        help="blur PHOTO first: gaussian:SIZE:STD; "
        "with --kernel, cut off the edge whose blur mixes in what lies beyond",
    )
    one.add_argument("--seed", type=int, default=0, help="of the simulated noise")
    one.add_argument("--figure", help="also write a figure: sharp, blurred, restored, residuals")
    one.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args) -> int:
    several = _several(args)
    _check(args, several)
    import_tensorflow(keep_memory=several)
    with stopped_alike():
        if several:
            from tf_jfb.cli import _deblur_many

            return _deblur_many.run(args)
        from tf_jfb.cli import _deblur_one

        return _deblur_one.run(args)


def _several(args) -> bool:
    """Whether the output is a folder."""
    if len(args.photos) > 1 or pathlib.Path(args.output).is_dir():
        return True
    return not pathlib.Path(args.photos[0]).is_file() and (
        pathlib.Path(args.photos[0]).is_dir() or any(c in args.photos[0] for c in "*?[")
    )


def _check(args, several) -> None:
    """Refuses what can be refused before TensorFlow is imported."""
    for name, least in LEAST.items():
        value = getattr(args, name)
        if value is not None and not least <= value < float("inf"):
            raise ValueError(f"`{name}` must be >= {least}, and finite. Received: {name}={value}")
    for name in ("saturated", "white", "memory", "photons", "gain"):
        value = getattr(args, name)
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"`{name}` must be positive, and finite. Received: {name}={value}")
    if args.refine_kernel and not args.kernel:
        raise ValueError("--refine-kernel needs --kernel to start from")
    _check_camera(args)
    if several:
        _check_many(args)
    else:
        _check_one(args)


def _check_camera(args) -> None:
    told = [n for n in ("noise", "photons", "gain") if getattr(args, n) is not None]
    if len(told) > 1:
        raise ValueError(f"--{told[0]} and --{told[1]} say the same: give one of them")
    if args.read_noise is not None and told not in (["photons"], ["gain"]):
        raise ValueError("--read-noise needs --photons or --gain")
    if args.gain is not None and args.simulate:
        raise ValueError("--gain is of a file's own values: simulate with --photons")


def _check_many(args) -> None:
    for name in ("simulate", "figure", "json"):
        if getattr(args, name):
            raise ValueError(f"--{name} is for one photograph, with an image for its output")
    output = pathlib.Path(args.output)
    if not output.is_dir() and (output.suffix or output.exists()):
        raise ValueError(f"The output of several photographs must be a folder: {args.output!r}")


def _check_one(args) -> None:
    photo = args.photos[0]
    if not pathlib.Path(photo).is_file():
        raise ValueError(f"The image file must exist. Received: path={photo!r}")
    check_folders(args.output, args.figure)
    if not pathlib.Path(args.output).suffix:
        raise ValueError(f"The output must end in the name of an image format: {args.output!r}")
    check_figure(args.figure)
    check_apart([args.output, args.figure], [photo, args.kernel, args.mask])
