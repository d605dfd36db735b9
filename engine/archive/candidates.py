"""Which copies could be archived, why, and which may not and why not: pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass

from config.archive_settings import ArchiveSettings
from config.globs import glob_matches
from config.types import Policy
from engine.locations import node_of
from engine.model import DataEntry, EntryKey, LocationView, Replica, ReplicaState
from engine.routing.candidates import RoutingTable
from engine.routing.matching import deciding_rule
from engine.views_archive import CandidateRow, GamesView
from engine.words import size_text, span_text

LARGE_BYTES = 1 << 30
MERGED = re.compile(r"(^|/)merged_all_\d{8}[^/]*$")
RAW = re.compile(r"(^|/)raw_\d{8}(/|[^/]*$)")

Games = Callable[[EntryKey], GamesView | None]


@dataclass(frozen=True)
class Sight:
    """One moment of the fleet, as far as archiving is concerned.

    ``reading`` are (key as text, location) that live transfers read; ``newest`` the newest training set and model of
    each config key. ``cold`` is the location that archives go to.
    """

    policy: Policy
    settings: ArchiveSettings
    locations: Mapping[str, LocationView]
    now: float
    cold: str | None
    table: RoutingTable
    pinned: Set[str] = frozenset()
    reading: Set[tuple[str, str]] = frozenset()
    newest: Set[str] = frozenset()
    games: Games = lambda key: None


def candidates_of(entry_id: int, entry: DataEntry, sight: Sight, location: str | None = None) -> list[CandidateRow]:
    """Return a row for every copy of an entry that there is a reason to archive; ``location`` asks for one place."""
    rows = []
    for replica in entry.replicas:
        if replica.state is ReplicaState.ARCHIVED or (location is not None and replica.location != location):
            continue
        row = row_of(entry_id, entry, replica, sight)
        if row.reasons:
            rows.append(row)
    return rows


def row_of(entry_id: int, entry: DataEntry, replica: Replica, sight: Sight) -> CandidateRow:
    """Return one copy with everything that speaks for and against archiving it."""
    games = sight.games(entry.key)
    view = sight.locations.get(replica.location)
    return CandidateRow(
        key=str(entry.key),
        location=replica.location,
        node=node_of(replica.location),
        path=replica.path,
        size_bytes=replica.stat.size_bytes + replica.stat.wal_size_bytes,
        age_seconds=max(0.0, sight.now - _written(replica)),
        reasons=reasons(entry, replica, view, games, sight),
        protected=protection(entry, replica, sight),
        durable_copies=len(durable(entry, sight)),
        games=games,
        entry_id=entry_id,
    )


def durable(entry: DataEntry, sight: Sight) -> frozenset[str]:
    """Return the durable locations that hold the current version, as files or in archives."""
    views = sight.locations
    return frozenset(place for place in entry.locations if place in views and views[place].durable)


def holding_any(entry: DataEntry, sight: Sight) -> frozenset[str]:
    """Return the durable locations that hold some version: what several versions hold is in all of these places."""
    known = (ReplicaState.CURRENT, ReplicaState.STALE, ReplicaState.ARCHIVED)
    places = {replica.location for replica in entry.replicas if replica.state in known}
    return frozenset(place for place in places if place in sight.locations and sight.locations[place].durable)


def reasons(
    entry: DataEntry, replica: Replica, view: LocationView | None, games: GamesView | None, sight: Sight
) -> tuple[str, ...]:
    """Return why a copy could go: old, superseded or only an intermediate; then, too, that it is large or in need."""
    found = []
    age = sight.now - _written(replica)
    if age >= sight.settings.age_seconds:
        found.append(f"age: written {span_text(age)} ago")
    # What was written since, and any other version, may hold games that nobody counted.
    counted = replica.state is ReplicaState.CURRENT and not replica.changed
    if counted and games is not None and games.complete and not games.only_here and not games.incomplete:
        found.append(f"superseded: all its {games.complete} games are in other verified databases")
    if MERGED.search(entry.key.path):
        found.append("merged: its name says that it was put together from others")
    elif RAW.search(entry.key.path):
        found.append("raw: its name says that it is an intermediate")
    if not found:
        return ()
    if replica.stat.size_bytes >= LARGE_BYTES:
        found.append(f"size: {size_text(replica.stat.size_bytes)}")
    if view is not None and view.total_bytes and view.used_bytes is not None:
        percent = 100.0 * view.used_bytes / view.total_bytes
        if percent > sight.policy.thresholds.disk_max_percent:
            found.append(f"disk pressure: {view.location} is {percent:.0f} % full")
    return tuple(found)


def protection(entry: DataEntry, replica: Replica, sight: Sight) -> str | None:
    """Return why a copy may not be archived and replaced, or None."""
    name = entry.key.path.rsplit("/", 1)[-1]
    pattern = next((glob for glob in sight.settings.protect if glob_matches(name, glob)), None)
    if pattern is not None:
        return f"its name is protected ({pattern})"
    key = str(entry.key)
    if key in sight.pinned:
        return "it is pinned"
    if replica.changed:
        return "it is being written"
    if replica.stat.wal_size_bytes:
        return "it is being written, or its writer died: commits of it are in a -wal"
    lone = replica.state is ReplicaState.UNHASHED and entry.current is None and len(entry.replicas) == 1
    if replica.state is not ReplicaState.CURRENT and not lone:
        return f"the copy is {replica.state.value}"
    if not entry.key.origin:
        return "it is the current version of a name that all nodes share"
    if key in sight.newest:
        return "it is the newest of its config key for training"
    if (key, replica.location) in sight.reading:
        return "a transfer reads it"
    return _read_by(entry, replica, sight)


def _read_by(entry: DataEntry, replica: Replica, sight: Sight) -> str | None:
    """Return the rule that wants the file itself at this very place: an archive elsewhere would be no use there."""
    rule = deciding_rule(entry, sight.policy, sight.now)
    if rule is None or replica.location == sight.cold:
        return None
    for selected in sight.table.places(rule, entry.data_type):
        if selected.place.copies is None and any(m.location == replica.location for m in selected.members):
            return f"rule {rule.name} wants it there: {selected.place.selector}"
    return None


def _written(replica: Replica) -> float:
    """Return when a copy was last written; an empty -wal is made by whoever reads."""
    waiting = replica.stat.wal_mtime_ns if replica.stat.wal_size_bytes else 0
    return max(replica.stat.mtime_ns, waiting) / 1e9
