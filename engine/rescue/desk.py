"""What operators see of nodes that may go, and their levers: implements ``NodesClient`` over the engine's parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.catalog.catalog import DataCatalog
from engine.catalog.exposure import ExposedEntry
from engine.clock import Clock
from engine.hosts import check_hosts
from engine.inventory.fleet import Fleet
from engine.locations import node_of
from engine.model import DataEntry, PlanResult
from engine.planner.draining import policy_without, views_without
from engine.planner.planner import PlanContext, SyncPlanner
from engine.reconcile import Reconciler
from engine.requests import preview_of
from engine.rescue.exposed import Exposed
from engine.rescue.records import Rescue, RescueKind, RescueRecords
from engine.rescue.rescues import Rescues
from engine.rescue.sentences import sentence_of
from engine.routing.holding import holding
from engine.views import ActionResult, SyncPreview, SyncRequest
from engine.views_nodes import AtRiskEntry, AtRiskPage, AtRiskRow, HoldingRow, NodeDetail, RescueView

SHOWN_RESCUES = 10
"""Rescues that are over and still shown beside those that go on."""
PAGE_MOST = 1_000

GamesOfNode = Callable[[str], Awaitable[int | None]]
"""Returns how many complete games are found on one node alone; None while they are not counted."""
GamesOfKeys = Callable[[Sequence[str]], Awaitable[Mapping[str, int | None]]]
"""Returns the same of single entries, by key."""


async def _not_counted(_node: str) -> int | None:
    return None


async def _none_counted(_keys: Sequence[str]) -> Mapping[str, int | None]:
    return {}


@dataclass
class NodesDesk:
    """The nodes' desk. ``games_of_node`` and ``games_of_keys`` count games, where the engine does."""

    catalog: DataCatalog
    fleet: Fleet
    reconciler: Reconciler
    exposed: Exposed
    records: RescueRecords
    rescues: Rescues
    clock: Clock
    games_of_node: GamesOfNode = _not_counted
    games_of_keys: GamesOfKeys = _none_counted

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        """Return what would be lost with each node (with those named, else with all that are used), worst first."""
        self._check("see what is at risk on", nodes)
        risks = {risk.node_id: risk for risk in await self.exposed.risks()}
        now = self.clock.now()
        chosen = nodes or tuple(node for node in self.fleet.policy.nodes if self.fleet.uses(node))
        rows = []
        for node in dict.fromkeys(chosen):
            risk = risks.get(node)
            games = await self.games_of_node(node)
            status = self.fleet.status(node)
            dead = node in self.reconciler.failing()
            rows.append(
                AtRiskRow(
                    node=node,
                    at=now,
                    entries=risk.entries if risk else 0,
                    # Files of which no counted game is at risk hold what was written since they were counted.
                    games=None if risk and risk.entries and not games else games,
                    bytes=risk.bytes if risk else 0,
                    dead_since=(status.down_since or status.last_seen_at) if dead else None,
                    confirmed_until=(status.last_scan_at or status.last_seen_at) if dead else None,
                )
            )
        return tuple(sorted(rows, key=lambda row: (-row.bytes, -row.entries, row.dead_since is None, row.node)))

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        """Return what only this node holds, the smallest first; at most a thousand at once."""
        self._check("see what is at risk on", (node,))
        found = await self.exposed.entries((node,), together=False)
        start = max(offset, 0)
        window = found[start : start + max(0, min(count, PAGE_MOST))]
        entries = dict(await self.catalog.by_ids([one.entry_id for one in window]))
        keys = [str(entry.key) for entry in entries.values()]
        games = await self.games_of_keys(keys)
        rows = tuple(
            AtRiskEntry(
                key=str(entry.key),
                node=node,
                size_bytes=max(entry.size_bytes, _size_there(entry, node)),
                at_risk_bytes=one.bytes,
                # The games of a version that was saved are elsewhere; those written since are not counted.
                games=None if one.newer and _elsewhere(entry, node) else games.get(str(entry.key)),
                reason=_reason(entry, one, node),
            )
            for one in window
            if (entry := entries.get(one.entry_id)) is not None
        )
        return AtRiskPage(self.clock.now(), node, len(found), start, rows)

    async def node_detail(self, node: str) -> NodeDetail:
        """Return one node in full."""
        self._check("show", (node,))
        spec, status = self.fleet.policy.nodes[node], self.fleet.status(node)
        held = await self.catalog.held_by_type(node)
        rescues = [view for view in await self.list_rescues() if node in view.nodes]
        return NodeDetail(
            node=node,
            reachability=f"{status.state.value}: {status.reason}" if status.reason else status.state.value,
            addresses=tuple(f"{address.host}:{address.port}" for address in spec.addresses),
            holds=tuple(HoldingRow(row.data_type, row.entries, row.bytes) for row in held),
            at_risk=(await self.at_risk((node,)))[0],
            draining=self.rescues.draining(node) is not None,
            rescue=rescues[0] if rescues else None,
        )

    async def drain_preview(self, node: str) -> SyncPreview:
        """Return what a drain would copy, what is only there first, and what could not be placed."""
        self._check("drain", (node,))
        first = [one.entry_id for one in await self.exposed.entries((node,), together=True)]
        planner = SyncPlanner()

        def plan(entries: Sequence[DataEntry], context: PlanContext) -> PlanResult:
            there = [entry for entry in entries if any(node_of(place) == node for place in holding(entry))]
            policy, views = policy_without(context.policy, (node,)), views_without(context.locations, (node,))
            without = replace(context, policy=policy, locations=views)
            rescued = planner.plan_orphan_recovery(there, without, node)
            by_rule = planner.plan_replication(there, without.after(rescued))
            refused = {(str(r.key), r.location): r for r in (*by_rule.refused, *rescued.refused)}
            return PlanResult((*rescued.plans, *by_rule.plans), tuple(refused.values()))

        results = self.reconciler.results(plan, first)
        most = self.fleet.policy.engine.max_concurrent_syncs
        rates = (await self.reconciler.context()).link_rates
        return await preview_of(SyncRequest(nodes=(node,)), results, rates, most)

    async def drain(self, node: str) -> ActionResult:
        """Begin to empty a node."""
        self._check("drain", (node,))
        return await self.rescues.begin_drain(node)

    async def drain_cancel(self, node: str) -> ActionResult:
        """Let a node take copies again."""
        if self.rescues.draining(node) is None:
            self._check("cancel the drain of", (node,))
        return await self.rescues.end_drain(node)

    async def list_rescues(self) -> tuple[RescueView, ...]:
        """Return what is looked after, newest first, then the last that ended."""
        tracks = self.rescues.tracks()
        now = self.clock.now()
        views = []
        for track in reversed(tracks):
            sentence = sentence_of(track.rescue, track.standing(), await self.rescues.look_of(track.rescue), now)
            views.append(_view(replace(track.rescue, sentence=sentence), self.rescues.seconds_left(track)))
        open_ids = {track.rescue.id for track in tracks}
        ended = [rescue for rescue in await self.records.newest(SHOWN_RESCUES) if rescue.id not in open_ids]
        return (*views, *(_view(rescue, None) for rescue in ended if rescue.closed))

    def _check(self, operation: str, nodes: Collection[str]) -> None:
        check_hosts(operation, nodes, self.fleet.policy)


def _view(rescue: Rescue, seconds_left: float | None) -> RescueView:
    cancelled = rescue.closed and rescue.kind is RescueKind.DRAIN
    return RescueView(
        kind=rescue.kind.value,
        nodes=rescue.nodes,
        state="done" if cancelled else rescue.state.value,
        started_at=rescue.started_at,
        finished_at=rescue.finished_at,
        files_total=rescue.files_total,
        files_done=rescue.files_done,
        bytes_total=rescue.bytes_total,
        bytes_done=rescue.bytes_done,
        seconds_left=seconds_left,
        unsaved=rescue.unsaved,
        unsaved_total=rescue.unsaved_total,
        sentence=rescue.sentence,
        cancelled=cancelled,
    )


def _size_there(entry: DataEntry, node: str) -> int:
    return max((r.stat.size_bytes for r in entry.replicas if node_of(r.location) == node), default=0)


def _elsewhere(entry: DataEntry, node: str) -> bool:
    return any(node_of(location) != node for location in entry.locations)


def _reason(entry: DataEntry, exposed: ExposedEntry, node: str) -> str:
    elsewhere = _elsewhere(entry, node)
    if exposed.newer and entry.current is not None and elsewhere:
        return "newer content than the saved version is only there"
    if exposed.newer and entry.current is None:
        return "never hashed, never copied"
    if elsewhere:
        return "its other copies are on nodes that may go too"
    return "the only copy"
