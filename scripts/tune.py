"""Search for the options of a training that give the best objective, with keras-tuner."""

import _cli

from tf_jfb.cli import tune


def main() -> int:
    return _cli.script(tune)


if __name__ == "__main__":
    _cli.run(main)
