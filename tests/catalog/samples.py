"""Small makers of catalog values for tests."""

from __future__ import annotations

from collections.abc import Sequence

from config.types import DataType
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.catalog.values import Place, Places
from engine.model import EntryKey, FileKind, FileStat, Replica, ReplicaState, Version

DRIVE = "mac-studio:/Volumes/drive"
PLACES = Places(
    (
        Place("vast-1", "vast-1", False, "vast"),
        Place("vast-2", "vast-2", False, "vast"),
        Place("mac-studio", "mac-studio", True, "local"),
        Place(DRIVE, "mac-studio", True, "local"),
        Place("hetzner-1", "hetzner-1", True, "hetzner"),
    ),
    wanted_copies=2,
)


def games(name: str = "a.db", origin: str = "vast-1") -> EntryKey:
    return EntryKey(DataType.GAMES, name, origin)


def model(name: str = "hex8_2p.pth") -> EntryKey:
    return EntryKey(DataType.MODELS, name)


def sha(letter: str) -> str:
    return letter * 64


def version(letter: str, size: int = 100, mtime: float = 1_000.0, fingerprint: str | None = None) -> Version:
    return Version(sha(letter), size, mtime, None, fingerprint)


def stat(size: int = 100, mtime: float = 1_000.0, wal: int = 0, wal_mtime: float = 0.0) -> FileStat:
    return FileStat(size, int(mtime * 1e9), 7, wal, int(wal_mtime * 1e9))


def path_of(key: EntryKey, location: str) -> str:
    return f"/root/{location}/{key.data_type.value}/{key.path}"


def record(
    key: EntryKey, location: str, seen: FileStat | None = None, config_key: str | None = "hex8_2p"
) -> ScannedRecord:
    return ScannedRecord(key, config_key, path_of(key, location), seen or stat(), FileKind.SQLITE)


async def scan(
    catalog: DataCatalog, location: str, files: Sequence[ScannedRecord], unreadable: Sequence[str] = ()
) -> int:
    """Run a whole scan of a location's one root; return how many copies it removed."""
    scan_id = await catalog.begin_scan(location)
    await catalog.record_scanned(location, scan_id, files)
    return await catalog.finish_scan(location, scan_id, unreadable, f"/root/{location}")


async def holds(
    catalog: DataCatalog, key: EntryKey, location: str, content: Version, seen: FileStat | None = None
) -> ReplicaState:
    """Record what a place holds, as hashed just now."""
    looked = seen or stat(content.size_bytes, content.mtime)
    return await catalog.record_content(key, location, path_of(key, location), content, looked, 5_000.0)


async def synced(
    catalog: DataCatalog, key: EntryKey, location: str, letter: str, size: int = 100, at: float = 6_000.0
) -> ReplicaState:
    """Record a published copy."""
    return await catalog.mark_synced(key, location, path_of(key, location), sha(letter), stat(size), at)


async def states(catalog: DataCatalog, key: EntryKey) -> dict[str, ReplicaState]:
    """Return the state of each copy by location."""
    entry = await catalog.get(key)
    return {} if entry is None else {replica.location: replica.state for replica in entry.replicas}


async def replica(catalog: DataCatalog, key: EntryKey, location: str) -> Replica:
    """Return one copy."""
    entry = await catalog.get(key)
    assert entry is not None
    return next(found for found in entry.replicas if found.location == location)


async def current(catalog: DataCatalog, key: EntryKey) -> str | None:
    """Return the letter of the current version."""
    entry = await catalog.get(key)
    assert entry is not None
    return entry.current.sha256[0] if entry.current is not None else None
