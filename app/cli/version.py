"""Which version this is."""

from __future__ import annotations

from importlib import metadata

UNKNOWN = "unknown (not installed)"


def version() -> str:
    """Return the installed version, or a word for running from a folder that was never installed."""
    try:
        return metadata.version("syncdeck")
    except metadata.PackageNotFoundError:
        return UNKNOWN
