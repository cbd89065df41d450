"""Make, measure and check point-spread functions."""

import _cli

from tf_jfb.cli import psf


def main() -> int:
    return _cli.script(psf)


if __name__ == "__main__":
    _cli.run(main)
