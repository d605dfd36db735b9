"""One end of a conformance run: a scratch folder on a node that checks fill, spoil and look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.remote.types import Endpoint


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies at a name, read without any transport. ``held_bytes`` is what it takes of the disk."""

    size_bytes: int
    sha256: str
    mode: int
    held_bytes: int


class Place(Protocol):
    """A scratch folder. Names are relative to it; content is named by a seed and made where it is needed.

    Every method raises SyncdeckError when the node refuses or is lost.
    """

    @property
    def endpoint(self) -> Endpoint:
        """The node."""
        ...

    @property
    def folder(self) -> str:
        """The absolute path of the folder on the node."""
        ...

    @property
    def free_bytes(self) -> int:
        """What was free there at the beginning."""
        ...

    async def write(self, name: str, seed: str, size: int, start: int = 0) -> None:
        """Make a file of the first ``size`` bytes of a seed's content; those before ``start`` stay a hole."""
        ...

    async def append(self, name: str, seed: str, size: int) -> None:
        """Add bytes at a file's end."""
        ...

    async def flip(self, name: str, offset: int) -> None:
        """Invert one byte."""
        ...

    async def put(self, name: str, data: bytes) -> None:
        """Make a small file of exactly these bytes."""
        ...

    async def truncate(self, name: str, size: int) -> None:
        """Cut a file."""
        ...

    async def rename(self, name: str, to: str) -> None:
        """Move a file within the folder."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    async def make_folder(self, name: str) -> None:
        """Make a folder."""
        ...

    async def link(self, name: str, to: str) -> None:
        """Make a symbolic link to another name."""
        ...

    async def look(self, name: str) -> Seen | None:
        """Return what is there, None for nothing."""
        ...

    async def files(self) -> Sequence[str]:
        """Return the names of all files, sorted."""
        ...

    async def seal(self, name: str) -> str | None:
        """Make a folder refuse new files; return why that is not possible here."""
        ...

    async def hide(self, name: str) -> str | None:
        """Make a file unreadable; return why that is not possible here."""
        ...

    async def holders(self, patience_seconds: float) -> Sequence[int] | None:
        """Return the processes that still have a file of the folder open after so long; None where nobody can tell."""
        ...

    async def clear(self) -> None:
        """Remove all that is in the folder."""
        ...
