"""Which nodes the operator has paused; kept in the store, so that a restart does not undo it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from engine.audit import Audit
from engine.hosts import check_hosts
from engine.inventory.fleet import EVERYWHERE, Fleet
from engine.store.store import Store
from engine.views import ActionResult

_NAME = "paused"


class Pauses:
    """Pausing and resuming nodes, or everything (``*``)."""

    def __init__(
        self,
        store: Store,
        fleet: Fleet,
        audit: Audit,
        stop_running: Callable[[], Awaitable[int]],
    ) -> None:
        """``stop_running`` stops, at once, every transfer of a node that is paused now, and returns how many."""
        self._store = store
        self._fleet = fleet
        self._audit = audit
        self._stop_running = stop_running

    async def restore(self) -> None:
        """Take over what an earlier run had paused."""
        kept = await self._store.meta_get(_NAME)
        self._fleet.paused = set(json.loads(kept)) if kept else set()

    async def pause(self, nodes: tuple[str, ...]) -> ActionResult:
        """Pause nodes, or everything when none is named. Raises SyncdeckError for an unknown node."""
        chosen = self._chosen(nodes)
        await self._keep(self._fleet.paused | chosen)
        await self._audit("pause", _named(nodes), "")
        stopped = await self._stop_running()
        held = f"{stopped} running transfer{'' if stopped == 1 else 's'} stopped, what arrived is kept"
        return ActionResult(len(chosen), f"paused {_named(nodes)}; {held if stopped else 'nothing was running'}")

    async def resume(self, nodes: tuple[str, ...]) -> ActionResult:
        """Undo pause; with no node named, every pause."""
        chosen = self._chosen(nodes) if nodes else set(self._fleet.paused)
        await self._keep(self._fleet.paused - chosen)
        await self._audit("resume", _named(nodes), ", ".join(sorted(chosen - {*nodes, EVERYWHERE})))
        if self._fleet.everything_paused:
            still = "everything is still paused: `syncdeck resume` without a node lifts that"
            return ActionResult(0, f"{_named(nodes)} is not paused by itself any more, but {still}")
        return ActionResult(len(chosen), f"resumed {_named(nodes)}")

    def _chosen(self, nodes: tuple[str, ...]) -> set[str]:
        check_hosts("pause or resume", nodes, self._fleet.policy)
        return set(nodes) or {EVERYWHERE}

    async def _keep(self, paused: set[str]) -> None:
        await self._store.meta_set(_NAME, json.dumps(sorted(paused)))
        self._fleet.paused = paused


def _named(nodes: tuple[str, ...]) -> str:
    return ", ".join(nodes) if nodes else "everything"
