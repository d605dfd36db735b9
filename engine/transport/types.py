"""The contract that every transport keeps. A new transport is one file that implements ``TransportAdapter``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.errors import SyncdeckError
from engine.model import FileKind, FileStat, Transport
from engine.remote.types import Endpoint, NodeAgent, Progress, StreamOutcome
from engine.transport.rates import RateCap


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a transport can do; the manager asks these and never which transport it is.

    ``remote_to_remote``: it serves two nodes without the engine's own. ``universal``: it serves wherever the engine can
    reach both ends at all, so it may stand in for any other. ``resume``: a broken try is worth taking up again.
    ``cost`` orders transports that could both serve: about ten times the bytes on the wire for one byte of content.
    ``delta``: it compares with ``TransferJob.basis_path`` by itself and sends only what differs.
    ``live``: it can send a database that is being written, as one consistent version,
    without room for a snapshot (``TransferJob.live``).
    ``batches``: it moves many small files in one go (``BatchTransport``). ``many_sources``: it uses
    ``TransferJob.holders``.
    """

    remote_to_remote: bool
    resume: bool
    cost: int
    delta: bool = False
    live: bool = False
    batches: bool = False
    many_sources: bool = False
    universal: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """Another verified copy of exactly the content that a job wants: where, and what its stat must still be."""

    endpoint: Endpoint
    path: str
    stat: FileStat
    root: str = ""
    """The root that it lies in, as the configuration has it; a data server serves nothing outside it ("": nothing)."""


@dataclass(frozen=True, slots=True)
class TransferJob:
    """One file to bring to a temporary file at the target, verified by SHA-256 of what was written there.

    ``content_id`` is the content's hash where known, else a name made of its stat: a partial file is only
    ever continued for the same content, under the name that it was begun under. ``sha256`` is what the content
    must hash to, None where the source is hashed while it is read.
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
    rate: RateCap
    stall_timeout_seconds: float
    check_source: bool
    target_root: str = ""
    """The resolved root that ``temp_path`` must lie in; the target's agent refuses to leave it."""
    source_root: str = ""
    """The resolved root that ``source_path`` lies in; a data server serves nothing outside it ("": nothing)."""
    basis_path: str | None = None
    """A quiet older version at the target, to which only the difference need be sent; None: there is none."""
    live: bool = False
    """``source_path`` is a database being written: send one consistent version of it without a snapshot file.
    ``size_bytes`` is then an upper estimate and ``source_stat`` the stat before the reading began."""
    holders: tuple[Holder, ...] = field(default=())
    """Other verified copies of the same content, ``sha256`` known; a transport with ``many_sources`` may read them."""


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
        """Leave a verified temporary file at ``job.temp_path`` of the target; raise TransferError.

        - The file has mode 0600 and lies inside ``job.target_root``; its SHA-256 is that of what was written there.
        - ``progress`` is called while bytes move, with (bytes of content done, bytes on the wire), not only at the end:
          stalls are noticed by it, and whoever cuts a copy waits for it.
        - The class of an error decides what is done next. NOT_FOUND (no such source), NO_SPACE (the target is full),
          SOURCE_CHANGED, CHECKSUM_MISMATCH and CONFIG (not allowed) are told apart: each has a remedy of its own.
          Only after TRANSIENT_NETWORK, THROTTLED and UNSUPPORTED another transport is tried.
        - Whatever ends it, bytes that arrived stay: the next transport of the chain goes on with the same file, and
          this one with what another left there. What lies there is checked, never believed.
        - Cancelling ends all children and connections. Nothing is published.
        - Subscribe to ``job.rate``: a changed cap takes effect within a second.

        ``engine/transport/conformance/`` holds these as checks; ``tests/transport/memory.py`` keeps them in memory.
        """
        ...


BatchProgress = Callable[[int, int, int], None]
"""Called with (index of the job, bytes done of it, bytes on the wire of the whole batch)."""


class BatchTransport(TransportAdapter, Protocol):
    """A transport that declares ``batches``."""

    async def copy_batch(
        self, jobs: Sequence[TransferJob], progress: BatchProgress
    ) -> Sequence[StreamOutcome | SyncdeckError]:
        """Move many small files between one pair of nodes: one flush for all, one verdict for each, in order.

        What arrived and was verified counts even when the way broke afterwards. Raises NodeUnreachable only when
        nothing was tried.
        """
        ...
