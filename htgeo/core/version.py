"""The version, stated once in pyproject.toml."""

from importlib.metadata import version

VERSION = version("htgeo")
