"""Where an entry's content is, and what stands where it should be: pure readings of its copies."""

from __future__ import annotations

from engine.locations import node_of
from engine.model import DataEntry, EntryKey, Replica, ReplicaState

OBSTRUCTING = frozenset(
    {ReplicaState.DIVERGED, ReplicaState.BAD, ReplicaState.DELETING, ReplicaState.ARCHIVED, ReplicaState.UNHASHED}
)
"""States of a file that must not be overwritten as it is."""


def holding(entry: DataEntry) -> frozenset[str]:
    """Return where the entry's content is.

    These are the locations of its current version; of a live database its origin, whose file is newer than any
    version; and, while nothing was hashed yet, the one copy that will become the first version.
    """
    found = set(entry.locations)
    own = origin_replica(entry)
    if own is not None:
        found.add(own.location)
    if entry.current is None and not found:
        first = newest_unhashed(entry)
        found |= {first.location} if first is not None else set()
    return frozenset(found)


def origin_replica(entry: DataEntry) -> Replica | None:
    """Return the file that the origin itself writes, in whatever sound state; None without an origin or a file."""
    own = [
        replica
        for replica in entry.replicas
        if replica.state in (ReplicaState.CURRENT, ReplicaState.UNHASHED)
        and written_by_origin(entry.key, replica.location)
    ]
    return max(own, key=lambda r: (r.changed, r.stat.mtime_ns, r.location), default=None)


def written_by_origin(key: EntryKey, location: str) -> bool:
    """Return whether what lies at a location under a key is the file that its origin writes, not a copy of it."""
    prefixed = key.path.startswith("_") and not key.path.startswith("_root/")
    return bool(key.origin) and (location == key.origin or (prefixed and node_of(location) == key.origin))


def unsaved_replica(entry: DataEntry) -> Replica | None:
    """Return the origin's file when it holds content that no version has: changed or never hashed."""
    own = origin_replica(entry)
    return own if own is not None and (own.changed or own.state is ReplicaState.UNHASHED) else None


def newest_unhashed(entry: DataEntry) -> Replica | None:
    """Return the unhashed copy that was written last: of several unknown contents it becomes the current one."""
    unhashed = [replica for replica in entry.replicas if replica.state is ReplicaState.UNHASHED]
    return max(unhashed, key=lambda r: (r.stat.mtime_ns, r.stat.size_bytes, r.location), default=None)


def replica_at(entry: DataEntry, location: str) -> Replica | None:
    """Return the copy at a location, or None."""
    return next((replica for replica in entry.replicas if replica.location == location), None)


def obstructed(entry: DataEntry, held: frozenset[str]) -> frozenset[str]:
    """Return the locations, other than those in ``held``, where a file lies that must not be overwritten as it is."""
    return frozenset(
        r.location
        for r in entry.replicas
        if r.state in OBSTRUCTING and r.location not in held and not is_old_archive(entry, r)
    )


def is_old_archive(entry: DataEntry, replica: Replica) -> bool:
    """Return whether a copy is only an archive of another version: it is in nobody's way."""
    return replica.state is ReplicaState.ARCHIVED and not entry.is_current(replica)
