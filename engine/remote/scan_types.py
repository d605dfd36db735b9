"""What a node is asked to look through, and what its scan finds there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from engine.model import FileKind, FileStat, LocationState


@dataclass(frozen=True, slots=True)
class ScanRoot:
    """One folder tree to scan. ``must_be_mounted`` roots count as empty only while they are mount points.

    ``folders`` are the sub-folders to walk, relative to the root ("" = the root itself).
    """

    location: str
    root: str
    folders: tuple[str, ...]
    must_be_mounted: bool


@dataclass(frozen=True, slots=True)
class RootStatus:
    """What a scan found of a root itself: its real absolute path, state, and file system usage in bytes."""

    location: str
    root: str
    path: str
    state: LocationState
    total_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    unreadable: tuple[str, ...] = ()
    """Folders (relative to the root) that could not be read: what was known there stays known. Names that cannot
    be stored stand here too, spelled out: nothing was ever known by them."""
    detail: str = ""
    """What is wrong with a root that is not available, with its remedy where there is one."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """One data file: path relative to its root (NFC), its stat, its kind, and whether a writer holds it."""

    location: str
    root: str
    path: str
    stat: FileStat
    kind: FileKind
    writing: bool = False


class FoundTemporary(NamedTuple):
    """A file that bears a temporary name of ours, or of another engine's; its path is relative to its root."""

    location: str
    root: str
    path: str
    mtime: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ScanBatch:
    """Part of a scan: files, temporary files, a root's status, or its end."""

    files: tuple[ScannedFile, ...] = ()
    temporaries: tuple[FoundTemporary, ...] = ()
    roots: tuple[RootStatus, ...] = ()
    look: int | None = None
    """With the last batch: the number of this look, by which ``NodeAgent.changes`` knows it."""
