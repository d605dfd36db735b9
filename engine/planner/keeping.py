"""Whether a copy that no new version may replace can be kept beside it, under a name of its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.integrity.guard import IN_THE_WAY, SMALLER
from engine.integrity.kept import kept_path
from engine.locations import node_of
from engine.model import DataEntry, EntryKey, Replica, ReplicaState
from engine.planner.guards import guard
from engine.planner.obstacles import Obstacle
from engine.routing.holding import replica_at, unsaved_replica, written_by_origin

BEGUN_ANEW = "begun-anew"
"""The code of a copy in nobody's way that a new version would be compared with: it may go on from it, or not."""
NOTHING = "nothing"
"""The code of a copy that is in nobody's way."""
_CALM = Obstacle(NOTHING, "no copy there stands in the way of a new version", "nothing to do")


@dataclass(frozen=True, slots=True)
class Aside:
    """A copy that may be renamed: why it is in the way, what it becomes, and the bytes that come in its place (at most;
    None: nothing does now)."""

    code: str
    replica: Replica
    key: EntryKey
    path: str
    coming_bytes: int | None


def aside(entry: DataEntry, location: str, blocked_as: str = "") -> Aside | Obstacle:
    """Return what the copy at a location becomes when it is kept beside the new version, or why it is not.

    ``blocked_as`` is the code under which a transfer to it stands in the queue: what it was to bring may have come to
    less than can be told from here. Or it is BEGUN_ANEW: the copy is from before its file began anew.
    """
    there, coming = replica_at(entry, location), coming_bytes(entry, location)
    if there is None:
        return _CALM
    stopped = guard(entry, location, there.stat.size_bytes if coming is None else coming)
    if stopped is not None and stopped.code not in IN_THE_WAY:
        return stopped
    code = stopped.code if stopped is not None else ""
    if not code and blocked_as == SMALLER and coming is not None and there.state in _MAY_BE_LARGER:
        code = blocked_as
    if not code and blocked_as == BEGUN_ANEW and there.state is ReplicaState.STALE:
        code = blocked_as
    if not code:
        return _CALM
    return _hindrance(entry, there) or Aside(
        code=code,
        replica=there,
        key=replace(entry.key, path=kept_path(entry.key.path, there.sha256 or "")),
        path=kept_path(there.path, there.sha256 or ""),
        coming_bytes=coming,
    )


def coming_bytes(entry: DataEntry, location: str) -> int | None:
    """Return how large at most the content is that is to come to a location, None where nothing newer is elsewhere."""
    unsaved = unsaved_replica(entry)
    if unsaved is not None and unsaved.location != location:
        return unsaved.stat.size_bytes + unsaved.stat.wal_size_bytes
    there = replica_at(entry, location)
    held = entry.locations - {location}
    if not held or (there is not None and there.state is ReplicaState.CURRENT):
        return None
    return entry.size_bytes


_MAY_BE_LARGER = (ReplicaState.CURRENT, ReplicaState.STALE)


def _hindrance(entry: DataEntry, there: Replica) -> Obstacle | None:
    node = node_of(there.location)
    if written_by_origin(entry.key, there.location):
        remedy = f"look at it on {node}: what its origin holds is the newest version, and nothing takes its place"
        return Obstacle("origin", "it is the file of its own origin", remedy)
    if there.stat.wal_size_bytes:
        return Obstacle("written", "its -wal holds commits: somebody writes to it", f"stop what writes to {there.path}")
    if there.changed or there.sha256 is None:
        return Obstacle("changed", "it changed since it was hashed", "wait for the next look, or look now (n)")
    return None
