"""What exactly is sent: the file as it is, or a snapshot of a live database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from engine.errors import ErrorClass, SyncdeckError
from engine.execution.places import Source, source_root
from engine.execution.tools import Tools
from engine.execution.verdicts import Superseded
from engine.integrity.temporary import content_id
from engine.model import EntryKey, FileKind, FileStat, Version
from engine.remote.types import NodeAgent, StreamOutcome
from engine.transport.errors import bad_source, source_changed


@dataclass(frozen=True, slots=True)
class Content:
    """A content to send: the path to read, and what its version will be once its hash is known.

    ``source_stat`` is that of the catalogued file (of a database: taken before its snapshot began);
    ``read_stat`` that of the file which is read, and which must not change meanwhile.
    """

    path: str
    size_bytes: int
    content_id: str
    sha256: str | None
    source_stat: FileStat
    read_stat: FileStat
    games_count: int | None = None
    live: bool = False
    """Read in place while it is written: size, and what is in it, are known once it has arrived."""

    @property
    def mtime_ns(self) -> int:
        """When the content was last written: a commit in WAL mode touches only the -wal."""
        return max(self.source_stat.mtime_ns, self.source_stat.wal_mtime_ns)

    def version(self, sha256: str, fingerprint: str | None) -> Version:
        """Return the catalogue's version of this content."""
        return Version(sha256, self.size_bytes, self.mtime_ns / 1e9, self.games_count, fingerprint)

    def arrived(self, outcome: StreamOutcome) -> Version:
        """Return the catalogue's version of this content as it arrived."""
        if not self.live:
            return self.version(outcome.sha256, outcome.fingerprint)
        return replace(
            self.version(outcome.sha256, outcome.fingerprint),
            size_bytes=outcome.size_bytes,
            games_count=outcome.games_count,
        )


async def look(agent: NodeAgent, source: Source) -> FileStat:
    """Return the source's stat now. Raises Superseded when it is gone."""
    stat = await agent.stat(source.path)
    if stat is None:
        cause = f"{source.path} is not on {source.node_id} any more"
        raise Superseded("read", source.path, cause, "it is planned anew from what is there")
    return stat


@asynccontextmanager
async def as_file(key: EntryKey, source: Source, stat: FileStat) -> AsyncIterator[Content]:
    """Give a quiet file as it is; its hash is known where it did not change since it was hashed."""
    replica = source.replica
    unchanged = not replica.changed and replica.stat.same_content_as(stat)
    sha256 = replica.sha256 if unchanged else None
    yield Content(source.path, stat.size_bytes, content_id(key, stat, sha256), sha256, stat, stat)


@asynccontextmanager
async def as_snapshot(
    tools: Tools, agent: NodeAgent, transfer_id: int, key: EntryKey, source: Source, stat: FileStat
) -> AsyncIterator[Content]:
    """Give a consistent snapshot of a live database; room for it is reserved first, it is removed afterwards.

    Where the source has no room, a database goes live: read in place as one version, if a transport can.
    """
    try:
        async with AsyncExitStack() as stack:
            try:
                content = await _snapshot(tools, stack, agent, transfer_id, key, source, stat)
            except SyncdeckError as error:
                if not (error.error_class is ErrorClass.NO_SPACE and _may_go_live(tools, source)):
                    raise
                content = _live(key, source, stat)
            yield content
    finally:
        tools.space.release(transfer_id, "snapshot")


async def _snapshot(
    tools: Tools,
    stack: AsyncExitStack,
    agent: NodeAgent,
    transfer_id: int,
    key: EntryKey,
    source: Source,
    stat: FileStat,
) -> Content:
    needed = stat.size_bytes + stat.wal_size_bytes
    root = await source_root(tools.policy(), agent, source)
    tools.space.reserve_snapshot(transfer_id, source.node_id, root, needed)
    snapshot_path = tools.names.snapshot(source.path, transfer_id, content_id(key, stat, None))
    try:
        sharing = tools.snapshots.use(agent, source.node_id, source.path, stat, snapshot_path)
        taken = await stack.enter_async_context(sharing)
    except SyncdeckError as error:
        if error.error_class is ErrorClass.CHECKSUM_MISMATCH:
            raise bad_source(source.path, error.cause) from error
        raise
    read_stat = await agent.stat(taken.path)
    if read_stat is None:
        raise source_changed(taken.path)
    # The snapshot's own stat tells two snapshots apart that began at the same stat of the database.
    unique = content_id(key, read_stat, None)
    return Content(taken.path, taken.size_bytes, unique, None, taken.source_stat, read_stat, taken.games_count)


def _may_go_live(tools: Tools, source: Source) -> bool:
    """Logs that only grow are not read in place: their snapshot is what cuts them after a whole line."""
    return source.kind is FileKind.SQLITE and tools.transports.sends_live


def _live(key: EntryKey, source: Source, stat: FileStat) -> Content:
    """The most that a version can be is the main file and all of its -wal; how much it is, reading tells."""
    most_bytes = stat.size_bytes + stat.wal_size_bytes
    return Content(source.path, most_bytes, content_id(key, stat, None), None, stat, stat, live=True)
