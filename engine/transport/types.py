"""The contract that every transport keeps. A new transport is one file that implements ``TransportAdapter``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from engine.model import FileKind, FileStat, Transport
from engine.remote.types import Endpoint, NodeAgent, Progress, StreamOutcome


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a transport can do; the manager asks these and never which transport it is.

    ``remote_to_remote``: it serves any two nodes. ``resume``: a broken try is worth taking up again. ``cost`` orders
    transports that could both serve: about ten times the bytes on the wire for one byte of content.
    """

    remote_to_remote: bool
    resume: bool
    cost: int


@dataclass(frozen=True, slots=True)
class TransferJob:
    """One file to bring to a temporary file at the target, verified by SHA-256 of what was written there.

    ``content_id`` is the content's hash where known, else a name made of its stat: a partial file is only
    ever continued for the same content id. ``sha256`` is what the content must hash to, None where the
    source is hashed while it is read.
    """

    source: Endpoint
    target: Endpoint
    source_path: str
    temp_path: str
    size_bytes: int
    content_id: str
    kind: FileKind
    source_stat: FileStat | None
    sha256: str | None
    bytes_per_second: int | None
    stall_timeout_seconds: float
    check_source: bool
    target_root: str = ""
    """The resolved root that ``temp_path`` must lie in; the target's agent refuses to leave it."""


AgentFor = Callable[[str], Awaitable[NodeAgent]]
"""Returns the open agent session of a node id; raises NodeUnreachable."""


class TransportAdapter(Protocol):
    """One way to move bytes."""

    @property
    def name(self) -> Transport:
        """Which transport this is."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        """Return why it cannot serve this pair, or None when it can."""
        ...

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        """Leave a verified temporary file at the target; raise TransferError. Cancelling ends all children."""
        ...
