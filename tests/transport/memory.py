"""The smallest transport that keeps every promise: files are bytes in memory. It and its broken kin try the checks."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from engine.errors import ErrorClass, SyncdeckError, TransferError
from engine.model import FileKind, FileStat, Transport
from engine.remote.agent.scratch import BLOCK_BYTES, block
from engine.remote.types import Endpoint, Progress, StreamOutcome
from engine.transport.conformance.place import Seen
from engine.transport.errors import bad_source, source_changed
from engine.transport.types import BatchProgress, BatchTransport, Capabilities, TransferJob

PIECE_BYTES = 256 << 10
TICKS = itertools.count(1)


@dataclass
class MemoryFile:
    """Bytes, and when they last changed."""

    data: bytearray
    changed: int = field(default_factory=lambda: next(TICKS))
    inode: int = field(default_factory=lambda: next(TICKS))

    @property
    def stat(self) -> FileStat:
        return FileStat(len(self.data), self.changed, self.inode)


class MemoryPlace:
    """Implements ``Place``, and the few words of an agent that checks use."""

    def __init__(self, node_id: str, free_bytes: int = 1 << 40) -> None:
        self.endpoint = Endpoint(node_id, local=True)
        self.folder = f"/{node_id}"
        self.free_bytes = free_bytes
        self.held: dict[str, MemoryFile] = {}
        self.sealed: set[str] = set()
        self.links: dict[str, str] = {}

    def reserve(self, count: int) -> None:
        """Raise when so many bytes more do not fit."""
        if sum(len(file.data) for file in self.held.values()) + count > self.free_bytes:
            raise _error("there is no room left", ErrorClass.NO_SPACE)

    async def write(self, name: str, seed: str, size: int, start: int = 0) -> None:
        self.reserve(size)
        data = bytearray(size)
        for number in range(start // BLOCK_BYTES, -(-size // BLOCK_BYTES)):
            begin = number * BLOCK_BYTES
            skipped = max(0, start - begin)
            piece = block(seed, number)[skipped : size - begin]
            data[begin + skipped : begin + skipped + len(piece)] = piece
        self.held[name] = MemoryFile(data)

    async def append(self, name: str, seed: str, size: int) -> None:
        self._touched(name).data += block(seed, 0)[:size]

    async def flip(self, name: str, offset: int) -> None:
        self._touched(name).data[offset] ^= 0xFF

    async def put(self, name: str, data: bytes) -> None:
        self.held[name] = MemoryFile(bytearray(data))

    async def truncate(self, name: str, size: int) -> None:
        del self._touched(name).data[size:]

    async def rename(self, name: str, to: str) -> None:
        self.held[to] = self.held.pop(name)

    async def remove(self, name: str) -> None:
        del self.held[name]

    async def make_folder(self, name: str) -> None:
        return None

    async def link(self, name: str, to: str) -> None:
        self.links[name] = to

    async def look(self, name: str) -> Seen | None:
        file = self.held.get(name)
        if file is None:
            return None
        return Seen(len(file.data), hashlib.sha256(file.data).hexdigest(), 0o600, len(file.data))

    async def files(self) -> Sequence[str]:
        return tuple(sorted(self.held))

    async def seal(self, name: str) -> str | None:
        self.sealed.add(name)
        return None

    async def hide(self, name: str) -> str | None:
        return "memory has no permissions"

    async def holders(self, patience_seconds: float) -> Sequence[int] | None:
        return None

    async def clear(self) -> None:
        self.held.clear()
        self.sealed.clear()
        self.links.clear()

    async def stat(self, path: str) -> FileStat | None:
        file = self.held.get(self.name(path))
        return None if file is None else file.stat

    async def discard(self, paths: Sequence[str]) -> int:
        return sum(self.held.pop(self.name(path), None) is not None for path in paths)

    def name(self, path: str) -> str:
        return path.removeprefix(self.folder + "/")

    def _touched(self, name: str) -> MemoryFile:
        file = self.held[name]
        file.changed = next(TICKS)
        return file


class MemoryTransport:
    """Keeps every promise. A subclass breaks one by overriding one method."""

    name = Transport.AGENT
    capabilities = Capabilities(remote_to_remote=True, resume=True, cost=10, batches=True)

    def __init__(self, places: Sequence[MemoryPlace]) -> None:
        self._places = {place.endpoint.node_id: place for place in places}
        self._busy: set[str] = set()

    async def unusable(self, source: Endpoint, target: Endpoint) -> str | None:
        return None

    async def copy(self, job: TransferJob, progress: Progress) -> StreamOutcome:
        source, target = self._places[job.source.node_id], self._places[job.target.node_id]
        name = self.allowed(job, target)
        if name in self._busy:
            raise _error("another copy writes it", ErrorClass.TRANSIENT_NETWORK)
        self._busy.add(name)
        try:
            return await self._carry(job, source, target, name, progress)
        finally:
            self._busy.discard(name)

    async def copy_batch(
        self, jobs: Sequence[TransferJob], progress: BatchProgress
    ) -> Sequence[StreamOutcome | SyncdeckError]:
        results: list[StreamOutcome | SyncdeckError] = []
        for number, job in enumerate(jobs):
            progress(number, 0, 0)
            try:
                results.append(await self.copy(job, partial(progress, number)))
            except SyncdeckError as error:
                results.append(error)
        return results

    async def _carry(
        self, job: TransferJob, source: MemoryPlace, target: MemoryPlace, name: str, progress: Progress
    ) -> StreamOutcome:
        file = self.opened(job, source)
        there = target.held.setdefault(name, MemoryFile(bytearray()))
        kept = self.kept(there, file)
        del there.data[kept:]
        while len(there.data) < len(file.data):
            piece = file.data[len(there.data) : len(there.data) + PIECE_BYTES]
            target.reserve(len(piece))
            there.data += piece
            progress(len(there.data), len(there.data) - kept)
            await self.paced(job, len(piece))
            self.unchanged(job, source)
        self.unchanged(job, source)
        self.sound(job, file)
        digest = self.proven(job, there, file)
        return StreamOutcome(digest, len(there.data), len(there.data) - kept, kept, 0.0, there.stat)

    def allowed(self, job: TransferJob, target: MemoryPlace) -> str:
        """Return the name to write to; raise for one that leaves the root, or that nobody may write."""
        name = target.name(job.temp_path)
        folder = name.rpartition("/")[0]
        if "\n" in name or folder in target.sealed or folder in target.links:
            raise _error(f"{name!r} is refused", ErrorClass.CONFIG)
        return name

    def opened(self, job: TransferJob, source: MemoryPlace) -> MemoryFile:
        """Return the source; raise for one that is gone or not what was planned."""
        file = source.held.get(source.name(job.source_path))
        if file is None:
            raise _error("it is not there", ErrorClass.NOT_FOUND)
        self.unchanged(job, source)
        return file

    def kept(self, there: MemoryFile, file: MemoryFile) -> int:
        """Return how many bytes of what is there are the source's."""
        common = min(len(there.data), len(file.data))
        return common if there.data[:common] == file.data[:common] else 0

    async def paced(self, job: TransferJob, count: int) -> None:
        """Wait until the bytes are paid for, or the cap is lifted."""
        await asyncio.sleep(0)
        if job.rate.bytes_per_second is None:
            return
        changed = asyncio.Event()
        end = job.rate.subscribe(lambda rate: changed.set())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), count / job.rate.bytes_per_second)
        finally:
            end()

    def unchanged(self, job: TransferJob, source: MemoryPlace) -> None:
        """Raise when the source is not what was planned any more."""
        now = source.held.get(source.name(job.source_path))
        if now is None or (job.source_stat is not None and now.stat != job.source_stat):
            raise source_changed(job.source_path)

    def sound(self, job: TransferJob, file: MemoryFile) -> None:
        """Raise for a damaged archive."""
        if not job.check_source or job.kind is not FileKind.ZIP:
            return
        with zipfile.ZipFile(io.BytesIO(bytes(file.data))) as archive:
            bad = archive.testzip()
        if bad is not None:
            raise bad_source(job.source_path, f"{bad} is damaged")

    def proven(self, job: TransferJob, there: MemoryFile, file: MemoryFile) -> str:
        """Return the hash of what was written; raise when it is not what was promised."""
        digest = hashlib.sha256(there.data).hexdigest()
        if digest != (job.sha256 or hashlib.sha256(file.data).hexdigest()):
            raise _error("it is not what was promised", ErrorClass.CHECKSUM_MISMATCH)
        return digest


def _error(cause: str, error_class: ErrorClass) -> TransferError:
    return TransferError("copy", "in memory", cause, "see the cause", error_class)


_KEEPS_THE_CONTRACT: type[BatchTransport] = MemoryTransport
