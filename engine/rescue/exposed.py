"""What would be lost with nodes, as the catalog stands: kept until something changes, never read twice for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from engine.catalog.catalog import DataCatalog
from engine.catalog.exposure import ExposedEntry
from engine.catalog.kept_figures import KeptFigures
from engine.catalog.values import NodeRisk, Places
from engine.reconcile import Reconciler

KEPT_LISTS = 4
"""Lists of single entries that are kept: 100,000 entries take some ten megabytes."""


@dataclass(frozen=True, slots=True)
class _Seen:
    sequence: int
    places: Places


class Exposed:
    """One reader of the risks of all nodes; figures are those of the catalog's newest change."""

    def __init__(self, catalog: DataCatalog, figures: KeptFigures, reconciler: Reconciler) -> None:
        self._catalog = catalog
        self._figures = figures
        self._reconciler = reconciler
        self._lists: OrderedDict[tuple[frozenset[str], bool], tuple[_Seen, list[ExposedEntry]]] = OrderedDict()
        self._reading = asyncio.Lock()

    async def risks(self) -> Sequence[NodeRisk]:
        """Return what would be lost with each node, the worst first: the figures of the status view."""
        return (await self._figures.current(self._reconciler.places())).figures.risks

    async def entries(self, nodes: Collection[str], together: bool) -> list[ExposedEntry]:
        """Return what would be lost with ``nodes``, smallest first. ``together``: no copy on any of them is safe, and
        earlier versions that the newest did not go on from count as well."""
        name = (frozenset(nodes), together)
        async with self._reading:
            places = self._reconciler.places()
            seen = await self._seen(places_without(places, nodes) if together else places)
            kept = self._lists.get(name)
            if kept is None or kept[0] != seen:
                found = await self._catalog.exposed_entries(seen.places, name[0])
                if together:
                    found = _joined(found, await self._catalog.earlier_alone(seen.places, name[0]))
                kept = self._lists[name] = (seen, found)
            self._lists.move_to_end(name)
            while len(self._lists) > KEPT_LISTS:
                self._lists.popitem(last=False)
            return kept[1]

    async def in_order(self, nodes: tuple[str, ...]) -> list[int]:
        """Return the row ids of what an emergency saves of ``nodes`` (none: of all in danger), smallest first."""
        chosen = nodes or self.endangered()
        return [one.entry_id for one in await self.entries(chosen, together=True)] if chosen else []

    def endangered(self) -> tuple[str, ...]:
        """Return the nodes that an emergency is about when none is named: ephemeral and failing ones."""
        return tuple(sorted({place.node_id for place in self._reconciler.places().places if not place.durable}))

    async def _seen(self, places: Places) -> _Seen:
        return _Seen(await self._catalog.sequence(), places)


def _joined(found: Sequence[ExposedEntry], before: Sequence[ExposedEntry]) -> list[ExposedEntry]:
    """Return every entry once, smallest first; one with an earlier version at risk says so."""
    joined = {one.entry_id: one for one in before}
    joined |= {one.entry_id: replace(one, earlier=one.entry_id in joined) for one in found}
    return sorted(joined.values(), key=lambda one: (one.bytes, one.entry_id))


def places_without(places: Places, nodes: Collection[str]) -> Places:
    """Return the places with none of those of ``nodes`` durable: what counting copies knows once they are gone."""
    changed = tuple(replace(place, durable=place.durable and place.node_id not in nodes) for place in places.places)
    return replace(places, places=changed)
