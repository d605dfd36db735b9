"""A fleet made of memory: nodes with disks of named bytes, that die, return, lose drives and damage files."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from engine.clock import ManualClock
from engine.model import FileStat


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def unpacked(data: bytes) -> bytes | None:
    """Return what an archive holds, None for one that is damaged."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


@dataclass(frozen=True)
class StoredFile:
    """What a path names: bytes, and what a stat tells of them."""

    data: bytes
    mtime_ns: int
    inode: int

    @property
    def stat(self) -> FileStat:
        return FileStat(len(self.data), self.mtime_ns, self.inode)


@dataclass
class ModelNode:
    """One node. ``up``: it answers. ``mounted`` tells of each of its drives whether it is there now."""

    name: str
    durable: bool
    root: str
    clock: ManualClock
    mounted: dict[str, bool] = field(default_factory=dict)
    up: bool = True
    files: dict[str, StoredFile] = field(default_factory=dict)
    spoils_writing: int = 0
    """The so-manieth file to be written arrives on the disk damaged, as a failing drive does it; 0: none."""
    ticks: int = 0

    def tick(self) -> int:
        """Return a number that no earlier file of this node had."""
        self.ticks += 1
        return self.ticks

    def sees(self, path: str) -> bool:
        """Return whether a path can be looked at: it is on no drive that is away."""
        return all(there or not path.startswith(drive + "/") for drive, there in self.mounted.items())

    def find(self, path: str) -> StoredFile | None:
        """Return the file that a path names now."""
        return self.files.get(path) if self.sees(path) else None

    def write(self, path: str, data: bytes, checked: bool = True) -> StoredFile:
        """Put bytes under a path. Not ``checked``: nobody but us looks whether they arrive as they are."""
        number = self.tick()
        written = round(self.clock.now() * 1e9) + number
        if self.spoils_writing and not checked:
            self.spoils_writing -= 1
            data = data if self.spoils_writing else damaged(data)
        self.files[path] = StoredFile(data, written, number)
        return self.files[path]

    def damage(self, path: str, silently: bool) -> None:
        """Change a byte; ``silently``: nothing but reading the file in full shows it."""
        file = self.files[path]
        changed = damaged(file.data)
        self.files[path] = replace(file, data=changed) if silently else self.write(path, changed)

    def location_of(self, path: str) -> str:
        """Return the location that a path belongs to."""
        drive = next((drive for drive in self.mounted if path.startswith(drive + "/")), None)
        return self.name if drive is None else f"{self.name}:{drive}"


def damaged(data: bytes) -> bytes:
    """Return bytes of the same length with the one in the middle changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


class EngineKilled(BaseException):
    """The engine that made this call is dead: nothing of it goes on."""


@dataclass
class Trap:
    """Something that happens in the middle of an engine's work, ``steps`` edges of requests from now."""

    kind: str
    steps: int


Event = Callable[["ModelNode", str], None]
OnUnlink = Callable[["ModelNode", str, int], None]
OnReplace = Callable[["ModelNode", str, bytes, bytes], None]
OnKeep = Callable[["ModelNode", str, str], None]


@dataclass
class ModelFleet:
    """All nodes, the run of the engine that lives, and what waits to go wrong.

    The hooks hear of acts before they happen: a data file that goes, and one that takes another one's place.
    """

    clock: ManualClock
    nodes: dict[str, ModelNode]
    run: int = 0
    trap: Trap | None = None
    sprung: str | None = None
    on_trap: Callable[[str, ModelNode, str], None] = lambda kind, node, path: None
    on_unlink: OnUnlink = lambda node, path, proof: None
    on_replace: OnReplace = lambda node, path, old, new: None
    on_keep: OnKeep = lambda node, path, kept: None

    def pass_edge(self, node: ModelNode, path: str) -> str | None:
        """Count one edge of a request; return what goes wrong at it."""
        if self.trap is None:
            return None
        self.trap.steps -= 1
        if self.trap.steps > 0:
            return None
        kind, self.trap = self.trap.kind, None
        self.sprung = kind
        self.on_trap(kind, node, path)
        return kind
