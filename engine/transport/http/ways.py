"""The ways by which one job's source can be fetched: our own server's signed URL, or a foreign server's plain one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.errors import ErrorClass, TransferError
from engine.transport.fetch_types import DataServers, FetchSource, Served
from engine.transport.http.foreign import ForeignServer, ForeignServers, plain_url
from engine.transport.types import TransferJob

Signed = Callable[[], Awaitable[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way. ``urls`` makes fresh ones; ``ours``: they are signed, expire, and their server checks the stat."""

    urls: Signed
    ours: bool

    async def source(self, turn: int) -> FetchSource | None:
        """Return the source with fresh URLs, under the name of this turn; None where the way is gone by now."""
        found = await self.urls()
        kind = "ours" if self.ours else "foreign"
        return FetchSource(id=f"{kind} {turn}", urls=found, ranges=True if self.ours else None) if found else None


async def ways_of(job: TransferJob, servers: DataServers, foreign: ForeignServers) -> tuple[Way, ...]:
    """Return the ways, in the order in which they are tried; raises TransferError where there is none."""
    served = Served(job.source_path, job.source_root, job.source_stat)
    theirs = [
        (server.spec.prefer, _plain(url))
        for server in await foreign.answering(job.source, job.target)
        if (url := _url_of(server, job)) is not None
    ]
    ways = [way for prefer, way in theirs if prefer]
    refusal = await servers.refusal(job.source, job.target) if job.source_root else "its folder is not known"
    if refusal is None:
        ways.append(Way(lambda: servers.urls(job.source, served, job.target), ours=True))
    ways += [way for prefer, way in theirs if not prefer]
    if not ways:
        remedy = "another transport is tried by itself; `http` in docs/configuration.md says what it needs"
        raise TransferError("fetch", job.source_path, str(refusal), remedy, ErrorClass.UNSUPPORTED)
    return tuple(ways)


def _url_of(server: ForeignServer, job: TransferJob) -> str | None:
    return plain_url(server, job.source_path, job.source_root)


def _plain(url: str) -> Way:
    async def urls() -> tuple[str, ...]:
        return (url,)

    return Way(urls, ours=False)
