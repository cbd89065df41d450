"""What `tf-jfb deblur` reads and sets up, for one photograph or for many."""

import functools
import sys

import numpy as np

from tf_jfb._validate import check
from tf_jfb.cli import _memory
from tf_jfb.data import Photo, read_image, read_pages
from tf_jfb.exported import ExportedModel, check_ensemble, check_options
from tf_jfb.noise import PoissonGaussian
from tf_jfb.operators import kernels
from tf_jfb.serving.photographs import Restorer

# Of a solve, measured with the shipped models: what it takes whatever the size, and per pixel.
FIXED, PER_PIXEL = 512 << 20, 600
LITTLE = "photographs are cut into the smallest tiles; --memory GIB says how much may be taken"


def restorer(args) -> Restorer:
    """With the model, and `read`, that `args` ask for. Raises ValueError where they do not fit."""
    model = ExportedModel.open(args.model)
    kernel = None if args.kernel is None else kernels.parse(args.kernel)
    check(
        model.takes_kernel == (kernel is not None),
        "`kernel` must be given: the model takes any blur."
        if model.takes_kernel
        else "`kernel` must be left out: the model was made for one blur.",
        kernel=args.kernel,
    )
    names = ("rtol", "max_evaluations", "light", "refine_kernel", "ensemble")
    options = {name: getattr(args, name) for name in names}
    told = args.noise if camera(args) is None else camera(args)
    options |= {"kernel": kernel, "noise": told}
    if not model.takes_noise:
        check(
            told is None or bool(args.simulate),
            "`noise` must be left out: the model was made for one level.",
            noise=told,
        )
        options["noise"] = None
    check_options(args.rtol, args.max_evaluations, options["noise"])
    check_ensemble(args.ensemble, model)
    memory = _memory.budget(args.memory)
    if memory < FIXED:
        print(f"{memory >> 20} MiB are left of the memory: {LITTLE}", file=sys.stderr)
    pixels = max(1, (memory - FIXED) // PER_PIXEL)
    mask = None if args.mask is None else _mask(args.mask)
    reader = functools.partial(_read, args, mask)
    return Restorer(model, reader, options, pixels, args.tile)


def _mask(path) -> np.ndarray:
    """Where an image is bright; of one that is dark all over, as of levels 0 and 1, not black."""
    values = read_image(path).pixels.mean(-1, keepdims=True)
    return values > (0.5 if values.max() > 0.5 else 0.0)


def camera(args) -> PoissonGaussian | None:
    """The photon noise that `args` tell of."""
    if args.photons is None and args.gain is None:
        return None
    return PoissonGaussian(args.photons, args.gain, args.read_noise or 0.0)


def photographs_of(args, path) -> list[Photo]:
    """Those of a file that `args.pages` names, `args.white` being 1."""
    if args.pages is None:
        return [read_image(path, white=args.white)]
    pages = int(args.pages) if args.pages.isdigit() else args.pages
    return read_pages(path, pages, white=args.white)


def _read(args, mask, path) -> list[Photo]:
    """The photographs of a file, with the mask of pixels that are left out."""
    photos = photographs_of(args, path)
    return [_masked(photo, mask, args.saturated) for photo in photos]


def _masked(photo, mask, saturated) -> Photo:
    trusted = [] if photo.mask is None else [photo.mask > 0]
    if mask is not None:
        check(
            mask.shape[:2] == photo.pixels.shape[:2],
            "`mask` must have the size of the photograph.",
            mask=mask.shape[:2],
            photograph=photo.pixels.shape[:2],
        )
        trusted.append(mask)
    if saturated is not None:
        trusted.append(photo.pixels.max(axis=-1, keepdims=True) < saturated)
    if not trusted:
        return photo
    together = np.logical_and.reduce(trusted)
    return photo._replace(mask=None if together.all() else together.astype(np.float32))
