"""The lever "keep both": what it would do first, then the same thing done, node by node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.audit import Audit
from engine.catalog.catalog import DataCatalog
from engine.catalog.keys import parse_key
from engine.errors import ErrorClass, SyncdeckError
from engine.execution.keeping import CopyKeeper
from engine.hosts import check_hosts
from engine.integrity.guard import in_the_way
from engine.inventory.fleet import Fleet
from engine.keeping.finding import Finder, Place, asked_for
from engine.locations import node_of
from engine.model import DataEntry, LocationState, LocationView, NodeState, Transfer, TransferState
from engine.planner.keeping import NOTHING, Aside, aside
from engine.planner.obstacles import Obstacle, location_remedy, node_remedy
from engine.queue.queue import TransferQueue
from engine.views import RefusalView
from engine.views_keeping import KeepPreview, KeepRequest, KeepResult, KeepStep
from engine.words import counted

ACT = "keep both"
"""What stands in the audit log."""
MOST_COPIES = 500
"""Copies of one request: more are for the next one, and the answer says how many."""
GONE_ON = "the copy that was in its way is kept under another name"
_LOOKED_AT = frozenset({NodeState.UP, NodeState.UNKNOWN})
_THERE = frozenset({LocationState.AVAILABLE, LocationState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class _Chosen:
    entry: DataEntry
    found: Aside
    transfers: int


@dataclass
class _Looked:
    chosen: list[_Chosen] = field(default_factory=list)
    refused: list[RefusalView] = field(default_factory=list)
    more: int = 0


@dataclass(frozen=True)
class KeepDesk:
    """Keeps copies beside what takes their place, one request at a time.

    ``held`` returns what an archive or a deletion that is under way has to do with a file at a location; ``pin_too``
    pins the second key as the first one is; ``changed`` is called when copies have their new names.
    """

    catalog: DataCatalog
    queue: TransferQueue
    fleet: Fleet
    finder: Finder
    keeper: CopyKeeper
    locations: Callable[[], Mapping[str, LocationView]]
    held: Callable[[str, str], Awaitable[str | None]]
    pin_too: Callable[[str, str], Awaitable[None]]
    audit: Audit
    changed: Callable[[], None]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def preview(self, request: KeepRequest) -> KeepPreview:
        """Return which copies would get which names, and what goes on then; nothing is touched."""
        looked = await self._look(request)
        steps = tuple(step_of(one) for one in looked.chosen)
        return KeepPreview(
            request=request,
            files=len(steps),
            bytes=sum(step.size_bytes for step in steps),
            transfers=sum(one.transfers for one in looked.chosen),
            steps=steps,
            refused=tuple(looked.refused),
            more=looked.more,
        )

    async def keep(self, request: KeepRequest) -> KeepResult:
        """Do what the preview showed, as it is now. What does not work with one copy is told, and the rest is done."""
        if self.fleet.observing:
            cause, remedy = "the engine only observes: it changes nothing on any node", "let it act: `syncdeck resume`"
            raise SyncdeckError(ACT, "copies", cause, remedy, ErrorClass.CONFIG)
        async with self._turn:
            looked = await self._look(request)
            by_node: dict[str, list[_Chosen]] = {}
            for one in looked.chosen:
                by_node.setdefault(node_of(one.found.replica.location), []).append(one)
            done = await asyncio.gather(*(self._keep_at(node, chosen) for node, chosen in sorted(by_node.items())))
        kept = tuple(step for steps, _, _ in done for step in steps)
        refused = (*looked.refused, *(one for _, failures, _ in done for one in failures))
        transfers = sum(count for _, _, count in done)
        message = said(len(kept), transfers, refused, looked.more)
        return KeepResult(len(kept), message, transfers, kept, refused, looked.more)

    async def _keep_at(self, node: str, chosen: Sequence[_Chosen]) -> tuple[list[KeepStep], list[RefusalView], int]:
        """Keep the copies of one node, one after the other; return them, what failed, and how many transfers go on."""
        kept, failed, transfers = [], [], 0
        for one in chosen:
            step, there = step_of(one), one.found.replica
            try:
                await self.keeper.keep(one.entry, there)
            except SyncdeckError as error:
                failed.append(RefusalView(step.key, node, error.cause, error.remedy, "", None))
                continue
            kept.append(step)
            await self.pin_too(step.key, step.kept_key)
            detail = f"{step.path} on {node}, {step.size_bytes} bytes, is {step.kept_path} now ({step.code})"
            await self.audit(ACT, step.key, detail)
            transfers += await self._let_go_on(step)
            self.changed()
        return kept, failed, transfers

    async def _let_go_on(self, step: KeepStep) -> int:
        """Let what the copy blocked go on; what planning had refused is planned anew, from wherever is best now."""
        lifted = await self.queue.lift({(step.key, step.location)})
        blocked = [transfer.id for transfer in await self._blocked(step.key, step.location)]
        return lifted + (await self.queue.release(blocked, GONE_ON) if blocked else 0)

    async def _blocked(self, key: str, location: str) -> list[Transfer]:
        return [
            transfer
            for transfer in await self.queue.of_entry(key)
            if transfer.target == location and transfer.state is TransferState.BLOCKED and in_the_way(transfer.code)
        ]

    async def _look(self, request: KeepRequest) -> _Looked:
        check_hosts(ACT, map(node_of, request.nodes), self.fleet.policy)
        places = await self.finder.found(request)
        asked = asked_for(request)
        moving = {(str(t.key), end) for t in await self.queue.running() for end in (t.source, t.target)}
        looked = _Looked(more=max(0, len(places) - MOST_COPIES))
        met: set[str] = set()
        for place, code in list(places.items())[:MOST_COPIES]:
            met.add(place[0])
            entry = await self.catalog.get(parse_key(place[0]))
            found = await self._judge(entry, place, code, moving)
            if isinstance(found, Aside) and entry is not None:
                looked.chosen.append(_Chosen(entry, found, len(await self._blocked(*place))))
            elif isinstance(found, Obstacle) and (asked.by_name or found.code != NOTHING):
                looked.refused.append(_refusal(place[0], node_of(place[1]), found))
        named = asked.keys | {key for key, _ in asked.places}
        for key in sorted(named - met) if not looked.more else ():
            looked.refused.append(_refusal(key, "", _CALM))
        return looked

    async def _judge(self, entry: DataEntry | None, place: Place, code: str, moving: set[Place]) -> Aside | Obstacle:
        """Return what becomes of the copy at a place, or what stands against touching it now."""
        found = aside(entry, place[1], code) if entry is not None else _CALM
        if isinstance(found, Obstacle):
            return found
        if place in moving:
            return Obstacle("moving", "a transfer reads it or writes there", "wait until it is done, then try again")
        away = _away(self.locations().get(place[1]), place[1])
        if away is not None:
            return away
        for path in (found.replica.path, found.path):
            held = await self.held(place[1], path)
            if held is not None:
                return Obstacle("held", held, "try again in some minutes")
        return found


_CALM = Obstacle(NOTHING, "no copy of it stands in the way of a new version", "see `syncdeck catalog where`")


def step_of(one: _Chosen) -> KeepStep:
    """Return a chosen copy as it is shown."""
    found, there = one.found, one.found.replica
    return KeepStep(
        key=str(one.entry.key),
        code=found.code,
        node=node_of(there.location),
        location=there.location,
        path=there.path,
        kept_key=str(found.key),
        kept_path=found.path,
        size_bytes=there.stat.size_bytes,
        coming_bytes=found.coming_bytes,
        sha256=there.sha256 or "",
    )


def said(kept: int, transfers: int, refused: Sequence[RefusalView], more: int) -> str:
    """Return in one sentence what a request came to."""
    words = [f"{counted(kept, 'copy', 'copies')} kept beside what is to come"]
    words.append(f"{counted(transfers, 'transfer')} {'goes' if transfers == 1 else 'go'} on")
    if refused:
        words.append(f"{len(refused)} left as {'it is' if len(refused) == 1 else 'they are'}: {refused[0].reason}")
    if more:
        words.append(f"{more} more: ask again")
    return "; ".join(words)


def _refusal(key: str, node: str, found: Obstacle) -> RefusalView:
    return RefusalView(key, node, found.reason, found.remedy, "", None)


def _away(view: LocationView | None, location: str) -> Obstacle | None:
    """Return why a location cannot be asked, as far as that is known; one that was not looked at yet is tried."""
    if view is None:
        return Obstacle("unknown", f"{location} is no location of the fleet", "see `syncdeck config effective`")
    if view.node_state not in _LOOKED_AT:
        remedy = node_remedy(view.node_id, view.node_state)
        return Obstacle("unreachable", f"{view.node_id} is {view.node_state.value}", remedy)
    if view.state not in _THERE:
        return Obstacle("away", f"{location} is {view.state.value}", location_remedy(view.node_id, view.state))
    return None
