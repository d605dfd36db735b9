"""An EngineClient whose answers a test decides, and which remembers what it was asked to change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from engine.errors import SyncdeckError
from engine.transport_views import (
    AttemptView,
    BreakerView,
    LinkDecisionView,
    LinkView,
    NodeTransportView,
    TransportErrorView,
    TransportsView,
)
from engine.views import (
    ActionResult,
    CatalogQuery,
    CatalogRow,
    CatalogWindow,
    CheckResult,
    EntryDetail,
    FindingView,
    FreshnessView,
    NodeView,
    PlacementView,
    PlanItem,
    PlanView,
    RefusalView,
    ReplicaView,
    StatusView,
    StorageView,
    SyncPreview,
    SyncRequest,
    ThroughputView,
    TrainerFreshness,
    TransferPage,
    TransferView,
)
from engine.views_archive import GamesView
from engine.views_bandwidth import BandwidthChange, BandwidthView, FlowView, LimitView
from engine.views_engine import EngineState, EngineView
from engine.views_keeping import KeepPreview, KeepRequest, KeepResult, KeepStep
from engine.views_nodes import AtRiskEntry, AtRiskPage, AtRiskRow, HoldingRow, NodeDetail, RescueView
from tests.api.unscripted import Unscripted

NOW = 1_767_225_600.0
CRITICAL = FindingView("disk:a", "critical", "disk of a", "93 % used", "free some space", "emergency", 10, NOW - 60)
NOTE = FindingView("n:1", "note", "gpu", "gpu is none", "", None)


def a_status(findings: tuple[FindingView, ...] = (CRITICAL,)) -> StatusView:
    """Return a status view with something in each of its lists."""
    return StatusView(
        at=NOW,
        revision=7,
        engine=EngineView(EngineState.RUNNING, "headless", 4242, "0.1.0", "mac", "/fleet/hosts.yaml", NOW - 60),
        nodes=(
            NodeView("a", "up", "", "", NOW - 5, NOW - 9, 9.0, True, False, "gpu_training", True),
            NodeView("b", "refused", "refused on 22", "start sshd", None, None, None, False, True, "gpu", False),
        ),
        storage=(StorageView("a", "/data", "a", "a", 1000, 930, 93.0, "available", 60.0, 70.0, 60.0, (90.0, 93.0)),),
        freshness=(
            FreshnessView("hex8_2p", "npz", 3600.0, 1, 3, "no", 10, (TrainerFreshness("a", 7200.0, False),), 1),
            FreshnessView("hex8_2p", "games", None, 3, 3, "yes", 0),
            FreshnessView("hex8_2p", "models", 5.0, 3, 3, "not configured", 0),
        ),
        queue=(("queued", 2), ("done", 5)),
        findings=findings,
        at_risk_bytes=10,
        running=(a_transfer(1),),
        waiting_reasons=(("node b is paused", 2),),
        throughput=ThroughputView(10, 0.5, 1.5, None, (1.0, 2.0)),
        last_verified_at=NOW - 30,
        entries_total=3,
        replicas_total=4,
    )


def a_transfer(number: int, state: str = "transferring") -> TransferView:
    """Return one transfer."""
    return TransferView(
        number,
        "npz:x.npz",
        "x.npz",
        "hex8_2p",
        "npz",
        "a",
        "b",
        "rsync",
        state,
        "",
        100,
        50,
        40,
        2.0,
        25.0,
        1,
        None,
        None,
        50,
        None,
        NOW - 20,
        NOW - 10,
        None,
    )


def a_row(number: int) -> CatalogRow:
    """Return one row of the catalog."""
    return CatalogRow(number, f"npz:{number:05}.npz", f"{number:05}.npz", "npz", None, "", 10, NOW, 1, 3, "at-risk")


def a_detail(row: CatalogRow) -> EntryDetail:
    """Return an entry with one copy and one place that wants it."""
    copy = ReplicaView("a", "a:/drive", f"/drive/{row.path}", "current", "ab" * 32, 10, NOW, True, NOW)
    place = PlacementView("b", True, False, "rule npz wants it", "npz", 12, "node b is down")
    return EntryDetail(row, "ab" * 32, "no", (copy,), (place,), (a_transfer(1),))


@dataclass
class ScriptedEngine(Unscripted):
    """Answers from what the test put in; ``requests`` lists the changes that were asked for."""

    view: StatusView = field(default_factory=a_status)
    entries: int = 3
    error: BaseException | None = None
    started: bool = False
    closed: bool = False
    requests: list[tuple[str, object]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self.started = True

    async def close(self) -> None:
        self.closed = True

    async def wait_for_change(self, revision: int, timeout_seconds: float) -> int:
        self.entered.set()
        if revision == self.view.revision:
            await self.changed.wait()
        return self.view.revision

    async def status(self) -> StatusView:
        if self.error is not None:
            raise self.error
        return self.view

    async def transfers(self, offset: int, count: int, text: str = "", history: bool = True) -> TransferPage:
        rows = [a_transfer(number) for number in range(1, 4)]
        rows += [a_transfer(number, "done") for number in range(4, 6)] if history else []
        return TransferPage(7, len(rows), offset, tuple(rows[offset : offset + count]))

    async def plan(self) -> PlanView:
        item = PlanItem("a", ("b",), ("npz:x.npz",), 75, "1 of 3 copies", "npz", 12, ("rsync",), None, 10)
        refused = RefusalView("npz:y.npz", "b", "full", "free some space", "npz", None)
        return PlanView(NOW, (item,), (refused,))

    async def transports(self) -> TransportsView:
        breaker = BreakerView("http", "open", NOW + 42, "3 failures: connection reset")
        error = TransportErrorView(NOW - 1, "http", "b", "transient-network", "connection reset", "wait")
        lowered = LinkDecisionView(NOW - 1, 4, 2, "lowered: reset")
        link = LinkView("a", "b", 2, 4, "lowered: reset", 1e6, 0.5, (lowered,))
        row = NodeTransportView("a", "http", breaker, 7, 3, 0.5, 1e6, (error,))
        return TransportsView(NOW, NOW - 86_400, 0.97, (row,), (link,))

    async def transfer(self, transfer_id: int) -> TransferView | None:
        return a_transfer(transfer_id) if transfer_id < 6 else None

    async def attempts(self, transfer_id: int) -> tuple[AttemptView, ...]:
        error = TransportErrorView(NOW - 1, "http", "b", "transient-network", "connection reset", "wait")
        moved = (100, 140, 40, 2.0, 50.0)
        return (AttemptView(1, NOW - 3, NOW, "agent", "a", "b", True, *moved, None, None, None, (error,)),)

    async def catalog_window(self, query: CatalogQuery, offset: int, count: int) -> CatalogWindow:
        rows = [a_row(number) for number in range(self.entries) if query.text in a_row(number).key]
        return CatalogWindow(7, len(rows), offset, tuple(rows[offset : offset + count]))

    async def catalog_rank(self, query: CatalogQuery, entry_id: int) -> int | None:
        return entry_id if entry_id < self.entries else None

    async def catalog_entries(self, query: CatalogQuery, offset: int, count: int) -> tuple[EntryDetail, ...]:
        window = await self.catalog_window(query, offset, count)
        return tuple(a_detail(row) for row in window.rows)

    async def entry(self, key: str) -> EntryDetail | None:
        rows = [a_row(number) for number in range(self.entries) if a_row(number).key == key]
        return a_detail(rows[0]) if rows else None

    async def games(self, key: str) -> GamesView | None:
        return GamesView(10, 8, 2, 1, NOW, 7, 3) if key == a_row(1).key else None

    async def preview(self, request: SyncRequest) -> SyncPreview:
        plan = await self.plan()
        return SyncPreview(request, 1, 10, ("b",), 5.0, plan.plans, plan.refused)

    async def sync(self, request: SyncRequest) -> ActionResult:
        return await self._change("sync", request, "1 transfer queued")

    async def pause(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        for node in nodes:
            if node not in ("a", "b"):
                raise SyncdeckError("pause", node, "no host of that name", "see `syncdeck nodes ls`")
        return await self._change("pause", nodes, "paused")

    async def resume(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        return await self._change("resume", nodes, "resumed")

    async def pause_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        return await self._change("pause_transfers", transfer_ids, "paused")

    async def resume_transfers(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        return await self._change("resume_transfers", transfer_ids, "resumed")

    async def bandwidth(self) -> BandwidthView:
        fleet = LimitView(None, 100_000_000, "auto_sync.bandwidth_limit_mbps", 12, None, 1_500_000.0, 1)
        node = LimitView("a", 20_000_000, "timetable 08:00-18:00", 31, NOW + 60, 1_500_000.0, 1)
        flow = FlowView(1, "a", "b", 20_000_000, 1_500_000.0, 1.0, False, "priority normal")
        return BandwidthView(NOW, (fleet, node), (flow,))

    async def set_bandwidth(self, change: BandwidthChange) -> ActionResult:
        return await self._change("set_bandwidth", change, "limited")

    async def cancel(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        return await self._change("cancel", transfer_ids, "cancelled")

    async def retry(self, transfer_ids: tuple[int, ...]) -> ActionResult:
        return await self._change("retry", transfer_ids, "retried")

    async def rescan(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        return await self._change("rescan", nodes, "rescanned")

    async def keep_both_preview(self, request: KeepRequest) -> KeepPreview:
        step = KeepStep("npz:x.npz", "smaller", "b", "b", "/d/x.npz", "npz:x.kept-1.npz", "/d/x.kept-1.npz", 9, 5, "1")
        refused = RefusalView("npz:y.npz", "b", "the copy there is damaged", "move it away", "", None)
        return KeepPreview(request, 1, 9, 1, (step,), (refused,) if not request.keys else ())

    async def keep_both(self, request: KeepRequest) -> KeepResult:
        preview = await self.keep_both_preview(request)
        done = await self._change("keep_both", request, "1 copy kept beside what is to come")
        return KeepResult(1, done.message, 1, preview.steps, preview.refused)

    async def archive_verify(self, archive_ids: tuple[int, ...]) -> CheckResult:
        failed = tuple(number for number in archive_ids if number > 9)
        done = await self._change("archive_verify", archive_ids, "worded in any way")
        return CheckResult(len(archive_ids) - len(failed), done.message, failed)

    async def reset_transports(self, nodes: tuple[str, ...] = ()) -> ActionResult:
        return await self._change("reset_transports", nodes, "reset")

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        rows = (AtRiskRow("b", NOW, 2, None, 100, NOW - 60, NOW - 90), AtRiskRow("a", NOW, 0, 0, 0))
        return tuple(row for row in rows if not nodes or row.node in nodes)

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        rows = tuple(AtRiskEntry(f"npz:{n}.npz", node, 50, 50, None, "the only copy") for n in range(2))
        return AtRiskPage(NOW, node, 2, offset, rows[offset : offset + count])

    async def node_detail(self, node: str) -> NodeDetail:
        risk = (await self.at_risk((node,)))[0]
        rescue = (await self.rescues())[0]
        return NodeDetail(node, "up", ("127.0.0.1:22",), (HoldingRow("npz", 2, 100),), risk, True, rescue)

    async def drain_preview(self, node: str) -> SyncPreview:
        return await self.preview(SyncRequest(nodes=(node,)))

    async def drain(self, node: str) -> ActionResult:
        return await self._change("drain", node, "draining")

    async def drain_cancel(self, node: str) -> ActionResult:
        return await self._change("drain_cancel", node, "takes copies again")

    async def rescues(self) -> tuple[RescueView, ...]:
        unsaved = (("npz:1.npz", "full"),)
        return (RescueView("drain", ("b",), "stuck", NOW - 9, None, 2, 1, 100, 50, None, unsaved, 1, "not safe"),)

    def advance(self) -> None:
        """Change the status, as time does."""
        self.view = replace(self.view, revision=self.view.revision + 1)
        self.changed.set()

    async def _change(self, what: str, value: object, message: str) -> ActionResult:
        self.entered.set()
        if self.hold is not None:
            await self.hold.wait()
        self.requests.append((what, value))
        return ActionResult(1, message)
