"""Rescues as whole flows: begun, planned again while anything is open, watched to their end, kept over restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.audit import Audit
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.execution.progress import ProgressBoard
from engine.execution.runner import Runner
from engine.inventory.fleet import Fleet
from engine.model import DataEntry, NodeState, PlanResult, ReplicaState, TransferState
from engine.planner.planner import PlanContext, SyncPlanner
from engine.queue.queue import TransferQueue
from engine.reconcile import Reconciler
from engine.rescue.exposed import Exposed
from engine.rescue.records import SHOWN_UNSAVED, Rescue, RescueKind, RescueRecords, RescueState
from engine.rescue.sentences import NodeLook, sentence_of
from engine.rescue.track import Track, Tracker
from engine.rescue.transfers import OpenTransfer, RescueTransfers
from engine.rescue.way import is_urgent, making_way, nodes_of
from engine.transport.concurrency import NODE_LIMIT
from engine.views import ActionResult, SyncRequest

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often a rescue is looked at while it is open; where looking is dear, it may take a fifth of the time."""
LOOK_REST = 4.0
PLAN_SECONDS = 10.0
"""What could not be placed is planned again this often; new files are planned at once."""
GIVEN_UP_SECONDS = 86_400.0
"""An emergency that is stuck for a day is closed; what it could not save stays on its record."""
EARLIER = "what lies there is an earlier version, and no rule copies that"
WAY = "makes way for an emergency"


@dataclass(frozen=True)
class RescueTools:
    """What rescues work with. ``may_move``: whether the engine moves data now; ``wake`` lets planning and transfers
    look for work, ``look_at`` the inventory look at nodes."""

    records: RescueRecords
    transfers: RescueTransfers
    exposed: Exposed
    catalog: DataCatalog
    queue: TransferQueue
    fleet: Fleet
    reconciler: Reconciler
    runner: Runner
    progress: ProgressBoard
    clock: Clock
    audit: Audit
    may_move: Callable[[], bool]
    wake: Callable[[], None]
    look_at: Callable[[tuple[str, ...]], object]


class Rescues:
    """Emergencies and drains. Owned by the event loop."""

    def __init__(self, tools: RescueTools) -> None:
        self._tools = tools
        self._tracker = Tracker(tools.catalog, tools.records, tools.transfers)
        self._planner = SyncPlanner()
        self._tracks: dict[int, Track] = {}
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()

    async def restore(self) -> None:
        """Take up what an earlier run left; its drained nodes receive nothing from the first plan on."""
        for rescue in await self._tools.records.open():
            self._tracks[rescue.id] = await self._tracker.resumed(rescue)
        self._set_draining()

    def tracks(self) -> tuple[Track, ...]:
        """Return the rescues that are looked after, oldest first."""
        return tuple(self._tracks.values())

    def draining(self, node: str) -> Track | None:
        """Return the drain of a node, or None."""
        drains = (t for t in self._tracks.values() if t.rescue.kind is RescueKind.DRAIN)
        return next((track for track in drains if node in track.rescue.nodes), None)

    # --- begin and end --------------------------------------------------------------------------------

    async def begin_emergency(self, request: SyncRequest) -> None:
        """Watch over an emergency that was queued just now; one for the same nodes takes the place of an older one."""
        nodes = request.nodes or await self._endangered()
        if not nodes:
            return
        async with self._looking:
            for track in list(self._tracks.values()):
                same = track.rescue.kind is RescueKind.EMERGENCY and set(track.rescue.nodes) <= set(nodes)
                if same:
                    await self._close(track, "taken over by a newer emergency")
            await self._begin(RescueKind.EMERGENCY, tuple(nodes), request)
        self._wake.set()

    async def begin_drain(self, node: str) -> ActionResult:
        """Mark a node as drained, end what is on its way there, and begin to empty it."""
        async with self._looking:
            if self.draining(node) is not None:
                return ActionResult(0, f"{node} is being drained already")
            track = await self._begin(RescueKind.DRAIN, (node,), SyncRequest(nodes=(node,)))
            coming, _ = await self._tools.transfers.of_node(node)
        stopped = await self._tools.runner.cancel(coming) if coming else 0
        standing = track.standing()
        await self._tools.audit("drain", node, f"{standing.open_files} files, {standing.open_bytes} bytes only there")
        self._tools.look_at((node,))
        self._tools.wake()
        self._wake.set()
        gone = f"; {stopped} transfers to it cancelled" if stopped else ""
        said = f"draining {node}: nothing new is placed there{gone}. {track.rescue.sentence}"
        return ActionResult(standing.open_files, said)

    async def end_drain(self, node: str) -> ActionResult:
        """Let a node take copies again; what was copied stays, what waits is planned anew."""
        track = self.draining(node)
        if track is None:
            return ActionResult(0, f"{node} is not being drained")
        async with self._looking:
            await self._close(track, "")
            _, waiting = await self._tools.transfers.of_node(node)
        await self._tools.queue.withdraw(waiting, f"the drain of {node} was cancelled") if waiting else 0
        await self._tools.audit("drain cancelled", node, "")
        self._tools.wake()
        return ActionResult(1, f"{node} takes copies again; what was copied stays")

    async def _begin(self, kind: RescueKind, nodes: tuple[str, ...], request: SyncRequest) -> Track:
        tools = self._tools
        rescue = Rescue(0, kind, nodes, request.nodes, request.allow_fill, tools.clock.now())
        rescue = replace(rescue, id=await tools.records.add(rescue))
        track = self._tracks[rescue.id] = Track(rescue)
        self._set_draining()
        await self._tracker.update(track, await tools.exposed.entries(nodes, together=True))
        await self._judge(track, [], [])
        return track

    async def _close(self, track: Track, why: str) -> None:
        now = self._tools.clock.now()
        rescue = replace(track.counted(), closed=True, finished_at=track.rescue.finished_at or now)
        sentence = f"{track.rescue.sentence}; {why}"
        if not why:
            sentence = sentence_of(rescue, track.standing(), await self.look_of(rescue), now)
        track.rescue = replace(rescue, sentence=sentence)
        await self._tools.records.save(track.rescue)
        self._tracks.pop(track.rescue.id, None)
        self._set_draining()
        await self._tools.records.prune()

    def _set_draining(self) -> None:
        drains = (t.rescue for t in self._tracks.values() if t.rescue.kind is RescueKind.DRAIN)
        self._tools.fleet.drain(node for rescue in drains for node in rescue.nodes)

    async def _endangered(self) -> tuple[str, ...]:
        endangered = set(self._tools.exposed.endangered())
        return tuple(sorted(risk.node_id for risk in await self._tools.exposed.risks() if risk.node_id in endangered))

    # --- looking --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after every open rescue, for ever."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except SyncdeckError as error:
                log.error("rescues could not be looked at, they are again in a moment: %s; %s", error, error.remedy)
            try:
                async with asyncio.timeout(LOOK_SECONDS if self._tracks else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look at every open rescue once: what is saved now, what must be planned again, what is over."""
        for track in list(self._tracks.values()):
            async with self._looking:
                if track.rescue.id in self._tracks:
                    await self._look_at(track)
        if any(track.rescue.kind is RescueKind.EMERGENCY for track in self._tracks.values()):
            await self.make_way()

    async def _look_at(self, track: Track) -> None:
        tools, clock = self._tools, self._tools.clock
        if clock.monotonic() >= track.look_due:
            started = clock.monotonic()
            found = await tools.exposed.entries(track.rescue.nodes, together=True)
            await self._tracker.update(track, found)
            track.look_due = clock.monotonic() + max(LOOK_SECONDS / 2, (clock.monotonic() - started) * LOOK_REST)
        rescue = track.rescue
        live = await tools.transfers.live(rescue.id, rescue.nodes)
        cancelled = await tools.transfers.cancelled(rescue.id, rescue.nodes, rescue.started_at)
        if tools.may_move():
            await self._plan(track, {one.entry_id for one in (*live, *cancelled)})
            live = await tools.transfers.live(rescue.id, rescue.nodes)
        await self._judge(track, live, cancelled)
        over = track.rescue.state is RescueState.DONE
        stale = track.rescue.state is RescueState.STUCK and clock.now() - rescue.started_at > GIVEN_UP_SECONDS
        left = not any(node in tools.fleet.policy.nodes for node in rescue.nodes)
        if left or (rescue.kind is RescueKind.EMERGENCY and (over or stale)):
            why = "" if over and not left else "its host left the configuration" if left else "given up after a day"
            await self._close(track, why)

    async def _plan(self, track: Track, settled: set[int]) -> None:
        """Queue what is open and not under way: new files at once, what was refused every so often."""
        now = self._tools.clock.monotonic()
        wanted = [entry_id for entry_id in track.open_ids if entry_id not in settled]
        fresh = not track.planned.issuperset(wanted)
        if not wanted or (not fresh and now < track.plan_due):
            return
        track.plan_due = now + PLAN_SECONDS
        track.planned = frozenset(track.open_ids)
        track.refused.clear()
        planned: set[str] = set()
        emergency = track.rescue.kind is RescueKind.EMERGENCY
        async for result in self._tools.reconciler.results(self._planning(track.rescue), wanted, others=False):
            new = self._tools.reconciler.transfers(result, emergency, emergency and track.rescue.allow_fill)
            await self._tools.queue.enqueue(new)
            track.refused |= {str(r.key): f"{r.reason}; {r.remedy}" for r in result.refused}
            planned |= {str(transfer.key) for transfer in new}
        for _, entry in await self._tools.catalog.by_ids(wanted[:SHOWN_UNSAVED]):
            if str(entry.key) not in planned:
                track.refused.setdefault(str(entry.key), _left_out(entry))
        self._tools.runner.wake()

    def _planning(self, rescue: Rescue) -> Callable[[Sequence[DataEntry], PlanContext], PlanResult]:
        def plan(entries: Sequence[DataEntry], context: PlanContext) -> PlanResult:
            if rescue.kind is RescueKind.EMERGENCY:
                return self._planner.plan_emergency(entries, context, rescue.asked, rescue.allow_fill)
            return self._planner.plan_orphan_recovery(entries, context, rescue.nodes[0])

        return plan

    async def _judge(self, track: Track, live: Sequence[OpenTransfer], cancelled: Sequence[OpenTransfer]) -> None:
        """Say how a rescue stands, and write that down where it changed."""
        arriving = sum(self._arrived(one) for one in live)
        closed = self._tools.fleet.closed_nodes()
        moving = {one.key for one in live if one.moves(closed)}
        unsaved = {one.key: one.reason for one in cancelled} | track.refused
        unsaved |= {one.key: one.reason for one in live if one.key not in moving}
        unsaved = {key: why for key, why in unsaved.items() if key not in moving}
        standing = track.standing()
        if not standing.open_files:
            unsaved, arriving = {}, 0
        rescue = replace(
            track.counted(arriving),
            state=self._state(track, bool(moving), standing.open_files),
            unsaved=tuple(sorted(unsaved.items()))[:SHOWN_UNSAVED],
            unsaved_total=len(unsaved),
        )
        ended = rescue.state is RescueState.DONE
        now = self._tools.clock.now()
        rescue = replace(rescue, finished_at=(track.rescue.finished_at or now) if ended else None)
        look = await self.look_of(rescue)
        rescue = replace(rescue, sentence=sentence_of(rescue, standing, look, now))
        if replace(rescue, sentence="") != replace(track.rescue, sentence=""):
            await self._tools.records.save(rescue)
        track.rescue = rescue

    def _state(self, track: Track, moving: bool, open_files: int) -> RescueState:
        if open_files:
            return RescueState.RUNNING if moving or not track.planned else RescueState.STUCK
        if track.rescue.kind is RescueKind.EMERGENCY:
            return RescueState.DONE
        looked = [self._tools.fleet.status(node).last_scan_at for node in track.rescue.nodes]
        seen = all(at is not None and at > track.rescue.started_at for at in looked)
        return RescueState.DONE if seen else RescueState.RUNNING

    def _arrived(self, transfer: OpenTransfer) -> int:
        progress = self._tools.progress.of(transfer.id)
        return progress.bytes_done if progress is not None else transfer.bytes_done

    async def look_of(self, rescue: Rescue) -> NodeLook:
        """Return when the nodes of a rescue were looked at, and what of a drained one is still being copied."""
        statuses = [self._tools.fleet.status(node) for node in rescue.nodes]
        looked = min((s.last_scan_at for s in statuses if s.last_scan_at is not None), default=None)
        answers = all(status.state in (NodeState.UP, NodeState.UNKNOWN) for status in statuses)
        drain = rescue.kind is RescueKind.DRAIN
        return NodeLook(looked, answers, await self._tools.transfers.coming(rescue.nodes) if drain else 0)

    def seconds_left(self, track: Track) -> float | None:
        """Return how long the rest takes at the rate of what runs now; None while that is not known."""
        left = track.rescue.bytes_total - track.rescue.bytes_done
        rate = self._tools.progress.total_rate()
        return left / rate if left > 0 and rate > 0 and track.rescue.state is RescueState.RUNNING else None

    async def make_way(self) -> int:
        """Hold running bulk back where an emergency finds no slot; return how many transfers. What arrived is kept."""
        tools = self._tools
        queued = await tools.queue.in_state(TransferState.QUEUED, tools.fleet.policy.engine.max_concurrent_syncs)
        closed = tools.fleet.closed_nodes()
        urgent = [t for t in queued if is_urgent(t) and not nodes_of((t,)) & closed.keys()]
        if not urgent or not tools.may_move():
            return 0
        most = tools.fleet.policy.engine.max_concurrent_syncs
        victims = making_way(urgent, tools.runner.busy(), most, NODE_LIMIT)
        ids = [transfer.id for group in victims for transfer in group]
        return await tools.runner.hold(ids, WAY) if ids else 0


def _left_out(entry: DataEntry) -> str:
    """Return why nothing is planned for an entry that is only where it may be lost, and what to do."""
    if any(there.state is ReplicaState.STALE for there in entry.replicas):
        return f"{EARLIER}; `syncdeck transfers keep-both {entry.key}` makes it a file of its own, and that is saved"
    return f"{EARLIER}; see how it came to be, and move it to a safe place"
