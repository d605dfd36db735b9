"""The columns of the lists of files and of transfers, and one row of each; other lists have files of their own."""

from __future__ import annotations

from app.console.present.transfers import RUNNING, name_of, percent_done, state_badge, when_text
from app.console.present.units import age_text, bytes_text, left_text, rate_text
from engine.views import CatalogRow, TransferView
from widgets.table_columns import Column, TableRow
from widgets.text import Span, Tone, plain

CATALOG_COLUMNS = (
    Column("key", "file", 18, share=3, cut="start"),
    Column("data_type", "type", 10, dropped=1),
    Column("config_key", "config", 12, dropped=4),
    Column("origin", "origin", 14, share=1, dropped=3, cut="middle", most=24),
    Column("size_bytes", "size", 8, "right"),
    Column("mtime", "age", 6, "right", dropped=2),
    Column("copies", "copies", 7, "right"),
    Column("states", "state", 12),
)
SORTABLE = ("key", "data_type", "config_key", "origin", "size_bytes", "mtime", "copies", "states")
LARGE_FIRST = frozenset({"size_bytes", "mtime"})
"""Columns whose first order is downwards: the largest, the newest."""

TRANSFER_COLUMNS = (
    Column("state", "state", 15),
    Column("name", "file", 20, share=2, cut="middle", most=44),
    Column("source", "from", 14, share=1, cut="middle", most=22),
    Column("target", "to", 14, share=1, cut="middle", most=22),
    Column("transport", "by", 6, dropped=3),
    Column("size", "size", 7, "right", dropped=2),
    Column("percent", "done", 6, "right"),
    Column("now", "rate, when, or why not", 18, share=6, dropped=1),
)
"""``now`` is the rate and the time left while bytes move, when it was over, or the reason why nothing moves."""

STATE_TONES: dict[str, tuple[str, Tone]] = {
    "ok": ("✓", Tone.GOOD),
    "under-replicated": ("!", Tone.WARN),
    "at-risk": ("✗", Tone.BAD),
    "stale": ("!", Tone.WARN),
    "diverged": ("✗", Tone.BAD),
    "unhashed": ("·", Tone.MUTED),
    "gone": ("✗", Tone.BAD),
}


_SHORT_WORDS = {"under-replicated": "few copies"}


def catalog_cells(row: CatalogRow, now: float) -> TableRow:
    """Return one entry as a row."""
    glyph, tone = STATE_TONES.get(row.states, ("·", Tone.TEXT))
    age = "–" if row.mtime is None else age_text(max(0.0, now - row.mtime))
    few = Tone.TEXT if row.copies >= row.wanted else Tone.BAD if row.copies <= 1 else Tone.WARN
    return TableRow(
        row.id,
        row.key,
        (
            Span(plain(row.path)),
            Span(plain(row.data_type, 20), Tone.MUTED),
            Span(plain(row.config_key or "–", 30), Tone.MUTED),
            Span(plain(row.origin or "shared", 60), Tone.MUTED),
            Span(bytes_text(row.size_bytes)),
            Span(age, Tone.MUTED),
            Span(f"{row.copies}/{row.wanted}", few),
            Span(f"{glyph} {_SHORT_WORDS.get(row.states, plain(row.states, 20))}", tone),
        ),
    )


def transfer_cells(item: TransferView, now: float) -> TableRow:
    """Return one transfer as a row."""
    badge = state_badge(item)
    percent = percent_done(item)
    return TableRow(
        item.id,
        item.key,
        (
            Span(badge.text, badge.tone),
            Span(name_of(item)),
            Span(plain(item.source, 80), Tone.MUTED),
            Span(plain(item.target, 80), Tone.MUTED),
            Span(plain(item.transport or "", 10), Tone.ACCENT),
            Span(bytes_text(item.bytes_total)),
            Span("" if percent is None or item.started_at is None else f"{percent:.0f} %"),
            _now(item, badge.tone, now),
        ),
    )


def _now(item: TransferView, tone: Tone, now: float) -> Span:
    """Return how fast it goes and how long it will take, when it ended, or what keeps it."""
    if item.state in RUNNING and item.bytes_per_second:
        left = left_text(item.seconds_left)
        return Span(rate_text(item.bytes_per_second) + (f", {left} left" if left else ""))
    if item.state in RUNNING:
        return Span("")
    if item.state == "done":
        return Span(when_text(item, now), Tone.MUTED)
    return Span(plain(item.reason), tone if tone in (Tone.BAD, Tone.WARN) else Tone.MUTED)
