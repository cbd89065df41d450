"""Export the best model of a training run as a SavedModel that still iterates; or its denoiser."""

import _cli

from tf_jfb.cli import export


def main() -> int:
    return _cli.script(export)


if __name__ == "__main__":
    _cli.run(main)
