"""Nodes as rows and in full: whether each answers, its disk, and what would be lost with it."""

from __future__ import annotations

from collections.abc import Sequence

from app.console.present.details import fact, heading, node_lines
from app.console.present.rescues import rescue_lines
from app.console.present.storage import role_word
from app.console.present.transports import breaker_word
from app.console.present.units import age_text, ago_text, bytes_text, count_text, plural, rate_text
from engine.transport_views import NodeTransportView
from engine.views import NodeView, StorageView
from engine.views_nodes import AtRiskEntry, AtRiskRow, NodeDetail, RescueView
from widgets.table_columns import Column, TableRow
from widgets.text import Line, Span, Tone, plain

NODE_COLUMNS = (
    Column("node", "node", 15, share=4, cut="middle", most=32),
    Column("state", "state", 13, share=1, most=20),
    Column("kind", "kind", 9, dropped=2),
    Column("disk", "disk", 5, "right"),
    Column("full_in", "full in", 7, "right", dropped=3),
    Column("bytes", "only here", 9, "right"),
    Column("files", "files", 6, "right"),
    Column("games", "games", 10, "right", dropped=4),
    Column("ways", "ways", 14, dropped=5),
)
"""What stands under "only here", "files" and "games" would be lost with the node."""
ENTRY_COLUMNS = (
    Column("key", "file", 22, share=3, cut="start"),
    Column("at_risk", "only here", 9, "right"),
    Column("size", "size", 9, "right", dropped=1),
    Column("games", "games", 10, "right", dropped=3),
    Column("reason", "why", 20, share=2, dropped=2),
)
_CALM = frozenset({"up", "unknown", "unused"})
_WORDS = {"host-key-unknown": "not trusted"}
"""States whose own names are too long for their column."""


def node_cells(
    number: int, node: NodeView, disks: Sequence[StorageView], risk: AtRiskRow | None, draining: RescueView | None
) -> TableRow:
    """Return one node as a row; figures of what would be lost are red where nothing can be read any more."""
    disk = max(disks, key=lambda item: item.used_percent or -1.0, default=None)
    full_in = min((item.full_in_seconds for item in disks if item.full_in_seconds is not None), default=None)
    entries, size = (risk.entries, risk.bytes) if risk is not None else (node.at_risk_entries, node.at_risk_bytes)
    grave = node.ephemeral or node.state not in _CALM
    tone = Tone.MUTED if not entries else Tone.BAD if grave else Tone.WARN
    return TableRow(
        number,
        node.node,
        (
            Span(plain(node.node, 60)),
            _state(node, draining),
            _kind(node),
            _percent(disk),
            Span("" if full_in is None else age_text(full_in), Tone.WARN),
            Span(bytes_text(size) if entries else "–", tone),
            Span(count_text(entries) if entries else "–", tone),
            Span("" if risk is None or not risk.games else count_text(risk.games), tone),
            Span(breaker_word(node, risk.at) if risk is not None else "", Tone.WARN),
        ),
    )


def _state(node: NodeView, draining: RescueView | None) -> Span:
    if draining is not None and node.state in _CALM:
        words = {"done": ("✓ may go off", Tone.GOOD), "stuck": ("✗ drain stuck", Tone.BAD)}
        return Span(*words.get(draining.state, ("→ draining", Tone.ACCENT)))
    if node.state not in _CALM:
        return Span(f"✗ {_WORDS.get(node.state) or plain(node.state, 30)}", Tone.BAD)
    if node.paused:
        return Span("! paused", Tone.WARN)
    if node.state == "up":
        return Span("✓ up", Tone.GOOD)
    return Span(f"· {plain(node.state, 30)}", Tone.MUTED)


def _kind(node: NodeView) -> Span:
    return Span("ephemeral", Tone.KEY) if node.ephemeral else Span(role_word(node.role), Tone.MUTED)


def _percent(disk: StorageView | None) -> Span:
    if disk is None or disk.used_percent is None:
        return Span("–", Tone.MUTED)
    over_max, over_target = disk.used_percent >= disk.max_percent, disk.used_percent >= disk.target_percent
    tone = Tone.BAD if over_max else Tone.WARN if over_target else Tone.TEXT
    return Span(f"{disk.used_percent:.0f} %", tone)


def entry_cells(number: int, entry: AtRiskEntry) -> TableRow:
    """Return one file that only a node holds."""
    return TableRow(
        number,
        entry.key,
        (
            Span(plain(entry.key)),
            Span(bytes_text(entry.at_risk_bytes), Tone.BAD),
            Span(bytes_text(entry.size_bytes)),
            Span("" if entry.games is None else count_text(entry.games)),
            Span(plain(entry.reason), Tone.MUTED),
        ),
    )


def risk_lines(row: TableRow) -> list[Line]:
    """Return what is known of a row of ``entry_cells`` beside the catalog: how much of it is nowhere else, and why."""
    key, at_risk, _, games, reason = row.cells
    lines = [heading(key.text), fact("at risk", at_risk.text, Tone.BAD), fact("why", reason.text)]
    return [*lines, *([fact("games", f"{games.text} are nowhere else")] if games.text else []), ()]


def lost_line(risk: AtRiskRow) -> Line:
    """Return what would be, or was, lost with a node."""
    if not risk.entries:
        return fact("only here", "nothing: all has a durable verified copy elsewhere", Tone.GOOD)
    games = "" if risk.games is None else f", {plural(risk.games, 'game')}"
    what = f"{plural(risk.entries, 'file')}, {bytes_text(risk.bytes)}{games}"
    if risk.dead_since is None:
        return fact("only here", f"{what}: lost if it died now", Tone.BAD)
    return fact("took along", what, Tone.BAD)


def detail_lines(
    node: NodeView,
    disks: tuple[StorageView, ...],
    detail: NodeDetail,
    transports: Sequence[NodeTransportView],
    now: float,
) -> list[Line]:
    """Return a node in full: what it took or would take with it first, then its rescue, reach, disks and ways."""
    risk = detail.at_risk
    first = [heading(plain(node.node)), lost_line(risk)]
    if risk.dead_since is not None:
        first.append(fact("silent", f"since {ago_text(risk.dead_since, now)}", Tone.BAD))
        first.append(fact("looked at", f"{ago_text(risk.confirmed_until, now)}; what is newer is not counted"))
    if detail.rescue is not None and (detail.draining or detail.rescue.state != "done"):
        first += rescue_lines(detail.rescue, now)
    rest = [line for line in node_lines(node, disks, now, node.node)[1:] if line[:1] != (_AT_RISK,)]
    rest.append(())
    rest.append(heading("Holds"))
    rest += [
        fact(plain(row.data_type, 11), f"{plural(row.entries, 'file')}, {bytes_text(row.bytes)}")
        for row in detail.holds
    ]
    if not detail.holds:
        rest.append((Span("nothing that is known", Tone.MUTED),))
    rest += [(), fact("addresses", ", ".join(plain(address, 60) for address in detail.addresses) or "none: local")]
    return [*first, *rest, *_way_lines(transports, now)]


_AT_RISK = fact("at risk", "")[0]


def _way_lines(transports: Sequence[NodeTransportView], now: float) -> list[Line]:
    used = [item for item in transports if item.attempts or item.breaker.state != "closed"]
    if not used:
        return []
    lines: list[Line] = [(), heading("Ways, last day")]
    for item in used:
        closed = item.breaker.state == "closed"
        share = "" if item.first_attempt_rate is None else f", {100 * item.first_attempt_rate:.0f} % at first try"
        rate = "" if item.bytes_per_second is None else f", {rate_text(item.bytes_per_second)}"
        tried = f"{plural(item.attempts, 'try', 'tries')}, {item.failures} failed{share}{rate}"
        mark = Span("✓ ", Tone.GOOD) if closed else Span("! ", Tone.WARN)
        lines.append((mark, Span(f"{plain(item.transport, 10):<7}"), Span(tried, Tone.MUTED)))
        if not closed:
            why = plain(item.breaker.reason) or "left alone after failures"
            lines.append((Span("  "), Span(f"{item.breaker.state}: {why}", Tone.WARN)))
        lines += [
            (Span("  "), Span(f"{ago_text(e.at, now)}: {plain(e.error)}", Tone.MUTED)) for e in item.last_errors[:1]
        ]
    return lines
