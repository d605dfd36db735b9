"""What the engine asks of a node, and what comes back. The wire format is the agent's own affair."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from config.types import Address
from engine.errors import SyncdeckError
from engine.model import FileKind, FileStat
from engine.remote.archive_types import ArchiveAgent
from engine.remote.dialogue import Dialogue
from engine.remote.game_counts import GameCounts
from engine.remote.scan_types import RootStatus, ScanBatch, ScannedFile, ScanRoot

__all__ = ["RootStatus", "ScanBatch", "ScanRoot", "ScannedFile"]

LIVE_SECONDS = 120.0
"""Its -wal grows as long as a live database is read: 83 MB in 15 s were seen at 200 rows a second."""

Progress = Callable[[int, int], None]
"""Called with (bytes done of the file, bytes on the wire so far)."""
RateChanges = Callable[[Callable[[int | None], None]], Callable[[], None]]
"""Has a function called with each new cap in bytes per second (None: no cap), and returns what ends that."""


@dataclass(frozen=True, slots=True)
class SshOptions:
    """One set of SSH options for everything that we run: control, bulk copies and rsync alike."""

    control_dir: Path
    known_hosts: str | None = None
    config_file: str | None = None
    connect_timeout_seconds: int = 10
    ciphers: str | None = "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-ctr"
    multiplex: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How commands are started on a node: as local children, or over SSH to the first address that answers."""

    node_id: str
    local: bool
    addresses: tuple[Address, ...] = ()
    user: str | None = None
    identity_file: str | None = None


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """What a node's agent said of its machine. ``rsync`` is the first line of ``rsync --version`` or None,
    ``rsync_path`` where it is if the login shell's PATH does not lead to it."""

    node_id: str
    hostname: str
    platform: str
    python: str
    home: str
    user: str
    rsync: str | None
    zstd: bool
    cache_dir: str
    rsync_path: str | None = None


@dataclass(frozen=True, slots=True)
class ContentInfo:
    """The hash of a file as it is on disk, and the stat it had before and after (equal, else an error)."""

    sha256: str
    size_bytes: int
    stat: FileStat
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class ChunkHashes:
    """The hash of a whole file and of each of its chunks (the last one shorter), and the stat it kept meanwhile."""

    sha256: str
    size_bytes: int
    stat: FileStat
    chunk_bytes: int
    sha256s: tuple[str, ...]
    id: str
    """SHA-256 over the size as decimal digits, a line feed, and the chunks' digests in order."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a short HTTP request from a node was answered with; ``status`` None: no answer, and ``reason`` says why."""

    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A consistent copy of a live database: a rollback-mode artifact at ``path`` on the source node."""

    path: str
    size_bytes: int
    source_stat: FileStat
    """Stat of the live files taken BEFORE the snapshot began, so that later commits show as changes."""
    games_count: int | None
    """How many games it holds, of a growing log its lines; None where it has no table of them."""


@dataclass(frozen=True, slots=True)
class PagesRequest:
    """One side of a page delta: the new version at its source (``new``), or the old one at the target.

    ``stat`` is what the file must be from beginning to end, ``root`` the folder that nothing may leave ("" allows any
    place), ``other_size`` the other version's bytes, ``patience_seconds`` how long the node may say nothing.
    """

    path: str
    root: str
    stat: FileStat
    other_size: int
    new: bool
    patience_seconds: float


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a file is sound for its kind (quick_check, zip CRC); ``detail`` says what is wrong."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StreamJob:
    """One file to move as a stream into a temporary file. ``content_id`` names the content for resuming.

    ``source_stat`` (when given) must still hold when the last byte was read, else the error is
    source-changed. ``bytes_per_second`` None means no cap.
    """

    source_path: str
    temp_path: str
    size_bytes: int
    content_id: str
    kind: FileKind
    source_stat: FileStat | None = None
    bytes_per_second: int | None = None
    encoding: str = "binary"
    compress: bool = True
    stall_timeout_seconds: float = 600.0
    check_source: bool = False
    """Run the type check of ``kind`` at the source while the bytes travel (once per content)."""
    root: str = ""
    """The target location's folder: the temporary file is refused outside it ("" allows any place)."""
    sha256: str | None = None
    """What the content hashes to, where that is known: the source then need not be hashed again."""
    live: bool = False
    """The source is a database being written: one consistent version of it is sent, and never resumed.
    ``size_bytes`` is an estimate until the reading begins, ``source_stat`` None."""
    live_seconds: float = LIVE_SECONDS
    """How long a live database may be held still for reading."""


@dataclass(frozen=True, slots=True)
class StreamOutcome:
    """A verified temporary file at the target: hash taken from what was written, after fsync.

    ``temp_stat`` is what publish compares before it renames. ``resumed_bytes`` were there already.
    """

    sha256: str
    size_bytes: int
    bytes_on_wire: int
    resumed_bytes: int
    duration_seconds: float
    temp_stat: FileStat
    compressed: bool = False
    fingerprint: str | None = None
    """Of a database, where the transport computed it: see ``ContentInfo.fingerprint``."""
    games_count: int | None = None
    """Where the transport counted: of a live database the games in the version that was sent, of a log its lines."""
    way: str = ""
    """Which way the bytes took, where a transport has several, in an operator's words."""


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """Put a verified temporary file under its final name, if what is there is what we expect.

    ``expected`` is the stat of the file that may be replaced, or None when nothing may be there. Where that file holds
    what the new one lacks, it stays, as ``kept_path`` in the same folder ("": it need not).
    """

    temp_path: str
    final_path: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    temp_stat: FileStat | None
    expected: FileStat | None
    mode: int = 0o644
    root: str = ""
    """The location's folder: a final path that leads out of it is refused ("" allows any place)."""
    kept_path: str = ""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """``published`` (or ``already`` there with the same hash); otherwise ``conflict`` with what is there.

    ``kept``: the stat of what was replaced and stayed under its ``kept_path``, None where nothing had to.
    """

    outcome: str
    stat: FileStat | None
    found_sha256: str | None = None
    found_size_bytes: int | None = None
    kept: FileStat | None = None


class NodeAgent(ArchiveAgent, Protocol):
    """A session with one node. Calls may run side by side; each raises SyncdeckError with class and remedy."""

    @property
    def info(self) -> AgentInfo:
        """What the node said of itself when the session began."""
        ...

    def scan(self, roots: Sequence[ScanRoot]) -> AsyncGenerator[ScanBatch, None]:
        """Yield batches of at most 1,000 files; a root's status comes after all its files, the look's number last."""
        ...

    def changes(self, roots: Sequence[ScanRoot], taken: int) -> AsyncGenerator[ScanBatch, None]:
        """Yield like ``scan``, but of the files only those that may have changed since the look number ``taken``.

        Files that went are not told, nor are temporary ones. Without a number at the end nothing was looked at: look
        ``taken`` is not known to this session, or was one at other roots. Then only a scan tells.
        """
        ...

    async def usage(self, roots: Sequence[ScanRoot]) -> list[RootStatus]:
        """Return each root's state and disk usage without walking it."""
        ...

    async def stat(self, path: str) -> FileStat | None:
        """Return a file's stat (with its -wal), or None when it is not there."""
        ...

    async def hash(self, path: str, kind: FileKind, background: bool = False) -> ContentInfo:
        """Hash a file that nobody writes; with a cache on the node. ``background``: niced and budgeted."""
        ...

    async def follow(self, temp_path: str, size_bytes: int, root: str) -> ContentInfo:
        """Hash a temporary file while another program writes it in order; ends when all of it is there.

        Its stat tells, compared with the file's at the end, whether what was hashed is what stayed.
        """
        ...

    async def manifest(self, path: str, chunk_bytes: int) -> ChunkHashes:
        """Hash every chunk of a file that nobody writes, and the whole, in one pass; with a cache on the node."""
        ...

    async def probe_http(self, host: str, port: int, target: str, seconds: float) -> ProbeResult:
        """Say what a GET from this node is answered with; connecting and answering may take ``seconds`` each."""
        ...

    def pages(self, request: PagesRequest) -> AbstractAsyncContextManager[Dialogue]:
        """Compare a database's pages with another version's; the request ends with the context, and is waited for."""
        ...

    async def snapshot(self, path: str, snapshot_path: str) -> SnapshotInfo:
        """Make a consistent rollback-mode copy of a live database with SQLite's backup API; it is not flushed."""
        ...

    async def ensure_stored(self, snapshot_path: str) -> None:
        """Raise where the node failed to store a snapshot, so that what was read of it is not to be believed."""
        ...

    async def game_ids(self, path: str, take: Callable[[bytes], Awaitable[None]], ids_per_second: float) -> GameCounts:
        """Hand the 64-bit hashes of a database's complete games to ``take``, in blocks (little-endian, in no order).

        Niced and at a bounded rate; a database that is written meanwhile is read in one read transaction.
        """
        ...

    async def check(self, path: str, kind: FileKind) -> CheckResult:
        """Check a quiet file (quick_check, zip CRC) without unpickling or inflating it whole."""
        ...

    async def publish(self, request: PublishRequest) -> PublishResult:
        """Rename a verified temporary file into place, durably; see PublishRequest."""
        ...

    async def publish_many(self, requests: Sequence[PublishRequest]) -> list[PublishResult | SyncdeckError]:
        """Publish many files, each with all the checks of ``publish``; return what each came to, in order."""
        ...

    async def hash_many(self, files: Sequence[tuple[str, FileKind]]) -> list[ContentInfo | SyncdeckError]:
        """Hash many files that nobody writes; return what each came to, in order."""
        ...

    async def stat_many(self, paths: Sequence[str]) -> list[FileStat | None]:
        """Return the stat of each path (with its -wal), None for what is not there."""
        ...

    async def prepare(self, temp_path: str, root: str) -> None:
        """Make the folders above a temporary file that another program writes; refuse one that leaves ``root``."""
        ...

    async def discard(self, paths: Sequence[str]) -> int:
        """Remove temporary files of ours (the name is checked on the node); return how many were there."""
        ...

    async def quarantine(self, path: str, quarantine_path: str) -> None:
        """Move a bad file aside on its own file system, never overwriting."""
        ...

    async def processes(self, names: Sequence[str]) -> list[tuple[int, str]]:
        """Return (pid, command) of running processes whose command line names one of ``names``."""
        ...

    async def close(self) -> None:
        """End the session; running calls fail."""
        ...
