"""Which copies stand in the way of a new version: from the queue, the last plan and the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from engine.catalog.catalog import DataCatalog
from engine.catalog.keys import parse_key
from engine.catalog.values import EntryFilter
from engine.integrity.guard import DIVERGED, in_the_way
from engine.locations import node_of
from engine.model import DataEntry, Refusal, ReplicaState, TransferState
from engine.planner.keeping import BEGUN_ANEW, Aside, aside
from engine.queue.queue import TransferQueue
from engine.views_keeping import KeepRequest

MOST_LOOKED_THROUGH = 5_000
"""Blocked transfers, and copies that were never a version: so many of each are looked through for one request."""
PAGE_ENTRIES = 500

Place = tuple[str, str]
"""(key as text, location)"""


@dataclass(frozen=True)
class Finder:
    """Finds copies; ``refused`` is what the last plan refused."""

    catalog: DataCatalog
    queue: TransferQueue
    refused: Callable[[], Sequence[Refusal]]

    async def found(self, request: KeepRequest) -> Mapping[Place, str]:
        """Return each copy that a request is about, with why it is in the way as far as that is written down ("" for
        one that was only named). Raises SyncdeckError for what is no key."""
        asked = asked_for(request)
        found: dict[Place, str] = {}
        for transfer in await self.queue.in_state(TransferState.BLOCKED, MOST_LOOKED_THROUGH):
            if code := in_the_way(transfer.code):
                found[str(transfer.key), transfer.target] = code
        for refusal in self.refused():
            if code := in_the_way(refusal.code):
                found.setdefault((str(refusal.key), refusal.location), code)
        await self._add_diverged(found)
        named = asked.keys | {key for key, _ in asked.places}
        before = await self.catalog.from_before() if named else frozenset()
        for key in sorted(named):
            await self._add_named(found, key, before)
        return {place: code for place, code in sorted(found.items()) if asked.covers(place)}

    async def _add_diverged(self, found: dict[Place, str]) -> None:
        """Add the copies that never were a version, wanted where they are or not."""
        after, met = 0, 0
        while met < MOST_LOOKED_THROUGH:
            page = await self.catalog.find(EntryFilter(state=ReplicaState.DIVERGED), after, PAGE_ENTRIES)
            if not page:
                return
            after, met = page[-1][0], met + len(page)
            for _, entry in page:
                for place in _places(entry, ReplicaState.DIVERGED):
                    found.setdefault(place, DIVERGED)

    async def _add_named(self, found: dict[Place, str], key: str, before: Set[Place]) -> None:
        """Add what is wrong with the copies of a file that was named: damaged ones are told of, too, and an earlier
        version may be larger than the newest one, or from before the file began anew, where no rule wants that."""
        entry = await self.catalog.get(parse_key(key))
        if entry is None:
            return
        for replica in entry.replicas:
            place = str(entry.key), replica.location
            in_the_way = isinstance(aside(entry, replica.location), Aside)
            if in_the_way or replica.state is ReplicaState.BAD:
                found.setdefault(place, "")
            elif place in before:
                found.setdefault(place, BEGUN_ANEW)


def _places(entry: DataEntry, state: ReplicaState) -> list[Place]:
    return [(str(entry.key), replica.location) for replica in entry.replicas if replica.state is state]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request narrows itself to; what is empty does not narrow it."""

    keys: frozenset[str]
    nodes: frozenset[str]
    places: frozenset[Place]

    @property
    def by_name(self) -> bool:
        """Whether files were named: then what is not done with one of them is told, whatever the reason."""
        return bool(self.keys or self.places)

    def covers(self, place: Place) -> bool:
        """Return whether a copy is asked for: a place may be named by its location, or by its node."""
        key, location = place
        names = {location, node_of(location)}
        return (
            (not self.keys or key in self.keys)
            and (not self.nodes or bool(names & self.nodes))
            and (not self.places or any((key, name) in self.places for name in names))
        )


def asked_for(request: KeepRequest) -> Asked:
    """Return what a request is about; raises SyncdeckError for what is no key. Pure."""
    return Asked(
        frozenset(str(parse_key(key)) for key in request.keys),
        frozenset(request.nodes),
        frozenset((str(parse_key(key)), where) for key, where in request.places),
    )
