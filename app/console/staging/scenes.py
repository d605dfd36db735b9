"""The scenes of the script: a fleet that is empty, well, or in trouble. All names and figures are made up."""

from __future__ import annotations

import math
from dataclasses import replace

from app.console.present.units import DAY, HOUR, MINUTE
from app.console.staging.scenes_archive import archive_script
from app.console.staging.scenes_keeping import keep_of
from app.console.staging.scenes_routing import check_of, explain_of, rules_view
from app.console.staging.scripted import ScriptedClient
from engine.views import (
    CatalogRow,
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
    TransferView,
)
from engine.views_engine import EngineState, EngineView

NOW = 1_767_225_600.0
GB = 1_000_000_000
TB = 1000 * GB

_ENGINE = EngineView(
    EngineState.RUNNING, "embedded", 4242, "0.1.0", "mac-studio", "distributed_hosts.yaml", NOW - 3 * DAY
)


def empty_view() -> StatusView:
    """Return a fleet of which nothing is known yet, on an engine that observes."""
    return StatusView(
        at=NOW, revision=1, engine=replace(_ENGINE, state=EngineState.OBSERVING, since=NOW),
        nodes=(), storage=(), freshness=(), queue=(), findings=(), at_risk_bytes=0, running=(), waiting_reasons=(),
        throughput=ThroughputView(0, None, 0.0, None), last_verified_at=None,
    )  # fmt: skip


def _node(
    name: str, role: str, state: str = "up", ephemeral: bool = False, risk: int = 0, reason: str = ""
) -> NodeView:
    return NodeView(
        node=name, state=state, reason=reason, remedy="syncdeck nodes test " + name if reason else "",
        last_seen_at=NOW - 20 if state == "up" else NOW - 4 * HOUR, last_sync_at=NOW - 5 * MINUTE,
        lag_seconds=300.0, durable=not ephemeral, ephemeral=ephemeral, role=role, trainer="training" in role,
        at_risk_bytes=risk, at_risk_entries=31 if risk else 0,
    )  # fmt: skip


def _nodes(trouble: bool) -> tuple[NodeView, ...]:
    named = [
        _node("mac-studio", "coordinator"),
        _node("nebius-h100-3", "nn_training_primary"),
        _node("nebius-h100-1", "gpu_training_selfplay"),
        _node("lambda-gh200-training", "gpu_training_primary"),
        _node("lambda-gh200-2", "gpu_selfplay"),
        _node("vast-70000274", "gpu_selfplay", ephemeral=True, risk=1_200_000_000 if trouble else 0),
    ]
    down = "timed-out" if trouble else "up"
    why = "no answer from 198.51.100.7:22 in 10 s" if trouble else ""
    named += [
        _node("nebius-h100-2", "gpu_training", down, reason=why),
        _node("vultr-a100-2", "gpu_selfplay", down, reason=why),
    ]
    others = [_node(f"lambda-gh200-{index}", "gpu_selfplay") for index in range(3, 27)]
    unused = [_node(f"hetzner-cpu{index}", "cpu_selfplay", "unused") for index in range(1, 11)]
    return (*named, *others, *unused)


def _disk(name: str, percent: float, total: int = 2 * TB, **more: object) -> StorageView:
    base = StorageView(
        node=name, root=f"/srv/{name}/ai-service", location=name, label=name, total_bytes=total,
        used_bytes=int(total * percent / 100), used_percent=percent, state="available", full_in_seconds=None,
        max_percent=85.0, target_percent=70.0, sampled_at=NOW - 30,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def _storage(trouble: bool) -> tuple[StorageView, ...]:
    fill = 83.0 if trouble else 62.0
    trend = tuple(fill - 14 + 14 * index / 23 + 0.6 * math.sin(index) for index in range(24))
    drive = _disk(
        "mac-studio", fill, int(7.3 * TB), root="/Volumes/Data", location="mac-studio:/Volumes/Data",
        label="mac-studio:drive", full_in_seconds=9.0 * DAY if trouble else 61.0 * DAY, trend=trend,
    )  # fmt: skip
    vast = _disk("vast-70000274", 88.0 if trouble else 22.0, 200 * GB, ephemeral=True)
    shares = (
        ("nebius-h100-3", 61.0),
        ("nebius-h100-1", 48.0),
        ("lambda-gh200-training", 37.0),
        ("lambda-gh200-2", 31.0),
    )
    named = [_disk(name, share) for name, share in shares]
    others = [_disk(f"lambda-gh200-{index}", 30.0 - index, 4 * TB) for index in range(3, 27)]
    trend_of_vast = tuple(60.0 + 28.0 * index / 23 for index in range(24)) if trouble else ()
    vast = replace(vast, trend=trend_of_vast, full_in_seconds=2.5 * HOUR if trouble else None)
    return (drive, *named, vast, *others)


def _fresh(
    key: str, ages: tuple[float | None, float | None, float | None], copies: int, risk: int = 0, off_site: str = "yes",
    current: bool = True,
) -> tuple[FreshnessView, ...]:  # fmt: skip
    trainers = (
        TrainerFreshness("nebius-h100-3", ages[1], current),
        TrainerFreshness("lambda-gh200-training", ages[1], True),
    )
    types = zip(("games", "npz", "models"), ages, strict=True)
    return tuple(
        FreshnessView(
            key, name, age, copies if name == "games" else max(copies, 2), 3 if name == "games" else 2, off_site,
            risk if name == "games" else 0, () if name == "games" else trainers, 12,
        )
        for name, age in types
        if age is not None
    )  # fmt: skip


def _freshness(trouble: bool) -> tuple[FreshnessView, ...]:
    views: list[FreshnessView] = []
    if trouble:
        views += _fresh("square19_3p", (5 * DAY, 9 * DAY, None), 1, 1_200_000_000, "no", current=False)
        views += _fresh("hexagonal_4p", (3 * HOUR, 7 * HOUR, 2 * DAY), 2, 86_000_000)
    well = ("hex8_2p", "hex8_3p", "hex8_4p", "square8_2p", "square8_3p", "square8_4p", "square19_2p", "square19_4p")
    for index, key in enumerate(well):
        views += _fresh(key, ((4 + 6 * index) * MINUTE, (1 + index % 3) * HOUR, (1 + index % 4) * DAY), 3)
    return tuple(views)


def transfer(
    number: int, label: str, source: str, target: str, state: str, done: float, **more: object
) -> TransferView:
    """Return a transfer of the script; ``done`` is a share of its 1.2 GB."""
    total = 1_200_000_000
    running = state in {"claimed", "snapshotting", "transferring", "verifying", "publishing"}
    base = TransferView(
        id=number, key=f"games:{label}@{source}", label=label, config_key="hex8_2p", data_type="games", source=source,
        target=target, transport="rsync", state=state, reason="", bytes_total=total, bytes_done=int(total * done),
        bytes_on_wire=int(total * done * 0.4), bytes_per_second=18_200_000.0 if running else None,
        seconds_left=41.0 if running else None, attempts=1 if done else 0, error_class=None, hint=None, priority=50,
        deadline=None, created_at=NOW - 120, started_at=NOW - 60 if done else None, finished_at=None,
        rule="built-in games", line=None,
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


def _running() -> tuple[TransferView, ...]:
    return (
        transfer(4, "selfplay_square19_3p.db", "vast-70000274", "mac-studio", "transferring", 0.64, transport="agent",
                 priority=100, deadline=NOW + 60),
        transfer(3, "hex8_2p.npz", "mac-studio", "nebius-h100-1", "verifying", 0.91, bytes_per_second=38_000_000.0,
                 seconds_left=3.0),
        transfer(2, "canonical_hex8_2p.pth", "nebius-h100-3", "lambda-gh200-2", "transferring", 0.43,
                 bytes_per_second=61_400_000.0, seconds_left=12.0),
        transfer(1, "gumbel_hexagonal_4p.db", "lambda-gh200-2", "mac-studio", "snapshotting", 0.12, attempts=2,
                 bytes_per_second=9_100_000.0, seconds_left=130.0),
    )  # fmt: skip


def _queue_and_history() -> tuple[TransferView, ...]:
    waiting = [
        transfer(10 + index, f"games_{index}.jsonl", "lambda-gh200-2", "mac-studio", "waiting", 0.0,
                 reason="waits for a free slot on mac-studio (4 of 4 in use)")
        for index in range(8)
    ]  # fmt: skip
    blocked = transfer(
        30, "canonical_hex8_3p.db", "nebius-h100-3", "nebius-h100-2", "blocked", 0.0, attempts=3,
        reason="nebius-h100-2 does not answer since 03:12", error_class="transient-network",
        hint="Check the node, then press t to retry: syncdeck nodes test nebius-h100-2",
    )  # fmt: skip
    retry = transfer(
        31, "square8_2p.npz", "mac-studio", "vultr-a100-2", "retry_at", 0.3, attempts=2, reason="tried again in 40 s",
        error_class="checksum-mismatch", hint="The link corrupts data; smaller frames are used next.",
    )  # fmt: skip
    done = [
        transfer(40 + index, f"hex8_2p_{index:03d}.npz", "mac-studio", "nebius-h100-3", "done", 1.0,
                 finished_at=NOW - index * 240.0)
        for index in range(30)
    ]  # fmt: skip
    failed = transfer(
        90, "old_games.db", "lambda-gh200-2", "mac-studio", "failed", 0.2, attempts=5, finished_at=NOW - HOUR,
        error_class="source-changed", hint="The source was deleted meanwhile.", reason="gave up after 5 attempts",
    )  # fmt: skip
    return (*_running(), blocked, retry, *waiting, failed, *done)


def normal_view() -> StatusView:
    """Return a fleet in which all is well."""
    wave = tuple(90e6 + 60e6 * math.sin(index / 4.0) * math.sin(index / 11.0) for index in range(60))
    return StatusView(
        at=NOW, revision=7, engine=_ENGINE, nodes=_nodes(False), storage=_storage(False), freshness=_freshness(False),
        queue=(("queued", 6), ("waiting", 31)), findings=(), at_risk_bytes=0, running=_running()[1:3],
        waiting_reasons=(("for a free slot", 31),),
        throughput=ThroughputView(184 * GB, 0.987, 99_400_000.0, 300_000_000, wave),
        last_verified_at=NOW - 12 * MINUTE, entries_total=48_211, replicas_total=131_900,
    )  # fmt: skip


def failing_view() -> StatusView:
    """Return the fleet at three in the morning."""
    findings = (
        FindingView("risk:vast-70000274", "critical", "square19_3p",
                    "1.2 GB (31 files) exist only on vast-70000274, an ephemeral node",
                    "An emergency sync saves them to durable nodes first.", "emergency", 1_200_000_000, NOW - 600),
        FindingView("disk:vast-70000274", "critical", "vast-70000274",
                    "disk is at 88 %, over max 85 %; full in 2 h",
                    "Free 36 GB there: see what fills it, archive what is old.", "go_archive", 0, NOW - 900),
        FindingView("config:18", "warning", "distributed_hosts.yaml:18",
                    "mac-studio is excluded here and allowed external storage in line 24",
                    "Remove it from excluded_hosts: line 24 decides for its drive.", "go_routing", 0, NOW - DAY),
        FindingView("blocked", "warning", "transfers",
                    "1 transfer is blocked: nebius-h100-2 has not answered since 03:12",
                    "Bring the node back; Transfers says of each what it waits for.", "go_transfers", 0,
                    NOW - 3 * HOUR),
    )  # fmt: skip
    return replace(
        normal_view(), revision=9, nodes=_nodes(True), storage=_storage(True), freshness=_freshness(True),
        findings=findings, at_risk_bytes=1_286_000_000, running=_running(),
        queue=(("queued", 6), ("waiting", 31), ("blocked", 1), ("failed", 1)),
        waiting_reasons=(("for a free slot", 27), ("for the night window", 4)),
        throughput=replace(normal_view().throughput, bytes_per_second=126_700_000.0),
    )  # fmt: skip


_CONFIGS = ("hex8_2p", "hex8_3p", "hex8_4p", "square8_2p", "square19_3p", "hexagonal_4p")
_STATES = (
    "ok",
    "ok",
    "ok",
    "under-replicated",
    "ok",
    "stale",
    "ok",
    "at-risk",
    "ok",
    "ok",
    "unhashed",
    "ok",
    "diverged",
)


def entry_at(index: int) -> CatalogRow:
    """Return the entry at a position of a catalog in order of keys; any number of them."""
    config = _CONFIGS[index % len(_CONFIGS)]
    state = _STATES[index % len(_STATES)]
    origin = ("vast-70000274", "lambda-gh200-2", "nebius-h100-1")[index % 3]
    copies = {"ok": 3, "at-risk": 1, "under-replicated": 2}.get(state, 3)
    path = f"selfplay/p2p_gpu/{config}/games_{config}_{index:07d}.db"
    return CatalogRow(
        index + 1, f"games:{path}@{origin}", path, ("games", "npz")[index % 5 == 4], config, origin,
        (index * 7919 % 900 + 1) * 1_000_000, NOW - (index * 37 % 5000) * MINUTE, copies, 3, state,
    )  # fmt: skip


def detail_of(row: CatalogRow) -> EntryDetail:
    """Return where the copies of an entry are and why."""
    digest = f"{row.id:02x}" * 32
    held = (
        ReplicaView(row.origin, row.origin, f"/workspace/ai-service/data/games/{row.path}", "current", digest[:64],
                    row.size_bytes, NOW - 30 * MINUTE, row.origin != "vast-70000274", NOW - 60),
        ReplicaView("mac-studio", "mac-studio:/Volumes/Data", f"/Volumes/Data/games/synced/{row.origin}/{row.path}",
                    "current", digest[:64], row.size_bytes, NOW - 12 * MINUTE, True, NOW - 40),
        ReplicaView("nebius-h100-3", "nebius-h100-3", f"/root/ai-service/data/games/synced/{row.origin}/{row.path}",
                    "stale", "0" * 64, row.size_bytes, NOW - 2 * DAY, True, NOW - 50),
    )[: max(1, row.copies)]  # fmt: skip
    placements = (
        PlacementView("mac-studio:/Volumes/Data", True, row.copies > 1, "allowed external storage",
                      "allowed_external_storage", 24),
        PlacementView("nebius-h100-3", True, row.copies > 2, "replication target 3", "replication_target", 12),
        PlacementView("nebius-h100-2", True, False, "replication target 3", "replication_target", 12,
                      "no answer since 03:12; syncdeck nodes test nebius-h100-2"),
        PlacementView("hetzner-cpu1", False, False, "excluded host", "excluded_hosts", 18),
    )  # fmt: skip
    return EntryDetail(row, digest[:64], "yes" if row.copies > 1 else "no", held, placements)


def preview_of(request: SyncRequest) -> SyncPreview:
    """Return what a request would do; an emergency finds room for more when it may fill past max."""
    targets = ("mac-studio:/Volumes/Data", "nebius-h100-1")
    fits = 31 if request.allow_fill or not request.emergency else 29
    keys = request.keys or tuple(f"games:selfplay/games_{index}.db@vast-70000274" for index in range(fits))
    item = PlanItem("vast-70000274", targets, keys, 100, "only copy on an ephemeral node", "emergency", None,
                    ("agent",), NOW + 60, 1_200_000_000)  # fmt: skip
    refusal = RefusalView("games:merged_all.db@vast-70000274", "nebius-h100-3",
                          "would fill the disk to 91 %, over max 85 %", "Allow past max, or free 120 GB there.",
                          "max_disk_usage_percent", 7)  # fmt: skip
    refused = () if request.allow_fill or not request.emergency else (refusal, replace(refusal, node="lambda-gh200-2"))
    return SyncPreview(request, len(keys), 1_200_000_000, targets, 66.0, (item,), refused)


def scripted_client(view: StatusView, entries: int = 48_211) -> ScriptedClient:
    """Return a client that plays a view, with a catalog, a queue, a plan and previews."""
    if not view.nodes:
        return ScriptedClient(view)
    trouble = bool(view.findings)
    levers = archive_script(trouble)
    levers.keep_of = keep_of
    levers.rules, levers.check_of, levers.explain_of = rules_view(trouble), check_of, explain_of
    item = preview_of(SyncRequest()).items[0]
    plan = PlanView(NOW, (item,), ())
    return ScriptedClient(view, entries, entry_at, detail_of, _queue_and_history(), plan, preview_of, levers)
