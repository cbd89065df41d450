"""Export the best model of a training run as a SavedModel that still iterates."""

import _cli

EXAMPLE = """
example:
  python scripts/export.py runs/paper -o saved_models/celeba-g5s5/1
"""


def main() -> None:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", help="run folder of scripts/train.py")
    p.add_argument("-o", "--output", required=True, help="folder to make: NAME/VERSION")
    args = p.parse_args()
    _cli.import_tensorflow()
    from tf_jfb.serving import export
    from tf_jfb.training import load_run

    print(f"wrote {export(load_run(args.run), args.output)}")


if __name__ == "__main__":
    _cli.run(main)
