"""The version of the package, which files that it writes hold."""

__version__ = "0.2.0"
