"""What can go wrong with the state database, told so that an operator knows what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from engine.errors import ErrorClass, SyncdeckError


class StoreError(SyncdeckError):
    """The state database could not be opened, read or written."""


class StoreCorrupt(StoreError):
    """The file is damaged or is not one of our databases."""


class StoreTooNew(StoreError):
    """A newer syncdeck has written this database."""


class StoreLocked(StoreError):
    """Another process holds the database."""


class StoreClosed(StoreError):
    """The store was closed before or while the work was asked for."""


_REBUILD = "move the file aside and start again: the next scans rebuild the catalog, queue and history start empty"


def explain(operation: str, path: Path, error: BaseException) -> StoreError:
    """Return a driver's error as one of ours, with its remedy."""
    cause = _driver_message(error)
    lowered = cause.lower()
    subject = str(path)
    if "not a database" in lowered or "malformed" in lowered or "corrupt" in lowered:
        return StoreCorrupt(operation, subject, cause, _REBUILD, ErrorClass.CONFIG)
    if "locked" in lowered or "busy" in lowered:
        return StoreLocked(
            operation, subject, cause, "end the program that holds it (another syncdeck, a backup)", ErrorClass.CONFIG
        )
    if "full" in lowered:
        return StoreError(
            operation, subject, cause, "free space on the disk that holds the state folder", ErrorClass.NO_SPACE
        )
    if "unable to open" in lowered or "readonly" in lowered or "permission" in lowered or isinstance(error, OSError):
        return StoreError(
            operation, subject, cause, "check owner and mode of the state folder (--state)", ErrorClass.CONFIG
        )
    return StoreError(operation, subject, cause, "report this with the log: it is a fault of syncdeck", ErrorClass.BUG)


def _driver_message(error: BaseException) -> str:
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.Error):
        return str(original)
    return str(original or error) or type(error).__name__
