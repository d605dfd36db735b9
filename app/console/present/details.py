"""One thing in full, as lines to read: a file, a transfer, a finding, a node."""

from __future__ import annotations

from collections.abc import Sequence

from app.console.present.findings import finding_text
from app.console.present.places import PlaceNames, place_text
from app.console.present.tables import STATE_TONES
from app.console.present.transfers import RUNNING, name_of, percent_done, state_badge, when_text
from app.console.present.transports import attempt_lines, breaker_lines
from app.console.present.units import age_text, ago_text, bytes_text, left_text, plural, rate_text, used_text
from engine.transport_views import AttemptView
from engine.views import EntryDetail, FindingView, NodeView, PlacementView, StorageView, TransferView
from widgets.text import Line, Span, Tone, plain

LABEL_WIDTH = 12
GAMES_CHARS = 400
_REPLICA_TONES = {"current": ("✓", Tone.GOOD), "stale": ("!", Tone.WARN), "unhashed": ("·", Tone.MUTED)}


def heading(text: str) -> Line:
    """Return a heading."""
    return (Span(text, Tone.ACCENT, bold=True),)


def fact(label: str, value: str, tone: Tone = Tone.TEXT) -> Line:
    """Return a labelled value; long values wrap under themselves."""
    return (Span(f"{label:<{LABEL_WIDTH}}", Tone.MUTED), Span(value, tone))


def entry_lines(detail: EntryDetail, now: float, names: PlaceNames) -> list[Line]:
    """Return a file: what it is, where each copy is, and why it is or is not to be anywhere."""
    row = detail.row
    glyph, tone = STATE_TONES.get(row.states, ("·", Tone.TEXT))
    lines = [
        heading(plain(row.path)),
        fact("state", f"{glyph} {plain(row.states)}", tone),
        fact("size", bytes_text(row.size_bytes)),
        fact("changed", ago_text(row.mtime, now) if row.mtime is not None else "unknown"),
        fact("origin", plain(row.origin) or "shared by all nodes"),
        fact("copies", f"{row.copies} of {row.wanted} wanted", Tone.TEXT if row.copies >= row.wanted else Tone.BAD),
        fact("off-site", plain(detail.off_site), Tone.WARN if detail.off_site == "no" else Tone.TEXT),
        *([fact("games", plain(detail.games_sentence, GAMES_CHARS))] if detail.games_sentence else []),
        (),
        heading("Where the copies are"),
    ]
    for replica in detail.replicas:
        mark, mark_tone = _REPLICA_TONES.get(replica.state, ("✗", Tone.BAD))
        verified = "never verified" if replica.verified_at is None else f"verified {ago_text(replica.verified_at, now)}"
        durable = "" if replica.durable else ", not durable"
        lines.append((Span(f"{mark} ", mark_tone), Span(place_text(replica.location, names), bold=True)))
        lines.append((Span("  "), Span(f"{plain(replica.state)}{durable}, {verified}", Tone.MUTED)))
        lines.append((Span("  "), Span(plain(replica.path), Tone.MUTED)))
    if not detail.replicas:
        lines.append((Span("none is left", Tone.BAD),))
    lines += [(), heading("Why")]
    for placement in detail.placements:
        lines += _placement_lines(placement, place_text(placement.location, names))
        lines.append((Span("  "), Span(_because(placement), Tone.MUTED)))
    lines += [(), fact("sha-256", plain(detail.sha256) if detail.sha256 else "not hashed yet")]
    if detail.transfers:
        lines += [(), heading("Transfers")]
        for item in detail.transfers:
            badge = state_badge(item)
            lines.append((Span(f"{badge.text} ", badge.tone), Span(f"{plain(item.source)} → {plain(item.target)}")))
    return lines


def _at_line(line: int | None) -> str:
    return "" if line is None else f":{line}"


def _because(placement: PlacementView) -> str:
    """Return why, with the rule (unless that is named already) and the line of the configuration."""
    because, rule = plain(placement.because), plain(placement.rule)
    named = "" if not rule or rule in because else f" ({rule})"
    return f"{because}{named}" + ("" if placement.line is None else f", line {placement.line}")


def _placement_lines(item: PlacementView, place: str) -> list[Line]:
    wanted, held = item.wanted, item.held
    if item.blocked:
        return [
            (Span("✗ ", Tone.BAD), Span(f"{place}: blocked", bold=True)),
            (Span("  "), Span(plain(item.blocked), Tone.BAD)),
        ]
    if wanted and held:
        return [(Span("✓ ", Tone.GOOD), Span(f"{place}: wanted, held", bold=True))]
    if wanted:
        return [(Span("! ", Tone.WARN), Span(f"{place}: wanted, missing", bold=True))]
    return [(Span("· ", Tone.MUTED), Span(f"{place}: {'held, not wanted' if held else 'not wanted'}", Tone.MUTED))]


def transfer_lines(item: TransferView, now: float, attempts: Sequence[AttemptView] = ()) -> list[Line]:
    """Return a transfer: how far it is, why it waits, what went wrong, what mends it, and every attempt."""
    badge = state_badge(item)
    percent = percent_done(item)
    done = f"{bytes_text(item.bytes_done)} of {bytes_text(item.bytes_total)}"
    lines = [
        heading(name_of(item)),
        fact("state", badge.text, badge.tone),
    ]
    if item.reason and item.state not in RUNNING:
        lines.append(fact("why", plain(item.reason)))
    if item.error_class:
        lines.append(fact("error", plain(item.error_class), Tone.BAD))
    if item.hint:
        lines.append(fact("remedy", plain(item.hint), Tone.WARN))
    lines += [
        fact("route", f"{plain(item.source)} → {plain(item.target)}"),
        fact("by", plain(item.transport or "not chosen yet")),
        fact("done", done if percent is None else f"{done}, {percent:.0f} %"),
        fact("on the wire", bytes_text(item.bytes_on_wire)),
    ]
    if item.bytes_per_second:
        left = left_text(item.seconds_left)
        lines.append(fact("rate", rate_text(item.bytes_per_second) + (f", {left} left" if left else "")))
    lines += [
        fact("attempts", str(item.attempts), Tone.WARN if item.attempts > 1 else Tone.TEXT),
        fact("priority", str(item.priority)),
        fact("deadline", _deadline(item.deadline, now)),
        fact("age", when_text(item, now)),
        fact("rule", f"{plain(item.rule)}{_at_line(item.line)}" if item.rule else "–"),
        fact("key", plain(item.key)),
    ]
    return lines + attempt_lines(attempts, now)


def _deadline(deadline: float | None, now: float) -> str:
    if deadline is None:
        return "none"
    return f"in {age_text(deadline - now)}" if deadline >= now else f"missed {ago_text(deadline, now)}"


def finding_lines(finding: FindingView, now: float, key_help: str) -> list[Line]:
    """Return a finding: what it is, since when, and what to do."""
    tone = {"critical": Tone.BAD, "warning": Tone.WARN}.get(finding.severity, Tone.TEXT)
    lines = [
        (Span(finding_text(finding), bold=True),),
        (),
        fact("severity", plain(finding.severity), tone),
        fact("subject", plain(finding.subject)),
    ]
    if finding.at_risk_bytes:
        lines.append(fact("at risk", bytes_text(finding.at_risk_bytes), Tone.BAD))
    if finding.since:
        lines.append(fact("since", ago_text(finding.since, now)))
    lines += [(), heading("What to do"), (Span(plain(finding.remedy, 1000) or "nothing"),)]
    if key_help:
        lines.append((Span(key_help, Tone.KEY),))
    return lines


def node_lines(node: NodeView | None, storage: tuple[StorageView, ...], now: float, name: str) -> list[Line]:
    """Return a node: whether it answers, what it holds alone, and its disks."""
    lines = [heading(plain(name))]
    if node is not None:
        tone = Tone.GOOD if node.state == "up" else Tone.MUTED if node.state == "unused" else Tone.BAD
        lines += [
            fact("state", plain(node.state), tone),
            fact("role", plain(node.role)),
            fact("kind", "ephemeral" if node.ephemeral else "durable" if node.durable else "not durable"),
            fact("last seen", ago_text(node.last_seen_at, now)),
            fact("last sync", ago_text(node.last_sync_at, now)),
        ]
        if node.lag_seconds is not None:
            lines.append(fact("lag", age_text(node.lag_seconds)))
        if node.at_risk_entries:
            risk = f"{plural(node.at_risk_entries, 'file')}, {bytes_text(node.at_risk_bytes)} exist only here"
            lines.append(fact("at risk", risk, Tone.BAD))
        if node.reason:
            lines.append(fact("why", plain(node.reason)))
        if node.remedy:
            lines.append(fact("remedy", plain(node.remedy), Tone.WARN))
        lines += breaker_lines(node, now)
    for item in storage:
        lines += [(), heading(plain(item.label or item.location)), fact("folder", plain(item.root))]
        if item.used_bytes is not None and item.total_bytes is not None and item.used_percent is not None:
            lines.append(fact("used", f"{used_text(item.used_bytes, item.total_bytes)}, {item.used_percent:.0f} %"))
        lines.append(fact("thresholds", f"target {item.target_percent:.0f} %, max {item.max_percent:.0f} %"))
        if item.full_in_seconds is not None:
            lines.append(fact("full in", age_text(item.full_in_seconds), Tone.WARN))
        lines.append(fact("measured", ago_text(item.sampled_at, now)))
    return lines
