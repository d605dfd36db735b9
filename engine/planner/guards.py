"""What may not be done to the file at a target: no loss by overwriting. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.integrity.guard import DIVERGED, SMALLER, keep_both
from engine.locations import node_of
from engine.model import DataEntry, ReplicaState
from engine.planner.obstacles import Obstacle
from engine.routing.holding import OBSTRUCTING, is_old_archive, replica_at
from engine.words import size_text

_REASONS: Mapping[ReplicaState, tuple[str, str]] = {
    ReplicaState.DIVERGED: (
        f"{DIVERGED}: the copy there never was a version of this file",
        f"{keep_both('{path}')}; or look at it on {{node}} and move it away",
    ),
    ReplicaState.BAD: ("the copy there is damaged", "inspect {path} on {node} and move it away, then look again"),
    ReplicaState.DELETING: ("the copy there is being deleted", "wait until it is gone"),
    ReplicaState.ARCHIVED: (
        "the copy there is archived",
        "restore it: `syncdeck archive list`, then `syncdeck archive restore`",
    ),
    ReplicaState.UNHASHED: ("the content of the copy there is not known yet", "it is hashed first; nothing to do"),
}


def guard(entry: DataEntry, target: str, size_bytes: int) -> Obstacle | None:
    """Return why a copy of ``size_bytes`` (at most) may not replace what is at the target, or None."""
    there = replica_at(entry, target)
    if there is None or there.state is ReplicaState.QUARANTINED or is_old_archive(entry, there):
        return None
    node = node_of(target)
    if there.state in OBSTRUCTING:
        reason, remedy = _REASONS[there.state]
        return Obstacle(there.state.value, reason, remedy.format(path=there.path, node=node))
    if size_bytes < there.stat.size_bytes:
        sizes = size_text(size_bytes), size_text(there.stat.size_bytes)
        reason = f"{SMALLER}: the new version has {sizes[0]}, the copy there {sizes[1]}"
        return Obstacle(SMALLER, reason, f"see why it shrank; if both are worth keeping, {keep_both(there.path)}")
    return None
