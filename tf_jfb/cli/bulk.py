"""Restore a whole collection of images with an exported model, on one machine or on many."""

import json

from tf_jfb.cli._shared import add_ensemble, add_light, add_solve, import_tensorflow

FLAGS = True  # those of Beam
EXAMPLE = """
examples:
  %(prog)s --images "photos/**.jpg" --model saved_models/celeba-g5s5 \\
      --light encoded --output restored
  %(prog)s --images "photos/**.jpg" --model saved_models/deblur \\
      --kernel psf.png --output restored
  %(prog)s --images "gs://bucket/photos/**" --model gs://bucket/model \\
      --output gs://bucket/restored --runner DataflowRunner --project PROJECT --region REGION

Needs Apache Beam: pip install 'tf_jfb[beam]'. Options that are not listed here are Beam's. The same
command goes on where a stopped one was; docs/bulk.md says more.
"""


def add_arguments(p) -> None:
    p.add_argument("--images", required=True, metavar="PATTERN", help="quoted; ** crosses folders")
    p.add_argument("--model", required=True, help="exported model: saved_models/NAME")
    p.add_argument("--output", required=True, help="folder for the images and the manifest")
    p.add_argument("--png", action="store_true", help="write PNG; else the format of each image")
    add_solve(p)
    add_ensemble(p)
    p.add_argument("--kernel", help="their blur, for a model that takes any: gaussian:5:5.0, FILE")
    p.add_argument(
        "--noise", type=float, help="std in [0, 1] units, for such a model; else estimated"
    )
    add_light(p)
    p.add_argument("--batch", type=int, default=16, help="images of one size per batch, at most")
    p.add_argument("--pixels", type=int, default=1 << 20, help="pixels per batch, at most")


def run(args) -> None:
    import_tensorflow()
    from tf_jfb.serving import bulk

    job = {name: value for name, value in vars(args).items() if name in bulk.Job.__annotations__}
    print(json.dumps(bulk.run(bulk.Job(**job), args.flags)))
