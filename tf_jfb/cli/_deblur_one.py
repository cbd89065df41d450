"""`tf-jfb deblur` of one photograph, or of one stack."""

import json
import pathlib

from tf_jfb._validate import finite
from tf_jfb.cli import _deblur_shared
from tf_jfb.cli._progress import Progress
from tf_jfb.data import simulate, write_image
from tf_jfb.data.image_io import check_output
from tf_jfb.evaluation import report
from tf_jfb.serving.photographs import joined


def run(args) -> int:
    check_output(args.output)
    restorer = _deblur_shared.restorer(args)
    photos = restorer.read(args.photos[0])
    sharp, name = None, pathlib.Path(args.photos[0]).name
    if args.simulate:
        pairs = [_simulated(args, photo) for photo in photos]
        sharp, photos = pairs[0][0], [blurred for _, blurred in pairs]
    check_output(args.output, photos if photos[1:] else photos[0])
    progress = Progress(len(photos))
    results = [
        restorer.one(photo, args.figure is not None, lambda *n: progress.tiles(name, *n))
        for photo in photos
    ]
    result = joined(results) if results[1:] else results[0]
    write_image(args.output, result.photo)
    if results[1:]:
        sharp = None  # of several pages the figures of the solves alone
    decoded = args.light == "linear" and not photos[0].linear
    rows = report.describe(result, photos[0], sharp, args.noise, decoded)
    print(json.dumps(finite(rows)) if args.json else report.lines(rows))
    if args.figure:
        report.plot(args.figure, results[0], photos[0], sharp)
    return 0


def _simulated(args, photo) -> tuple:
    return simulate(
        photo,
        args.simulate,
        args.noise or 0.0,
        seed=args.seed,
        black=not args.kernel,
        light=args.light,
        camera=_deblur_shared.camera(args),
    )
