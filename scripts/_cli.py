"""What every script shares with the command `tf-jfb`, imported without TensorFlow."""

import _tf_jfb_command  # noqa: F401  # first: see there
from tf_jfb.cli._shared import (
    Parser,
    check_folders,
    import_tensorflow,
    run,
    run_alone,
    script,
)

__all__ = [
    "Parser",
    "check_folders",
    "import_tensorflow",
    "run",
    "run_alone",
    "script",
]
