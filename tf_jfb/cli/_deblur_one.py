"""`tf-jfb deblur` of one photograph, or of one stack."""

import json
import pathlib

import numpy as np

from tf_jfb import noise
from tf_jfb.cli import _deblur_shared
from tf_jfb.cli._progress import Progress
from tf_jfb.data import light, write_image
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
    rows = report.describe(result, photos[0], sharp)
    print(json.dumps(rows) if args.json else report.lines(rows))
    if args.figure:
        report.plot(args.figure, results[0], photos[0], sharp)
    return 0


def _simulated(args, photo) -> tuple:
    """(sharp, blurred); blurred in light and encoded again where that is what cameras do."""
    level, black, camera = args.noise or 0.0, not args.kernel, _deblur_shared.camera(args)
    as_it_is = args.light == "encoded" or photo.linear
    if as_it_is and camera is None:
        return report.simulate(photo, args.simulate, level, seed=args.seed, black=black)
    if not as_it_is:
        photo = photo._replace(pixels=light.decode(photo.pixels, photo.icc))
    pair = list(report.simulate(photo, args.simulate, 0.0, black=black))
    if camera is not None:
        pair[1] = pair[1]._replace(pixels=_counted(pair[1].pixels, camera, args.seed))
    if not as_it_is:
        pair = [one._replace(pixels=light.encode(one.pixels, photo.icc)) for one in pair]
    unit = np.random.default_rng(args.seed).standard_normal(pair[1].pixels.shape, np.float32)
    return pair[0], pair[1]._replace(pixels=pair[1].pixels + np.float32(level) * unit)


def _counted(pixels, camera, seed) -> np.ndarray:
    told = (camera.photons, seed, camera.read_noise)
    return noise.poisson_gaussian(pixels[None], *told)[0].numpy()
