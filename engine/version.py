"""Which version of syncdeck this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("syncdeck")
except PackageNotFoundError:
    VERSION = "not installed"
