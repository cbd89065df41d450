"""Restore a whole collection of images with an exported model, on one machine or on many."""

import _cli

from tf_jfb.cli import bulk


def main() -> int:
    return _cli.script(bulk)


if __name__ == "__main__":
    _cli.run(main)
