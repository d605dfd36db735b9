"""What fetching by ranges is made of: data servers, chunk manifests, sources. The http and p2p transports share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.errors import ErrorClass
from engine.model import FileStat
from engine.remote.types import Endpoint, Progress, StreamOutcome
from engine.transport.rates import RateCap

MANIFEST_CHUNK_BYTES = 4 << 20
"""Content is verified in pieces of this size; the last one is shorter. A power of two, so that any range of a page of
a database or a resumed partial lies in few of them."""


def connections_under(bytes_per_second: int | None, most: int) -> int:
    """Return how many ranges to ask for at once under a cap: of each, a chunk that is not whole yet is lost with the
    process.

    Under a cap more connections bring nothing more, so each must still bring a whole chunk in a second.
    """
    return most if bytes_per_second is None else max(1, min(most, bytes_per_second // MANIFEST_CHUNK_BYTES))


Span = tuple[int, int]
"""Chunk numbers [first, past the last)."""


@dataclass(frozen=True, slots=True)
class ChunkManifest:
    """The SHA-256 of every chunk of one content, as hex, in order. ``id`` is the SHA-256 over size and hashes:
    whoever trusts the id trusts every chunk."""

    id: str
    size_bytes: int
    chunk_bytes: int
    sha256s: tuple[str, ...]
    sha256: str | None = None
    """Of the whole content, where the pass that hashed its chunks told it: spares a fetch that was promised nothing
    a second look at what it wrote."""


@dataclass(frozen=True, slots=True)
class FetchSource:
    """Where chunks can be had. ``urls`` are tried in order and the first that answers is kept.

    ``have`` None means all of it; else only these chunks (a peer that is still fetching itself). ``ranges`` None
    means unknown: the first answer tells (206, or 200 with everything).
    """

    id: str
    urls: tuple[str, ...]
    have: tuple[Span, ...] | None = None
    ranges: bool | None = None


@dataclass(frozen=True, slots=True)
class FetchJob:
    """One content to fetch into a temporary file at a node, by that node's own agent.

    ``sha256`` None: the promise comes from the first source's manifest. Chunks are hashed as they are written and
    compared with the manifest as soon as it is known; a wrong one is dropped and asked of another source.
    """

    target: Endpoint
    temp_path: str
    root: str
    size_bytes: int
    sha256: str | None
    sources: tuple[FetchSource, ...]
    connections: int
    """Ranges asked for at once, over all sources."""
    rate: RateCap
    stall_timeout_seconds: float
    rarest_first: bool = False
    """Else lowest first, so that what arrived is nearly a prefix, with which any transport can go on."""
    hash_chunks: bool = True
    """Hash each chunk on its way in, for the manifest. False where none will come, ``sha256`` being known: the hash
    of the whole, read back, decides alone, and a third of the processor's work is spared."""


class FetchHandle(Protocol):
    """A fetch that runs at its target."""

    def offer(self, sources: Sequence[FetchSource]) -> None:
        """Replace the list of sources: peers came, went, or have more chunks."""
        ...

    def manifest(self, manifest: ChunkManifest | None) -> None:
        """Say what every chunk must hash to; what was fetched before is checked then. None: nobody can say."""
        ...

    def final(self) -> None:
        """Say that sources which fail are not mended: the fetch need not wait for other URLs of theirs."""
        ...

    @property
    def have(self) -> tuple[Span, ...]:
        """The chunks that are verified and may be served to others; grows while it runs."""
        ...

    @property
    def failures(self) -> Mapping[str, str]:
        """Sources that were given up, and why; one that was offered under other URLs since is not among them."""
        ...

    @property
    def failed_classes(self) -> Mapping[str, ErrorClass]:
        """Of what class these failures are."""
        ...

    async def result(self) -> StreamOutcome:
        """Return the verified temporary file; raise TransferError. Cancelling ends the child, keeping its partial."""
        ...


class Fetching(Protocol):
    """Starts fetches. ``engine/transport/fetching.py`` builds it."""

    async def start(self, job: FetchJob, progress: Progress) -> FetchHandle:
        """Start the child at the target; raises NodeUnreachable. ``progress`` hears (bytes done, bytes on the wire)."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """One file to serve, lying in ``root``. ``stat`` is what it must still be, None for a partial of ours."""

    path: str
    root: str
    stat: FileStat | None


class DataServers(Protocol):
    """The data servers of all nodes, started when first needed and stopped when idle.
    ``engine/transport/serving.py`` builds it."""

    async def urls(self, endpoint: Endpoint, served: Served, reader: Endpoint) -> tuple[str, ...]:
        """Return signed, expiring URLs under which ``reader`` can fetch a file, best first; starts the server.

        Empty where no address of the node can be reached from the reader. Raises NodeUnreachable, TransferError.
        """
        ...

    async def refusal(self, endpoint: Endpoint, reader: Endpoint) -> str | None:
        """Return why ``reader`` cannot fetch from this node (no common network, nat_blocked, turned off), else None.

        Probed once and remembered for a while.
        """
        ...

    async def manifest(self, endpoint: Endpoint, served: Served) -> ChunkManifest:
        """Return the chunk hashes of a file, computed on its node (with a cache there) and had over SSH."""
        ...

    async def close(self) -> None:
        """Stop all servers."""
        ...
