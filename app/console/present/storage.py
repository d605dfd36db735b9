"""The disks, fullest first, and the nodes that have none to show."""

from __future__ import annotations

from app.console.present.transports import breaker_word
from app.console.present.units import DAY, age_text, used_text
from engine.views import NodeView, StatusView, StorageView
from widgets.models import Badge, StorageModel, StorageRow
from widgets.text import Tone, plain

SAMPLE_STALE_SECONDS = 900.0
"""A disk sample older than this is marked: nodes are sampled with every scan, minutes apart."""

_NOT_UP_IS_CALM = frozenset({"up", "unused"})
_ASKABLE = frozenset({"up", "unused", "unknown"})
_WELL = frozenset({"available", "ok", "warning", "critical", "up", ""})


def storage_model(view: StatusView) -> StorageModel:
    """Return the panel "Storage": measured disks by fill, then nodes that cannot be asked, with the reason."""
    nodes = {node.node: node for node in view.nodes}
    measured = [item for item in view.storage if item.used_percent is not None]
    unmeasured = [item for item in view.storage if item.used_percent is None]
    shown = {item.node for item in view.storage}
    lost = [node for node in view.nodes if node.state not in _NOT_UP_IS_CALM and node.node not in shown]
    rows = [_row(item, nodes.get(item.node), view.at) for item in sorted(measured, key=_order)]
    rows += [_row(item, nodes.get(item.node), view.at) for item in unmeasured if _is_used(nodes.get(item.node))]
    rows += [_lost_row(node) for node in lost]
    unreachable = sum(1 for node in view.nodes if node.state not in _ASKABLE)
    unused = sum(1 for node in view.nodes if node.state == "unused")
    counts = []
    if unreachable:
        counts.append(Badge(f"✗ {unreachable} unreachable", Tone.WARN))
    if unused:
        counts.append(Badge(f"{unused} unused", Tone.MUTED))
    over = sum(1 for item in measured if _fill(item) >= item.target_percent)
    target = min((item.target_percent for item in measured), default=0.0)
    calm = f"under {target:.0f} %" if over < len(measured) else ""
    return StorageModel(tuple(rows), tuple(counts), calm, over)


def _fill(item: StorageView) -> float:
    return item.used_percent or 0.0


def _order(item: StorageView) -> tuple[float, str]:
    """Sort by the percentage that is shown: a disk that grows by a file does not change places with its neighbour."""
    return (-round(_fill(item)), item.location)


def _is_used(node: NodeView | None) -> bool:
    return node is None or node.state != "unused"


def _row(item: StorageView, node: NodeView | None, now: float) -> StorageRow:
    state, tone = _state(item, node, now)
    full_in = None
    if item.full_in_seconds is not None:
        near = Tone.BAD if item.full_in_seconds < DAY else Tone.WARN if item.full_in_seconds < 7 * DAY else Tone.TEXT
        full_in = Badge(age_text(item.full_in_seconds), near)
    used = "" if item.used_bytes is None or item.total_bytes is None else used_text(item.used_bytes, item.total_bytes)
    return StorageRow(
        key=item.location,
        name=plain(item.label or item.location, 60),
        role=_role(item, node),
        used=used,
        percent=item.used_percent,
        target=item.target_percent,
        maximum=item.max_percent,
        tone=tone,
        state=state,
        full_in=full_in,
        trend=item.trend,
    )


def _state(item: StorageView, node: NodeView | None, now: float) -> tuple[str, Tone]:
    if item.used_percent is None:
        word = item.state if item.state not in _WELL else node.state if node is not None else "not measured"
        return (f"✗ {plain(word, 30)}", Tone.WARN) if word not in {"up", "unknown"} else ("not measured", Tone.MUTED)
    tone = Tone.GOOD
    if item.used_percent >= item.max_percent:
        tone = Tone.BAD
    elif item.used_percent >= item.target_percent:
        tone = Tone.WARN
    if node is not None and node.state not in _ASKABLE:
        return "✗ no reply", Tone.WARN if tone is Tone.GOOD else tone
    if item.sampled_at is not None and now - item.sampled_at > SAMPLE_STALE_SECONDS:
        return f"! {age_text(now - item.sampled_at)} old", tone
    breakers = breaker_word(node, now) if node is not None else ""
    return breakers, Tone.WARN if breakers and tone is Tone.GOOD else tone


def _role(item: StorageView, node: NodeView | None) -> Badge:
    if item.ephemeral or (node is not None and node.ephemeral):
        return Badge("ephemeral", Tone.KEY)
    if item.location != item.node:
        return Badge("drive", Tone.MUTED)
    if node is None:
        return Badge("", Tone.MUTED)
    return Badge("trainer" if node.trainer else role_word(node.role), Tone.MUTED)


def role_word(role: str) -> str:
    """Return a role in one short word: ``gpu_selfplay`` is ``selfplay``."""
    words = plain(role, 40).split("_")
    for word in ("coordinator", "backbone", "training", "selfplay", "proxy"):
        if word in words:
            return "coord" if word == "coordinator" else word
    return words[0]


def _lost_row(node: NodeView) -> StorageRow:
    calm = node.state == "unknown"
    return StorageRow(
        key=f"node:{node.node}",
        name=plain(node.node, 60),
        role=Badge("ephemeral" if node.ephemeral else role_word(node.role), Tone.KEY if node.ephemeral else Tone.MUTED),
        used="",
        percent=None,
        target=0.0,
        maximum=0.0,
        tone=Tone.MUTED if calm else Tone.WARN,
        state="not asked yet" if calm else f"✗ {plain(node.state, 30)}",
    )
