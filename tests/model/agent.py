"""A node's agent over a disk of memory: the same refusals as the real one, without its processes.

``test_agent_is_like_the_real_one.py`` holds it against the real agent.
"""

from __future__ import annotations

import asyncio
import gzip
import posixpath
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

from config.classify import classify
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError
from engine.integrity.temporary import parse_temporary
from engine.model import FileKind, FileStat, LocationState, NodeState
from engine.remote.archive_types import (
    Archived,
    ArchiveJob,
    ArchiveRead,
    Deleted,
    Deletion,
    Keeping,
    Kept,
    Moved,
    Restored,
    RestoreJob,
)
from engine.remote.game_counts import GameCounts
from engine.remote.scan_types import FoundTemporary
from engine.remote.types import (
    AgentInfo,
    CheckResult,
    ContentInfo,
    PublishRequest,
    PublishResult,
    RootStatus,
    ScanBatch,
    ScannedFile,
    ScanRoot,
    SnapshotInfo,
)
from tests.model.disk import EngineKilled, ModelFleet, ModelNode, StoredFile, digest, unpacked
from tests.model.games import holds_all, tell_ids
from tests.model.not_played import NotPlayed

T = TypeVar("T")
TOTAL_BYTES = 1 << 40


def failure(operation: str, path: str, cause: str, error_class: ErrorClass) -> SyncdeckError:
    return SyncdeckError(operation, path, cause, "look at it", error_class)


def lost(node: str, state: NodeState = NodeState.LOST) -> NodeUnreachable:
    return NodeUnreachable(
        "reach", node, "the node is gone", "bring it back", ErrorClass.TRANSIENT_NETWORK, state.value
    )


class ModelAgent(NotPlayed):
    """One session of one run of an engine with a node."""

    def __init__(self, fleet: ModelFleet, node: ModelNode) -> None:
        self._fleet = fleet
        self._run = fleet.run
        self.node = node

    @property
    def info(self) -> AgentInfo:
        name = self.node.name
        return AgentInfo(name, name, "model", "3.11.0", "/root", "root", None, False, "/root/.cache")

    async def call(self, path: str, effect: Callable[[], T]) -> T:
        """Have something done; before it and after it anything may go wrong."""
        await self.edge(path)
        value = effect()
        await self.edge(path)
        return value

    async def edge(self, path: str) -> None:
        """Pass one edge of a request. Raises what a trap at this edge means."""
        await asyncio.sleep(0)
        self.ensure_alive()
        happens = self._fleet.pass_edge(self.node, path)
        if happens == "fail":
            raise failure("ask", path, "the request failed", ErrorClass.TRANSIENT_NETWORK)
        if happens == "cancel":
            await asyncio.sleep(0)
        self.ensure_alive()

    def ensure_alive(self) -> None:
        """Raise when the engine that asks, or the node, is dead."""
        if self._run != self._fleet.run:
            raise EngineKilled
        if not self.node.up:
            raise lost(self.node.name)

    async def scan(self, roots: Sequence[ScanRoot]) -> AsyncGenerator[ScanBatch, None]:
        for root in roots:
            await self.edge(root.root)
            status = self._status(root)
            if status.state is LocationState.AVAILABLE:
                yield self._listing(root)
                await self.edge(root.root)
            yield ScanBatch(roots=(status,))

    async def changes(self, roots: Sequence[ScanRoot], taken: int) -> AsyncGenerator[ScanBatch, None]:
        await self.edge("")
        yield ScanBatch()  # It knows no look: only a scan tells.

    def _listing(self, root: ScanRoot) -> ScanBatch:
        files, temporaries = [], []
        for path, file in sorted(self.node.files.items()):
            relative = path.removeprefix(root.root + "/")
            scanned = any(not folder or relative.startswith(folder + "/") for folder in root.folders)
            if relative == path or not scanned or not self.node.sees(path) or self._elsewhere(root, path):
                continue
            if parse_temporary(path) is not None:
                mtime, size = file.mtime_ns / 1e9, file.stat.size_bytes
                temporaries.append(FoundTemporary(root.location, root.root, relative, mtime, size))
                continue
            found = classify(relative)
            if found.data_type is not None:
                files.append(ScannedFile(root.location, root.root, relative, file.stat, FileKind(found.kind)))
        return ScanBatch(files=tuple(files), temporaries=tuple(temporaries))

    def _elsewhere(self, root: ScanRoot, path: str) -> bool:
        return self.node.location_of(path) != root.location

    def _status(self, root: ScanRoot) -> RootStatus:
        there = self.node.mounted.get(root.root, True)
        state = LocationState.AVAILABLE if there else LocationState.NOT_MOUNTED
        used = sum(len(file.data) for file in self.node.files.values())
        return RootStatus(
            root.location,
            root.root,
            root.root,
            state,
            TOTAL_BYTES,
            used,
            TOTAL_BYTES - used,
            (),
            "" if there else "away",
        )

    async def usage(self, roots: Sequence[ScanRoot]) -> list[RootStatus]:
        return await self.call("", lambda: [self._status(root) for root in roots])

    async def stat(self, path: str) -> FileStat | None:
        def look() -> FileStat | None:
            file = self.node.find(path)
            return None if file is None else file.stat

        return await self.call(path, look)

    async def stat_many(self, paths: Sequence[str]) -> list[FileStat | None]:
        return [await self.stat(path) for path in paths]

    def existing(self, operation: str, path: str) -> StoredFile:
        file = self.node.find(path)
        if file is None:
            raise failure(operation, path, f"{path} is not there", ErrorClass.NOT_FOUND)
        return file

    async def hash(self, path: str, kind: FileKind, background: bool = False) -> ContentInfo:
        def read() -> ContentInfo:
            file = self.existing("hash", path)
            return ContentInfo(digest(file.data), len(file.data), file.stat, fingerprint_of(file.data, kind))

        return await self.call(path, read)

    async def hash_many(self, files: Sequence[tuple[str, FileKind]]) -> list[ContentInfo | SyncdeckError]:
        found: list[ContentInfo | SyncdeckError] = []
        for path, kind in files:
            try:
                found.append(await self.hash(path, kind))
            except NodeUnreachable:
                raise
            except SyncdeckError as error:
                found.append(error)
        return found

    async def read_fresh(self, path: str, kind: FileKind) -> tuple[str, FileStat]:
        content = await self.hash(path, kind)
        return content.sha256, content.stat

    async def check(self, path: str, kind: FileKind) -> CheckResult:
        return await self.call(path, lambda: CheckResult(self.existing("check", path) is not None))

    async def snapshot(self, path: str, snapshot_path: str) -> SnapshotInfo:
        def copy() -> SnapshotInfo:
            file = self.existing("snapshot", path)
            self.node.write(snapshot_path, file.data)
            return SnapshotInfo(snapshot_path, len(file.data), file.stat, file.data.count(b"\n"))

        return await self.call(path, copy)

    async def ensure_stored(self, snapshot_path: str) -> None:
        await self.call(snapshot_path, lambda: self.existing("ensure_stored", snapshot_path))

    async def publish(self, request: PublishRequest) -> PublishResult:
        return await self.call(request.final_path, lambda: self._publish(request))

    def _publish(self, request: PublishRequest) -> PublishResult:
        final = request.final_path
        self._ensure_temporary("publish", request.temp_path)
        self._ensure_inside("publish", request.temp_path, request.root)
        self._ensure_inside("publish", final, request.root)
        found, temp = self.node.find(final), self.node.find(request.temp_path)
        if found is not None and (len(found.data), digest(found.data)) == (request.size_bytes, request.sha256):
            self.node.files.pop(request.temp_path, None)
            return PublishResult("already", found.stat)
        if temp is None and found is None:
            raise failure("publish", request.temp_path, "it is not there", ErrorClass.NOT_FOUND)
        expected = request.expected
        as_expected = expected is not None and found is not None and found.stat.same_content_as(expected)
        if temp is None or (found is not None and not as_expected) or (found is None and expected is not None):
            return _conflict(found)
        known = request.temp_stat
        same = known is not None and (known.size_bytes, known.inode) == (len(temp.data), temp.inode)
        same = same and known is not None and temp.mtime_ns in (known.mtime_ns, request.mtime_ns)
        if not same and digest(temp.data) != request.sha256:
            raise failure("publish", request.temp_path, "it is not what was verified", ErrorClass.CHECKSUM_MISMATCH)
        kept = self._keep(found, temp, request) if found is not None and request.kept_path else None
        if found is not None:
            self._fleet.on_replace(self.node, final, found.data, temp.data)
        del self.node.files[request.temp_path]
        self.node.files[final] = StoredFile(temp.data, request.mtime_ns, temp.inode)
        return PublishResult("published", self.node.files[final].stat, kept=kept)

    def _keep(self, found: StoredFile, temp: StoredFile, request: PublishRequest) -> FileStat | None:
        if posixpath.dirname(request.kept_path) != posixpath.dirname(request.final_path):
            raise failure("publish", request.kept_path, "it is not beside the file", ErrorClass.BUG)
        if holds_all(found.data, temp.data):
            return None
        there = self.node.find(request.kept_path)
        if there is not None and there.data != found.data:
            raise failure("publish", request.kept_path, "another content is there", ErrorClass.CONFIG)
        self.node.files.setdefault(request.kept_path, found)
        return self.node.files[request.kept_path].stat

    async def publish_many(self, requests: Sequence[PublishRequest]) -> list[PublishResult | SyncdeckError]:
        return [await self.publish(request) for request in requests]

    async def prepare(self, temp_path: str, root: str) -> None:
        await self.call(temp_path, lambda: self._ensure_inside("prepare", temp_path, root))

    async def discard(self, paths: Sequence[str]) -> int:
        def remove() -> int:
            for path in paths:
                self._ensure_temporary("discard", path)
            return sum(self.node.files.pop(path, None) is not None for path in paths if self.node.sees(path))

        return await self.call(paths[0] if paths else "", remove)

    async def quarantine(self, path: str, quarantine_path: str) -> None:
        def move() -> None:
            file = self.existing("quarantine", path)
            if self.node.find(quarantine_path) is not None:
                raise failure("quarantine", quarantine_path, "another file is there", ErrorClass.CONFIG)
            del self.node.files[path]
            self.node.files[quarantine_path] = file

        await self.call(path, move)

    async def archive(self, job: ArchiveJob, moved: Moved) -> Archived:
        return await self.call(job.path, lambda: self._archive(job))

    def _archive(self, job: ArchiveJob) -> Archived:
        self._prepared("archive", job.temp_path, job.root)
        if job.codec == "zstd":
            raise failure("archive", job.path, "this node has no zstd", ErrorClass.UNSUPPORTED)
        file = self.existing("archive", job.path)
        if not file.stat.same_content_as(job.stat):
            raise failure("archive", job.path, "it changed", ErrorClass.SOURCE_CHANGED)
        written = self.node.write(job.temp_path, gzip.compress(file.data, mtime=0), checked=False)
        if not self.reads_back(job.temp_path, file.data):
            del self.node.files[job.temp_path]
            raise failure("archive", job.temp_path, "it reads back as another content", ErrorClass.CHECKSUM_MISMATCH)
        sums = digest(file.data), len(file.data), fingerprint_of(file.data, job.kind), digest(written.data)
        return Archived(*sums, written.stat)

    def reads_back(self, path: str, data: bytes) -> bool:
        """Return whether an archive holds just these bytes."""
        return unpacked(self.node.files[path].data) == data

    async def verify_archive(self, path: str, root: str, codec: str, moved: Moved) -> ArchiveRead:
        def read() -> ArchiveRead:
            self._ensure_inside("verify", path, root)
            file = self.existing("verify", path)
            data = unpacked(file.data)
            if data is None:
                raise failure("verify", path, "it is damaged", ErrorClass.CHECKSUM_MISMATCH)
            return ArchiveRead(digest(data), len(data), digest(file.data), file.stat)

        return await self.call(path, read)

    async def restore_archive(self, job: RestoreJob, moved: Moved) -> Restored:
        def restore() -> Restored:
            self._prepared("restore", job.temp_path, job.root)
            self._ensure_inside("restore", job.archive_path, job.archive_root)
            data = unpacked(self.existing("restore", job.archive_path).data)
            if data is None or digest(data) != job.sha256:
                raise failure("restore", job.archive_path, "it holds another content", ErrorClass.CHECKSUM_MISMATCH)
            written = self.node.write(job.temp_path, data, checked=False)
            if written.data != data:
                raise failure(
                    "restore", job.temp_path, "it reads back as another content", ErrorClass.CHECKSUM_MISMATCH
                )
            return Restored(digest(data), len(data), fingerprint_of(data, job.kind), written.stat)

        return await self.call(job.archive_path, restore)

    async def keep_beside(self, keeping: Keeping) -> Kept:
        return await self.call(keeping.path, lambda: self._keep_beside(keeping))

    def _keep_beside(self, keeping: Keeping) -> Kept:
        path, kept, expected = keeping.path, keeping.kept_path, keeping.stat
        if posixpath.dirname(kept) != posixpath.dirname(path):
            raise failure("keep", kept, "it is not beside the file", ErrorClass.BUG)
        self._ensure_inside("keep", path, keeping.root)
        file, there = self.node.find(path), self.node.find(kept)
        if file is None and there is None:
            raise failure("keep", path, "it is not there", ErrorClass.NOT_FOUND)
        if file is not None:
            if (len(file.data), file.mtime_ns, file.inode) != (expected.size_bytes, expected.mtime_ns, expected.inode):
                raise failure("keep", path, "it changed since it was looked at", ErrorClass.SOURCE_CHANGED)
            if digest(file.data) != keeping.sha256:
                raise failure("keep", path, "it holds another content", ErrorClass.CHECKSUM_MISMATCH)
        if there is not None and digest(there.data) != keeping.sha256:
            raise failure("keep", kept, "another content is there", ErrorClass.CONFIG)
        if file is not None:
            self._fleet.on_keep(self.node, path, kept)
            self.node.files[kept] = self.node.files.pop(path)
        data = self.node.files[kept].data
        return Kept(self.node.files[kept].stat, digest(data), fingerprint_of(data, keeping.kind))

    async def delete_proven(self, deletion: Deletion) -> Deleted:
        return await self.call(deletion.path, lambda: self._delete(deletion))

    def _delete(self, deletion: Deletion) -> Deleted:
        path, expected = deletion.path, deletion.stat
        if deletion.proof <= 0:
            raise failure("delete", path, "a deletion without a proof was asked for", ErrorClass.BUG)
        self._ensure_inside("delete", path, deletion.root)
        file = self.existing("delete", path)
        now = (len(file.data), file.mtime_ns, file.inode)
        if now != (expected.size_bytes, expected.mtime_ns, expected.inode):
            raise failure("delete", path, "it changed since it was looked at", ErrorClass.SOURCE_CHANGED)
        content, fingerprint = digest(file.data), fingerprint_of(file.data, deletion.kind)
        if content not in deletion.sha256s and fingerprint not in deletion.fingerprints:
            raise failure("delete", path, "it holds another content", ErrorClass.CHECKSUM_MISMATCH)
        self._fleet.on_unlink(self.node, path, deletion.proof)
        del self.node.files[path]
        return Deleted(content, len(file.data), TOTAL_BYTES)

    def _prepared(self, operation: str, path: str, root: str) -> None:
        self._ensure_temporary(operation, path)
        self._ensure_inside(operation, path, root)
        self.node.files.pop(path, None)

    def _ensure_temporary(self, operation: str, path: str) -> None:
        if parse_temporary(path) is None:
            raise failure(operation, path, "it is no temporary name of ours", ErrorClass.BUG)

    def _ensure_inside(self, operation: str, path: str, root: str) -> None:
        if posixpath.normpath(path) != path or (root and not path.startswith(root.rstrip("/") + "/")):
            raise failure(operation, path, f"it leads out of {root}", ErrorClass.CONFIG)
        if not self.node.sees(path):
            raise failure(operation, path, "its drive is away", ErrorClass.NOT_FOUND)

    async def game_ids(self, path: str, take: Callable[[bytes], Awaitable[None]], ids_per_second: float) -> GameCounts:
        await self.edge(path)
        file = self.existing("count", path)
        hashes, tally = tell_ids(file.data)
        await take(hashes)
        await self.edge(path)
        return GameCounts(tally.complete, tally.incomplete, tally.orphan_moves, file.stat)

    async def close(self) -> None:
        """There is nothing to end."""


def fingerprint_of(data: bytes, kind: FileKind) -> str | None:
    """Return what stands for a database's content whatever its header counts."""
    return digest(b"fingerprint" + data) if kind is FileKind.SQLITE else None


def _conflict(found: StoredFile | None) -> PublishResult:
    if found is None:
        return PublishResult("conflict", None)
    return PublishResult("conflict", found.stat, digest(found.data), len(found.data))
