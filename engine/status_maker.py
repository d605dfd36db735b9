"""Makes the status view: asks every part what it knows, and keeps what need not be counted again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from config.errors import ConfigError
from config.types import LintFinding, OnFinding
from engine.catalog.catalog import DataCatalog
from engine.catalog.kept_figures import CountedFigures, KeptFigures
from engine.catalog.values import Places
from engine.clock import Clock
from engine.errors import SyncdeckError
from engine.execution.progress import ProgressBoard
from engine.health.findings import HealthInputs, diff, find
from engine.health.notify import FindingNotifier
from engine.integrity.kept import KEPT
from engine.inventory.fleet import Fleet
from engine.model import ReplicaState, Transfer, TransferState
from engine.planning_loop import PlanningLoop
from engine.presentation.freshness import age, freshness_views
from engine.presentation.moves import transfer_view
from engine.presentation.nodes import node_views, storage_views
from engine.queue.queue import TransferQueue
from engine.queue.refused import PLANNER
from engine.reconcile import Reconciler
from engine.transport_views import BreakerView
from engine.version import VERSION
from engine.views import FindingView, StatusView, ThroughputView, TransferView
from engine.views_engine import EngineState, EngineView

FIGURES_SECONDS = 1.0
"""Copies, risks and freshness are brought up to date at most this often, and only when the catalog changed."""
FIGURES_SHARE = 0.5
"""Counting may take this share of the time: where very much changes it is done less often."""
HISTORY_SECONDS = 3_600.0
TREND_SECONDS = 6 * 3_600.0
THROUGHPUT_STEP_SECONDS = 60.0
BLOCKED_SHOWN = 200
KEPT_SHOWN_SECONDS = 86_400.0
DOUBTFUL = (ReplicaState.DIVERGED, ReplicaState.BAD)
VIEWS_AT_ONCE = 50
"""Running transfers shown without a pause, about 2 ms: batches make thousands of them, and the event loop goes on."""


@dataclass
class EngineFacts:
    """What the engine knows of itself."""

    mode: str
    since: float
    observing: bool = False
    offline: bool = True
    config_refused: ConfigError | None = None
    rules_vanished: tuple[tuple[str, str], ...] = ()
    lint: tuple[LintFinding, ...] = ()
    parts_down: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """Figures of the catalog, for which places they are, and until when a change of the catalog is not counted."""

    counted: CountedFigures
    places: Places
    trainers: frozenset[str]
    holds_until: float
    """In the clock's monotonic seconds."""


async def _none_failed() -> Sequence[tuple[int, str, str]]:
    """Know of no archives."""
    return ()


class StatusMaker:
    """``make`` returns a view; ``announce`` tells the operator's command what appeared and what recovered."""

    def __init__(
        self,
        fleet: Fleet,
        catalog: DataCatalog,
        figures: KeptFigures,
        queue: TransferQueue,
        progress: ProgressBoard,
        reconciler: Reconciler,
        facts: EngineFacts,
        clock: Clock,
        fleet_limit: Callable[[], int | None],
    ) -> None:
        """``fleet_limit`` returns the limit of the fleet that holds now, in bytes/s."""
        self._fleet_limit = fleet_limit
        self._fleet = fleet
        self._catalog = catalog
        self._figures = figures
        self._queue = queue
        self._progress = progress
        self._reconciler = reconciler
        self._facts = facts
        self._clock = clock
        self._known: _Known | None = None
        self._behind = False
        self._announced: tuple[FindingView, ...] = ()
        self._first_seen: dict[str, float] = {}
        self._unsaved_since: dict[str, float] = {}
        self.planning: PlanningLoop | None = None
        self.tripped: Callable[[], Mapping[str, tuple[BreakerView, ...]]] = dict
        """Returns the breakers that are not closed, by node."""
        self.failed_archives: Callable[[], Awaitable[Sequence[tuple[int, str, str]]]] = _none_failed
        """Returns number, key and fault of every damaged archive."""
        self.archiving_failure: Callable[[], SyncdeckError | None] = lambda: None
        """Returns why the last automatic archive round ended early."""
        self.orphan_games: Callable[[], int | None] = lambda: None
        """Returns how many complete games are in no canonical database."""
        self.telling_failure: Callable[[OnFinding | None], str | None] = lambda _setting: None
        """Returns why the operator's command failed when it ran last."""

    def announce(self, findings: tuple[FindingView, ...], notifier: FindingNotifier) -> None:
        """Run the operator's command for what is new and for what is over."""
        appeared, recovered = diff(self._announced, findings)
        self._announced = findings
        notifier.notify(self._fleet.policy.engine.on_finding, appeared, recovered)

    async def make(self, revision: int) -> StatusView:
        """Return the status as it is now."""
        now = self._clock.now()
        known = await self._figures_now()
        figures = known.counted.figures
        queue = await self._queue.counts()
        running = await self._queue.running()
        last_sync = await self._queue.last_done_by_node()
        risks = {risk.node_id: (risk.entries, risk.bytes) for risk in figures.risks}
        lags = self._lags(risks, last_sync, now)
        nodes = node_views(self._fleet, last_sync, lags, risks, self.tripped())
        samples = await self._catalog.samples_since(now - TREND_SECONDS)
        storage = storage_views(self._fleet, samples)
        freshness = freshness_views(figures.freshness, figures.held, self._fleet.policy, known.places, now)
        blocked = await self._queue.in_state(TransferState.BLOCKED, BLOCKED_SHOWN)
        refused = self.planning.refused if self.planning is not None else ()
        findings = find(
            HealthInputs(
                policy=self._fleet.policy,
                now=now,
                nodes=nodes,
                storage=storage,
                freshness=freshness,
                samples=samples,
                blocked=tuple(t for t in blocked if not (refused and t.run_id == PLANNER)),
                refused=refused,
                unreadable=self._fleet.unreadable_folders(),
                leftovers=self._fleet.left_by_others(),
                doubtful=[(c.location, c.state, c.replicas) for c in figures.counts if c.state in DOUBTFUL],
                old_daemons={n: s.old_daemons for n, s in self._fleet.nodes.items() if s.old_daemons},
                lint=self._facts.lint,
                config_refused=self._facts.config_refused,
                rules_vanished=self._facts.rules_vanished,
                parts_down=self._parts_down(),
                failed_archives=await self.failed_archives(),
                archiving_failed=self.archiving_failure(),
                telling_failed=self.telling_failure(self._fleet.policy.engine.on_finding),
                kept=await self._kept_lately(now),
                observing=self._facts.observing,
                waiting_for_go=self.planning.wanted_while_observing if self.planning is not None else 0,
            )
        )
        return StatusView(
            at=now,
            revision=revision,
            engine=self._engine(queue),
            nodes=nodes,
            storage=storage,
            freshness=freshness,
            queue=tuple(sorted(queue.items())),
            findings=self._dated(findings, now),
            at_risk_bytes=sum(row.at_risk_bytes for row in figures.freshness),
            running=await self._running_views(running),
            waiting_reasons=tuple(await self._queue.waiting_reasons()),
            throughput=await self._throughput(now),
            last_verified_at=await self._queue.last_verified_at(),
            entries_total=figures.totals.entries,
            replicas_total=figures.totals.replicas,
            orphan_games=self.orphan_games(),
        )

    async def _kept_lately(self, now: float) -> list[tuple[str, str]]:
        records = await self._catalog.audited_since(KEPT, now - KEPT_SHOWN_SECONDS)
        return [(record.subject, record.detail) for record in records]

    async def _running_views(self, running: Sequence[Transfer]) -> tuple[TransferView, ...]:
        views: list[TransferView] = []
        for start in range(0, len(running), VIEWS_AT_ONCE):
            part = running[start : start + VIEWS_AT_ONCE]
            views += [transfer_view(transfer, self._progress.of(transfer.id)) for transfer in part]
            await asyncio.sleep(0)
        return tuple(views)

    def _trainer_locations(self, places: Places) -> frozenset[str]:
        nodes = self._fleet.policy.nodes
        return frozenset(place.location for place in places.places if nodes[place.node_id].training)

    def _parts_down(self) -> dict[str, str]:
        down = dict(self._facts.parts_down)
        if self.planning is not None and self.planning.failure is not None:
            down["planning"] = self.planning.failure
        return down

    def is_behind(self) -> bool:
        """Return whether the catalog had changed since the figures of the newest view."""
        return self._behind

    async def _figures_now(self) -> _Known:
        """Return the figures of the whole catalog: those kept, unless they are over and something changed."""
        places = self._reconciler.places()
        trainers = self._trainer_locations(places)
        started, kept = self._clock.monotonic(), self._known
        same_fleet = kept is not None and (kept.places, kept.trainers) == (places, trainers)
        if kept is not None and same_fleet:
            self._behind = kept.counted.sequence != await self._catalog.sequence()
            if not self._behind or started < kept.holds_until:
                return kept
        counted = await self._figures.current(places, trainers)
        # What another fleet took says nothing of the next change, which counts its own blocks only.
        took = self._clock.monotonic() - started if same_fleet else 0.0
        self._behind = False
        self._known = _Known(counted, places, trainers, started + max(FIGURES_SECONDS, took / FIGURES_SHARE))
        return self._known

    def _engine(self, queue: Mapping[str, int]) -> EngineView:
        facts = self._facts
        return EngineView(
            state=_state(facts, self._fleet.everything_paused),
            mode=facts.mode,
            pid=os.getpid(),
            version=VERSION,
            node_id=self._fleet.own_node,
            config=self._fleet.policy.file,
            since=facts.since,
            detail="; ".join(f"{name}: {cause}" for name, cause in sorted(facts.parts_down.items())),
        )

    def _lags(
        self, risks: Mapping[str, tuple[int, int]], last_sync: Mapping[str, float], now: float
    ) -> dict[str, float]:
        """Return for each node how long it has had something unsaved: since its last transfer at the earliest."""
        lags: dict[str, float] = {}
        for node, (entries, _) in risks.items():
            if not entries:
                self._unsaved_since.pop(node, None)
                continue
            since = self._unsaved_since.setdefault(node, now)
            lags[node] = age(max(since, last_sync.get(node, since)), now)
        return lags

    def _dated(self, findings: Sequence[FindingView], now: float) -> tuple[FindingView, ...]:
        current = {finding.id for finding in findings}
        self._first_seen = {i: at for i, at in self._first_seen.items() if i in current}
        return tuple(replace(f, since=self._first_seen.setdefault(f.id, f.since or now)) for f in findings)

    async def _throughput(self, now: float) -> ThroughputView:
        since = now - HISTORY_SECONDS
        settled = now // THROUGHPUT_STEP_SECONDS * THROUGHPUT_STEP_SECONDS
        trend = await self._queue.throughput(settled - HISTORY_SECONDS, THROUGHPUT_STEP_SECONDS, settled)
        return ThroughputView(
            bytes_last_hour=await self._queue.bytes_moved(since),
            first_attempt_rate=await self._queue.first_attempt_rate(since),
            bytes_per_second=round(self._progress.total_rate()),
            limit_bytes_per_second=self._fleet_limit(),
            trend=tuple(trend),
        )


def _state(facts: EngineFacts, paused: bool) -> EngineState:
    if facts.parts_down:
        return EngineState.FAILING
    if facts.offline:
        return EngineState.OFFLINE
    if paused:
        return EngineState.PAUSED
    return EngineState.OBSERVING if facts.observing else EngineState.RUNNING
