"""The command `tf-jfb`: one module per command, which scripts/ call as well."""

from tf_jfb.cli._main import main

__all__ = ["main"]
