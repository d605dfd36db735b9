"""Who holds a content: copies that are there, and fetchers of it, whose copies grow."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace

from engine.errors import SyncdeckError
from engine.integrity.temporary import parse_temporary
from engine.remote.agent.fetching_spans import Spans
from engine.remote.types import Endpoint
from engine.transport.fetch_types import DataServers, FetchHandle, FetchSource, Served
from engine.transport.types import AgentFor, TransferJob

RETRY_SECONDS = 5.0
"""How soon URLs are asked for again that could not be had, or at which a source did not serve."""
MOST_SPANS = 256
"""Of one peer in one offer: the longest ones."""


@dataclass(eq=False)
class Copy:
    """A file that holds all of a content. ``found_again``: whether it was looked for under its final name."""

    id: str
    endpoint: Endpoint
    served: Served
    found_again: bool = False


@dataclass(eq=False)
class Member:
    """One fetch of the content. ``copy`` is its temporary file; ``told`` what it was offered last."""

    number: int
    job: TransferJob
    copy: Copy
    handle: FetchHandle | None = None
    told: tuple[FetchSource, ...] = ()
    ways: dict[str, Way] = field(default_factory=dict)

    @property
    def have(self) -> Spans:
        """The verified chunks."""
        return list(self.handle.have) if self.handle is not None else []


@dataclass
class Way:
    """How one fetcher reaches one copy: URLs as long as they serve, else when to ask for others (monotonic)."""

    urls: tuple[str, ...] = ()
    retry_at: float = 0.0
    asking: bool = False


def member_of(number: int, job: TransferJob) -> Member:
    """Return a new fetcher; its temporary file may be served to others as it fills."""
    copy = Copy(f"peer {number}", job.target, Served(job.temp_path, job.target_root, None))
    return Member(number, job, copy)


def copies_of(job: TransferJob) -> list[Copy]:
    """Return the whole copies that a job names: its source, and the other holders."""
    source = Copy(
        f"{job.source.node_id}:{job.source_path}",
        job.source,
        Served(job.source_path, job.source_root, job.source_stat),
    )
    others = [
        Copy(f"{holder.endpoint.node_id}:{holder.path}", holder.endpoint, Served(holder.path, holder.root, holder.stat))
        for holder in job.holders
    ]
    return [source, *others]


async def find_published(copy: Copy, size_bytes: int, agent_for: AgentFor) -> None:
    """Serve a finished temporary file, which is gone, from the name that it was published under, if it is there."""
    copy.found_again = True
    folder, name = posixpath.split(copy.served.path)
    parsed = parse_temporary(name)
    if parsed is None:
        return
    final = posixpath.join(folder, parsed.base)
    try:
        stat = await (await agent_for(copy.endpoint.node_id)).stat(final)
    except SyncdeckError:
        return  # Its node is lost; there are other sources.
    if stat is not None and stat.size_bytes == size_bytes and stat.wal_size_bytes == 0:
        copy.served = replace(copy.served, path=final, stat=stat)


async def ask_way(way: Way, copy: Copy, reader: Endpoint, servers: DataServers, now: float) -> None:
    """Ask for the URLs of a copy; where there are none, a later look asks again."""
    way.asking = True
    way.retry_at = now + RETRY_SECONDS
    try:
        way.urls = await servers.urls(copy.endpoint, copy.served, reader)
    except SyncdeckError:
        way.urls = ()
    finally:
        way.asking = False


def longest(spans: Spans) -> tuple[tuple[int, int], ...]:
    """Return at most so many spans as an offer may have of one peer."""
    if len(spans) > MOST_SPANS:
        spans = sorted(sorted(spans, key=lambda span: span[0] - span[1])[:MOST_SPANS])
    return tuple(spans)
