"""The session's requests about archives, deletions and usage: long ones, that tell how far they are."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from engine.model import FileKind, FileStat
from engine.remote import wire
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
from engine.remote.dialogue import Dialogue
from engine.views_archive import UsageRow

PATIENCE_SECONDS = 900.0
"""How long such a request may say nothing: a slow drive may take minutes to flush what was written to it."""


class ArchiveCalls(ABC):
    """Implements ``ArchiveAgent`` over a session's requests."""

    @abstractmethod
    async def _call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Return what one request comes to."""

    @abstractmethod
    def _begin(self, operation: str, arguments: dict[str, Any], patience_seconds: float) -> tuple[int, Dialogue]:
        """Send a request that goes on as a conversation."""

    @abstractmethod
    def _forget(self, number: int, finished: bool) -> None:
        """Drop a request."""

    async def read_fresh(self, path: str, kind: FileKind) -> tuple[str, FileStat]:
        """Read a file in full, niced; return its SHA-256 and its stat."""
        arguments = {"path": path, "kind": kind.value, "background": True, "fresh": True}
        content = wire.content_from(await self._call("hash", arguments))
        return content.sha256, content.stat

    async def archive(self, job: ArchiveJob, moved: Moved) -> Archived:
        """Compress a file and read the archive back in full."""
        arguments = {
            "path": job.path,
            "stat": wire.stat_to(job.stat),
            "kind": job.kind.value,
            "target": job.temp_path,
            "root": job.root,
            "codec": job.codec,
        }
        answer = await self._long("archive", arguments, _progress(moved))
        stat = wire.stat_from(answer["stat"])
        return Archived(answer["sha256"], answer["size"], answer["fingerprint"], answer["archive_sha256"], stat)

    async def verify_archive(self, path: str, root: str, codec: str, moved: Moved) -> ArchiveRead:
        """Read an archive in full."""
        answer = await self._long("verify_archive", {"path": path, "root": root, "codec": codec}, _progress(moved))
        return ArchiveRead(answer["sha256"], answer["size"], answer["archive_sha256"], wire.stat_from(answer["stat"]))

    async def restore_archive(self, job: RestoreJob, moved: Moved) -> Restored:
        """Decompress an archive into a temporary file."""
        arguments = {
            "path": job.archive_path,
            "archive_root": job.archive_root,
            "codec": job.codec,
            "target": job.temp_path,
            "root": job.root,
            "sha256": job.sha256,
            "size": job.size_bytes,
            "kind": job.kind.value,
        }
        answer = await self._long("restore_archive", arguments, _progress(moved))
        return Restored(answer["sha256"], answer["size"], answer["fingerprint"], wire.stat_from(answer["stat"]))

    async def delete_proven(self, deletion: Deletion) -> Deleted:
        """Hash, compare and unlink one data file, in one call."""
        arguments = {
            "proof": deletion.proof,
            "path": deletion.path,
            "root": deletion.root,
            "stat": wire.stat_to(deletion.stat),
            "kind": deletion.kind.value,
            "sha256s": list(deletion.sha256s),
            "fingerprints": list(deletion.fingerprints),
        }
        answer = await self._long("delete_proven", arguments, lambda item: None)
        return Deleted(answer["sha256"], answer["freed"], answer["free"])

    async def keep_beside(self, keeping: Keeping) -> Kept:
        """Hash, compare and rename one data file, in one call."""
        arguments = {
            "path": keeping.path,
            "kept": keeping.kept_path,
            "root": keeping.root,
            "stat": wire.stat_to(keeping.stat),
            "kind": keeping.kind.value,
            "sha256": keeping.sha256,
        }
        answer = await self._long("keep_beside", arguments, lambda item: None)
        return Kept(wire.stat_from(answer["stat"]), answer["sha256"], answer["fingerprint"])

    async def usage_tree(self, location: str, root: str, archives: str, most: int) -> list[UsageRow]:
        """Return what fills a folder tree, parents first."""
        rows: list[UsageRow] = []

        def take(item: dict[str, Any]) -> None:
            rows.extend(UsageRow(location, *row) for row in item.get("rows", ()))

        arguments = {"root": root, "archives": archives, "patterns": wire.DATA_PATTERNS, "most": most}
        await self._long("usage_tree", arguments, take)
        return rows

    async def _long(self, operation: str, arguments: dict[str, Any], heard: Callable[[Any], None]) -> Any:
        """Follow one request to its end; a cancelled one is stopped on the node and waited for."""
        number, dialogue = self._begin(operation, arguments, PATIENCE_SECONDS)
        try:
            return await dialogue.follow(heard)
        finally:
            try:
                await asyncio.shield(asyncio.ensure_future(dialogue.stop()))
            finally:
                self._forget(number, finished=True)


def _progress(moved: Moved) -> Callable[[Any], None]:
    return lambda item: moved(int(item["at"]))
