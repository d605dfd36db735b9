"""Between the agent's JSON and the engine's values: pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind, FileStat, LocationState
from engine.remote.game_counts import GameCounts
from engine.remote.scan_types import FoundTemporary
from engine.remote.types import (
    AgentInfo,
    ChunkHashes,
    ContentInfo,
    PagesRequest,
    PublishRequest,
    PublishResult,
    RootStatus,
    ScanBatch,
    ScannedFile,
    ScanRoot,
    SnapshotInfo,
)

# Which names a scan reports, in lower case; what they are is the catalog's to say.
DATA_PATTERNS: dict[str, list[str]] = {
    "suffixes": [".db", ".jsonl", ".npz", ".pth", ".pt", ".ckpt"],
    "prefixes": ["checkpoint"],
    "never": ["-wal", "-shm", "-journal", ".writing", ".lock", ".tmp", ".part", ".torrent"],
    "zip": [".npz", ".pth", ".pt", ".ckpt"],
    "skip_folders": ["logs", "venv", "__pycache__", "node_modules", "quarantine"],
}


def info_from(answer: dict[str, Any], node_id: str) -> AgentInfo:
    """Return what a session's hello says."""
    return AgentInfo(node_id=node_id, **answer)


def root_to(root: ScanRoot) -> dict[str, Any]:
    """Return a root as the agent reads it."""
    return {
        "location": root.location,
        "root": root.root,
        "folders": list(root.folders),
        "must_be_mounted": root.must_be_mounted,
    }


def stat_from(values: list[int]) -> FileStat:
    """Return [size, mtime_ns, inode, wal size, wal mtime_ns] as a FileStat."""
    return FileStat(*values)


def stat_or_none(values: list[int] | None) -> FileStat | None:
    """Return a FileStat, or None for a file that is not there."""
    return None if values is None else FileStat(*values)


def stat_to(stat: FileStat | None) -> list[int] | None:
    """Return a FileStat as the agent reads it."""
    if stat is None:
        return None
    return [stat.size_bytes, stat.mtime_ns, stat.inode, stat.wal_size_bytes, stat.wal_mtime_ns]


def status_from(answer: dict[str, Any]) -> RootStatus:
    """Return a root's status."""
    return RootStatus(
        location=answer["location"],
        root=answer["root"],
        path=answer["path"],
        state=LocationState(answer["state"]),
        total_bytes=answer.get("total"),
        used_bytes=answer.get("used"),
        free_bytes=answer.get("free"),
        unreadable=tuple(answer["unreadable"]),
        detail=answer["detail"],
    )


KINDS = {kind.value: kind for kind in FileKind}


def batch_from(item: dict[str, Any]) -> ScanBatch:
    """Return one batch of a scan."""
    if "root_status" in item:
        return ScanBatch(roots=(status_from(item["root_status"]),))
    location, root = item["location"], item["root"]
    files = tuple(
        ScannedFile(location, root, path, FileStat(*stat), KINDS[kind], writing)
        for path, stat, kind, writing in item["files"]
    )
    return ScanBatch(files=files, temporaries=tuple(FoundTemporary(*t) for t in item["temporaries"]))


def content_from(answer: dict[str, Any]) -> ContentInfo:
    """Return a hash."""
    return ContentInfo(answer["sha256"], answer["size"], stat_from(answer["stat"]), answer["fingerprint"])


HASH_CHARS = 64


def hashes_from(item: str) -> list[str]:
    """Return the hashes of a batch, one after the other in one text."""
    return [item[start : start + HASH_CHARS] for start in range(0, len(item), HASH_CHARS)]


def chunk_hashes_from(answer: dict[str, Any], chunk_bytes: int, hashes: list[str]) -> ChunkHashes:
    """Return the hashes of a file and of its chunks."""
    name = hashlib.sha256(b"%d\n" % answer["size"])
    for value in hashes:
        name.update(bytes.fromhex(value))
    stat = stat_from(answer["stat"])
    return ChunkHashes(answer["sha256"], answer["size"], stat, chunk_bytes, tuple(hashes), name.hexdigest())


def snapshot_from(answer: dict[str, Any]) -> SnapshotInfo:
    """Return a snapshot."""
    return SnapshotInfo(answer["path"], answer["size"], stat_from(answer["source_stat"]), answer["games_count"])


def game_ids_from(item: dict[str, Any]) -> bytes:
    """Return a block of hashes of game ids, eight bytes each."""
    return base64.b64decode(item["ids"])


def game_counts_from(answer: dict[str, Any]) -> GameCounts:
    """Return what a database's games were counted to."""
    counts = (answer["complete"], answer["incomplete"], answer["orphan_moves"])
    return GameCounts(*counts, stat_from(answer["stat"]), answer["not_games"])


def pages_to(request: PagesRequest) -> dict[str, Any]:
    """Return one side of a page delta as the agent reads it."""
    return {
        "path": request.path,
        "root": request.root,
        "stat": stat_to(request.stat),
        "other_size": request.other_size,
        "new": request.new,
    }


def publish_to(request: PublishRequest) -> dict[str, Any]:
    """Return a publish request as the agent reads it."""
    return {
        "temp_path": request.temp_path,
        "final_path": request.final_path,
        "sha256": request.sha256,
        "size": request.size_bytes,
        "mtime_ns": request.mtime_ns,
        "temp_stat": stat_to(request.temp_stat),
        "expected": stat_to(request.expected),
        "mode": request.mode,
        "root": request.root,
        "kept_path": request.kept_path,
    }


def publish_from(answer: dict[str, Any]) -> PublishResult:
    """Return what publishing came to."""
    kept = stat_or_none(answer["kept"])
    return PublishResult(answer["outcome"], stat_or_none(answer["stat"]), answer["sha256"], answer["size"], kept)


def error_from(answer: dict[str, Any], operation: str, node_id: str) -> SyncdeckError:
    """Return an agent's failure as our error."""
    return SyncdeckError(operation, node_id, answer["cause"], answer["remedy"], ErrorClass(answer["class"]))
