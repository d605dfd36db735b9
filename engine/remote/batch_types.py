"""What a batch is made of: its files, their encoding, a rate that may change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from engine.model import FileKind, FileStat

FileProgress = Callable[[int, int, int], None]
"""Called with (number of the file, its bytes done, bytes on the wire of the whole batch)."""


Offer = Callable[[str, str], Awaitable[str]]
"""Given a name and a word, returns a URL from which the target can have what a sender at the source sends: its data
server hands the connection over to whoever awaits it there under the name, who takes it for the batch with the word.
Raises SyncdeckError where there is none."""


class Rate(Protocol):
    """A cap in bytes per second that may change meanwhile; None: no cap."""

    @property
    def bytes_per_second(self) -> int | None:
        """The cap now."""
        ...

    def subscribe(self, heard: Callable[[int | None], None]) -> Callable[[], None]:
        """Have changes told; return what ends that."""
        ...


class BatchFile(NamedTuple):
    """One file of a batch. ``growing``: a log at its origin, of which the lines complete at ``source_stat`` travel."""

    source_path: str
    temp_path: str
    root: str
    kind: FileKind
    source_stat: FileStat
    check_source: bool
    growing: bool = False


@dataclass(frozen=True, slots=True)
class BatchJob:
    """Files to bring to their temporary names, in one go. ``offer``: past the engine, from the source's data server."""

    files: tuple[BatchFile, ...]
    rate: Rate
    encoding: str
    stall_timeout_seconds: float
    offer: Offer | None = None
