"""Make, measure and check point-spread functions.

`make` computes one from optics or motion, `measure` takes it from images of points of light, and
`check` says what one will do to an image. Each says what is known of it, and draws it on demand.
"""

import json
import os

from tf_jfb.cli._shared import check_apart, check_figure, check_folders, import_tensorflow

EXAMPLE = """
examples:
  %(prog)s make disk:3 -o psf.npy --figure psf.png
  %(prog)s make airy --wavelength 0.52 --pixel 0.1 --numerical-aperture 1.2 -o psf.tif
  %(prog)s measure beads.tif --light encoded -o psf.npy --figure psf.png
  %(prog)s check psf.npy --figure psf.png
"""
MAKE = """Compute a point-spread function from optics or motion.

BLUR is one of
  gaussian:SIZE:STD              round
  gaussian:SIZE:STD1:STD2:ANGLE  elongated, STD1 along ANGLE
  disk:RADIUS                    out of focus
  airy                           a perfect lens, with --wavelength, --pixel and an aperture
  line:LENGTH:ANGLE              a straight, even motion
  shake:SIZE:SEED                a random camera shake, for trials
  box:SIZE                       square
in pixels, and degrees counter-clockwise from the right.
"""
MEASURE = """Take a point-spread function from images of points of light.

Beads, stars or a pinhole, much smaller than the blur, none saturated, apart from each other; the
more, the less noise. Their backgrounds are subtracted, they are aligned by parts of a pixel and
averaged, and the sum is made 1.
"""
CHECK = """Say what a point-spread function will do to an image, and what may be wrong with it."""
# The options of each, as examples.
USES = {
    "make": "\nexample:\n  %(prog)s line:15:30 -o psf.npy --figure psf.png\n",
    "measure": "\nexample:\n  %(prog)s stars.fits more.fits --size 21 -o psf.npy\n",
    "check": "\nexample:\n  %(prog)s psf.npy --figure psf.png\n",
}
OPTICS = ("wavelength", "pixel", "numerical_aperture", "f_number", "size")
FORMATS = (".npy", ".txt", ".csv", ".tif", ".tiff")  # as tf_jfb.psf.FORMATS, without NumPy


def add_arguments(p) -> None:
    commands = p.add_subparsers(dest="what", metavar="make | measure | check", required=True)
    texts = {"make": MAKE, "measure": MEASURE, "check": CHECK}
    one = {n: commands.add_parser(n, description=t, epilog=USES[n]) for n, t in texts.items()}
    _add_making(one["make"])
    _add_measuring(one["measure"])
    one["check"].add_argument("kernel", metavar="KERNEL", help="file or name, as --kernel takes")
    for name, command in one.items():
        if name != "check":
            formats = ", ".join(FORMATS)
            command.add_argument("-o", "--output", required=True, help=f"file to write: {formats}")
        command.add_argument("--figure", help="also write a picture of it here")
        command.add_argument("--json", action="store_true", help="print what is known as JSON")


def _add_making(p) -> None:
    p.add_argument("kernel", metavar="BLUR", help="see above")
    airy = p.add_argument_group("airy")
    airy.add_argument("--wavelength", type=float, help="of the light, in any unit of length")
    airy.add_argument(
        "--pixel",
        type=float,
        help="side of a pixel in the same unit: in the object's plane with --numerical-aperture, "
        "on the sensor with --f-number",
    )
    airy.add_argument("--numerical-aperture", type=float, metavar="NA", help="of the objective")
    airy.add_argument("--f-number", type=float, metavar="N", help="of the lens")
    airy.add_argument("--size", type=int, help="side in pixels, odd; else five rings far")


def _add_measuring(p) -> None:
    p.add_argument("images", nargs="+", metavar="IMAGE", help="with one point or several")
    p.add_argument("--size", type=int, help="side in pixels, odd; else as far as points are seen")
    p.add_argument(
        "--light",
        choices=("linear", "encoded"),
        default="linear",
        help="linear: pixels are sRGB or of the file's profile, and are decoded; encoded: they are "
        "taken as they are, as a microscope counts light; raw files and FITS always (%(default)s)",
    )
    p.add_argument("--white", type=float, help="the file's value that is 1; else its type's")
    p.add_argument("--pages", help="of a stack or animation: all, first or a number from 1")


def run(args) -> int:
    output = getattr(args, "output", None)
    check_folders(output, args.figure)
    check_figure(args.figure)
    check_apart([output, args.figure], args.images if args.what == "measure" else [args.kernel])
    if output is not None and os.path.splitext(output)[1].lower() not in FORMATS:
        raise ValueError(f"The output must end in one of {', '.join(FORMATS)}: {output!r}")
    import_tensorflow()
    from tf_jfb import psf

    title, kernel, told = {"make": _made, "measure": _measured, "check": _read}[args.what](args)
    rows = told | psf.check(kernel)._asdict()
    if output is not None:
        psf.save(output, kernel)
    if args.figure:
        psf.draw(args.figure, kernel, title)
    print(json.dumps(rows) if args.json else _lines(rows))
    return 0


def _made(args) -> tuple:
    """(title, kernel, what is known beside its check)."""
    from tf_jfb import psf
    from tf_jfb.operators import kernels

    options = {n: getattr(args, n) for n in OPTICS if getattr(args, n) is not None}
    if args.kernel == "airy":
        return "airy", psf.make("airy", **options), {}
    if options:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in options)
        raise ValueError(f"{names}: only airy takes it. Received: {args.kernel!r}")
    if args.kernel.partition(":")[0] not in kernels.FORMS:
        known = ", ".join(sorted({"airy", *kernels.FORMS}))
        raise ValueError(f"BLUR must begin with one of {known}. Received: {args.kernel!r}")
    return args.kernel, kernels.parse(args.kernel), {}


def _measured(args) -> tuple:
    from tf_jfb import psf
    from tf_jfb.data import light

    images = []
    for name in args.images:
        for photo in _photos(args, name):
            encoded = photo.linear or args.light == "encoded"
            images.append(photo.pixels if encoded else light.decode(photo.pixels, photo.icc))
    found = psf.measure(images, args.size)
    told = {name: getattr(found, name) for name in ("points", "left_out", "noise")}
    points = f"{found.points} point" + "s" * (found.points > 1)
    return f"the mean of {points}", found.kernel, told


def _photos(args, name) -> list:
    from tf_jfb.cli._deblur_shared import photographs_of

    photos = photographs_of(args, name)
    if any(photo.mask is not None for photo in photos):
        raise ValueError(f"The image must be finite: some of its pixels are none. Received: {name}")
    return photos


def _read(args) -> tuple:
    from tf_jfb.operators import kernels

    return args.kernel, kernels.parse(args.kernel, normalise=False), {}


def _lines(rows) -> str:
    """What is known, for a reader."""
    down, right = (round(way, 2) + 0.0 for way in rows["offset"])  # no "-0.00"
    tall, wide = rows["width"]
    lines = []
    if "points" in rows:
        lines += [
            f"points      {rows['points']} averaged, {rows['left_out']} left out: clipped, close, "
            "at the border, single pixels or unlike the others",
            f"noise       {rows['noise']:.2%} of the peak at a pixel",
        ]
    lines += [
        f"size        {rows['shape'][0]} rows, {rows['shape'][1]} columns",
        f"sum         {rows['sum']:.6g}; a restoration makes it 1",
        f"centre      {down:+.2f} rows, {right:+.2f} columns from the origin",
        f"width       {tall:.2f} pixels down, {wide:.2f} across (standard deviations)",
        f"energy      {rows['border']:.2%} in the outermost pixels, {rows['cut']:.2%} beyond them",
        f"negative    {rows['negative']:.2%} of the weights",
        f"frequencies up to {rows['passes']:.3f} cycles per pixel at a tenth or more, of 0.5; "
        f"the least of all is {rows['lowest']:.1e}",
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in rows["notes"])])
