"""Pack images for run_step.py: groups of files as they are, and dead leaves, in one .npz."""

import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

EXAMPLE = """
example:
  python scripts/gpu/pack_images.py PHOTOS/train:0.6 CELEBA/train:0.25:1200 \\
      --leaves 64 --leaves-share 0.15 -o kit/images.npz
"""


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("groups", nargs="*", metavar="FOLDER:SHARE[:COUNT]", help="share of the crops")
    p.add_argument("--leaves", type=int, default=0, help="images of dead leaves")
    p.add_argument("--leaves-share", type=float, default=0.1, help="of the crops (default: 0.1)")
    p.add_argument("--leaves-side", type=int, default=256, help="in pixels (default: 256)")
    p.add_argument("-o", "--output", required=True, help=".npz")
    return p


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow()
    import numpy as np

    from tf_jfb._validate import check

    check(
        bool(args.groups) or args.leaves > 0,
        "There must be a FOLDER:SHARE, or leaves.",
        **vars(args),
    )
    groups = [_files(group) for group in args.groups]
    if args.leaves:
        groups.append((args.leaves_share, _leaves(args.leaves, args.leaves_side)))
    files = [file for _, files in groups for file in files]
    shares = np.array([share for share, _ in groups])
    np.savez(
        args.output,
        data=np.frombuffer(b"".join(files), np.uint8),
        ends=np.cumsum([len(file) for file in files]),
        groups=np.repeat(np.arange(len(groups)), [len(files) for _, files in groups]),
        shares=shares / shares.sum(),
    )
    print(f"{args.output}: {len(files)} images, {sum(map(len, files)) / 2**20:.1f} MiB")


def _files(group) -> tuple:
    """(share, contents) of FOLDER:SHARE[:COUNT]."""
    from tf_jfb.data import list_images

    folder, share, *count = group.split(":")
    files = list_images(folder)
    count = int(count[0]) if count else len(files)
    return float(share), [
        file.read_bytes() for file in files[:: max(1, len(files) // count)][:count]
    ]


def _leaves(count, side) -> list:
    """Dead leaves as WebP, lossless."""
    import numpy as np
    from PIL import Image

    from tf_jfb.data import DeadLeaves

    source, files = DeadLeaves(count, side, seed=7), []
    for i in range(count):
        memory = io.BytesIO()
        Image.fromarray(np.round(255 * source[i]).astype(np.uint8)).save(
            memory, "WEBP", lossless=True
        )
        files.append(memory.getvalue())
    return files


if __name__ == "__main__":
    _cli.run(main)
