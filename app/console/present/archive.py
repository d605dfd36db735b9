"""Archives as an operator reads them: candidates, archives, the automatic policy, and what a request would do."""

from __future__ import annotations

from app.console.present.details import fact, heading
from app.console.present.places import PlaceNames, place_text
from app.console.present.units import about_text, age_text, ago_text, bytes_text, count_text, plural, rate_text
from engine.views_archive import (
    ArchivePolicyView,
    ArchivePreview,
    ArchiveRow,
    CandidateRow,
    GamesView,
)
from widgets.table_columns import Column, TableRow
from widgets.text import Line, Span, Tone, plain

CANDIDATE_COLUMNS = (
    Column("may", "may go", 6),
    Column("path", "file", 22, share=3, cut="start", most=60),
    Column("size_bytes", "size", 7, "right"),
    Column("age_seconds", "age", 5, "right", dropped=3),
    Column("location", "at", 10, share=1, cut="middle", most=24),
    Column("durable_copies", "copies", 6, "right", dropped=2),
    Column("reasons", "why", 16, share=3, dropped=1),
)
SORTABLE = ("", "size_bytes", "age_seconds", "durable_copies", "path")
"""Orders of the candidates; the first is the engine's own: those that may go, largest first."""

ARCHIVE_COLUMNS = (
    Column("state", "state", 11),
    Column("key", "file", 16, share=3, cut="start", most=60),
    Column("size", "size", 8, "right", dropped=3),
    Column("archive", "archived", 8, "right"),
    Column("verified", "verified", 15, "right"),
    Column("original", "original", 8, dropped=2),
    Column("location", "at", 14, share=2, dropped=1, cut="middle"),
)
"""``verified`` is how far it is, and how fast, while it is written or restored."""
WORKING = frozenset({"writing", "restoring"})

_ARCHIVE_TONES = {
    "writing": ("→", Tone.ACCENT),
    "restoring": ("←", Tone.ACCENT),
    "verified": ("✓", Tone.GOOD),
    "failed": ("✗", Tone.BAD),
    "replaced": ("·", Tone.MUTED),
}
MOST_STEPS = 40


def candidate_cells(row: CandidateRow, number: int, names: PlaceNames) -> TableRow:
    """Return a candidate as a row; ``number`` names it where it has no entry."""
    protected = row.protected is not None
    tone = Tone.MUTED if protected else Tone.TEXT
    badge = Span("■ no", Tone.MUTED) if protected else Span("✓ yes", Tone.GOOD)
    why = row.protected if row.protected is not None else ", ".join(row.reasons)
    few = Tone.WARN if row.durable_copies < 2 and not protected else Tone.MUTED
    return TableRow(
        number,
        row.key,
        (
            badge,
            Span(plain(row.path), tone),
            Span(bytes_text(row.size_bytes), tone),
            Span(age_text(row.age_seconds), Tone.MUTED),
            Span(place_text(row.location, names), tone),
            Span(str(row.durable_copies), few),
            Span(plain(why), Tone.MUTED),
        ),
    )


def games_sentence(games: GamesView, now: float) -> str:
    """Return what is proved of a database's games, in one sentence."""
    counted = f"; counted {ago_text(games.counted_at, now)}"
    incomplete = f", {plural(games.incomplete, 'incomplete game')} counted nowhere" if games.incomplete else ""
    if games.only_here:
        return f"{plural(games.only_here, 'game')} of {count_text(games.complete)} exist only here{incomplete}{counted}"
    if games.elsewhere >= games.complete:
        return f"all {plural(games.complete, 'game')} are in other verified databases too{incomplete}{counted}"
    return f"{count_text(games.elsewhere)} of {plural(games.complete, 'game')} are elsewhere too{incomplete}{counted}"


def candidate_lines(row: CandidateRow, now: float, archive_key: str) -> list[Line]:
    """Return a candidate in full: whether it may go, why, and the key for it."""
    if row.protected is not None:
        verdict: Line = (Span("■ ", Tone.WARN), Span(f"may not go: {plain(row.protected, 1000)}", Tone.WARN, bold=True))
    else:
        hint = f" {archive_key} archives it." if archive_key else ""
        verdict = (Span("✓ ", Tone.GOOD), Span(f"may be archived.{hint}", Tone.GOOD, bold=True))
    lines = [
        verdict,
        fact("file", plain(row.path)),
        fact("at", plain(row.location)),
        fact("size", bytes_text(row.size_bytes)),
        fact("unchanged", f"for {age_text(row.age_seconds)}"),
        fact("copies", f"{plural(row.durable_copies, 'verified durable copy', 'verified durable copies')}"),
    ]
    lines += [fact("reason" if index == 0 else "", plain(reason)) for index, reason in enumerate(row.reasons)]
    if row.games is not None:
        tone = Tone.BAD if row.games.only_here else Tone.TEXT
        lines.append(fact("games", games_sentence(row.games, now), tone))
    return lines


def archive_cells(row: ArchiveRow, number: int, now: float, names: PlaceNames) -> TableRow:
    """Return an archive as a row under its number."""
    glyph, tone = _ARCHIVE_TONES.get(row.state, ("·", Tone.TEXT))
    verified = "–" if row.verified_at is None else ago_text(row.verified_at, now)
    return TableRow(
        number,
        row.key,
        (
            Span(f"{glyph} {plain(row.state, 20)}", tone),
            Span(plain(row.key)),
            Span(bytes_text(row.size_bytes), Tone.MUTED),
            Span(bytes_text(row.archive_bytes) if row.archive_bytes else "–"),
            Span(progress_text(row) or verified, _verified_tone(row)),
            Span(plain(row.original, 20), Tone.MUTED),
            Span(place_text(row.location, names), Tone.MUTED),
        ),
    )


def _verified_tone(row: ArchiveRow) -> Tone:
    if row.state in WORKING:
        return Tone.ACCENT
    return Tone.WARN if row.verified_at is None else Tone.MUTED


def progress_text(row: ArchiveRow) -> str:
    """Return how far an archive that is worked on is: ``41 %, 180 MB/s``."""
    if row.state not in WORKING or not row.size_bytes:
        return ""
    share = f"{min(100.0, 100.0 * row.bytes_done / row.size_bytes):.0f} %"
    return f"{share}, {rate_text(row.bytes_per_second)}" if row.bytes_per_second else share


def archive_lines(row: ArchiveRow, now: float) -> list[Line]:
    """Return an archive in full."""
    glyph, tone = _ARCHIVE_TONES.get(row.state, ("·", Tone.TEXT))
    saved = row.size_bytes - row.archive_bytes
    lines = [
        fact("state", f"{glyph} {plain(row.state)}", tone),
        *([fact("why", plain(row.reason, 1000), Tone.WARN)] if row.reason else []),
        *([fact("done", progress_text(row), Tone.ACCENT)] if row.state in WORKING else []),
        fact("file", plain(row.key)),
        fact("archive", f"{plain(row.path)} at {plain(row.location)}"),
        fact("original", f"{plain(row.original)}: {plain(row.original_path)} at {plain(row.original_location)}"),
        fact(
            "size", f"{bytes_text(row.size_bytes)}, archived {bytes_text(row.archive_bytes)} ({plain(row.codec, 20)})"
        ),
        *([fact("saves", bytes_text(saved))] if saved > 0 and row.archive_bytes else []),
        fact("made", ago_text(row.created_at, now)),
        fact("verified", ago_text(row.verified_at, now), Tone.TEXT if row.verified_at else Tone.WARN),
        fact("sha-256", plain(row.sha256) or "not known yet"),
    ]
    return lines


def policy_lines(policy: ArchivePolicyView, now: float, allow_key: str) -> list[Line]:
    """Return the automatic policy: what it would do, whether it may, why it failed, the last drill,
    and limits raised for a time."""
    key: Line = (Span(f"  {allow_key} ", Tone.KEY), Span("take back" if policy.allowed else "allow", Tone.MUTED))
    may = Span("▶ acts by itself", Tone.WARN) if policy.allowed else Span("■ dry run", Tone.ACCENT)
    would = plain(policy.dry_run, 300) or "nothing to do: no drive is above its limit"
    drill = "never" if policy.last_drill_at is None else ago_text(policy.last_drill_at, now)
    drilled = f", {plain(policy.last_drill, 80)}" if policy.last_drill else ""
    drill_line: Line = (
        Span("Restore drill  ", Tone.MUTED),
        Span(f"{drill}{drilled}", Tone.WARN if policy.last_drill_at is None else Tone.TEXT),
    )
    raised: list[Line] = []
    for node, percent, until in policy.allowances:
        left = f"for {age_text(until - now)} more" if until > now else "until now"
        raised.append((Span("! ", Tone.WARN), Span(f"{plain(node, 40)} may fill to {percent:.0f} % {left}", Tone.WARN)))
    said = [Span(would)]
    if policy.failure:
        said.insert(0, Span(f"✗ the last round failed: {plain(policy.failure, 300)}", Tone.BAD))
    first: Line = (Span("Policy  ", Tone.MUTED), may, *(key if allow_key else ()), Span("  "), said[0])
    return [first, *((span,) for span in said[1:]), drill_line, *raised]


def _freed_text(freed_bytes: int) -> str:
    if freed_bytes < 0:
        return f"nothing: {bytes_text(-freed_bytes)} more are taken"
    return f"{bytes_text(freed_bytes)} net of the archives"


def preview_lines(preview: ArchivePreview) -> list[Line]:
    """Return what an archive request would do: files, net bytes, copies before and after, proof, refusals."""
    steps = preview.steps
    goes = bool(steps)
    fewest = min((step.copies_after for step in steps), default=0)
    falls = [step for step in steps if step.copies_after < step.copies_before]
    lines: list[Line] = [
        fact(
            "archives",
            f"{plural(len(steps), 'file')}, {bytes_text(preview.bytes)}",
            Tone.STRONG if goes else Tone.MUTED,
        ),
        fact("into", f"{plain(preview.destination) or 'nowhere'}, about {bytes_text(preview.archive_bytes)}"),
        fact("frees", _freed_text(preview.freed_bytes)),
        fact("takes", about_text(preview.seconds) if goes else "no time: there is nothing to archive"),
    ]
    if preview.request.delete_original:
        lines.append(fact("originals", "! deleted, each only once its archive is read back and proved", Tone.WARN))
    else:
        lines.append(fact("originals", "kept"))
    if falls:
        lines.append(fact("copies", f"✗ of {plural(len(falls), 'file')} fall", Tone.BAD))
    elif goes:
        lines.append(fact("copies left", f"verified durable copies never fall: at least {fewest} of each"))
    if steps:
        lines += [(), heading("What goes, and on what proof")]
    for step in steps[:MOST_STEPS]:
        copies = f"{step.copies_before} → {step.copies_after} copies"
        tone = Tone.BAD if step.copies_after < step.copies_before else Tone.GOOD
        lines.append(
            (Span("→ ", Tone.ACCENT), Span(f"{bytes_text(step.size_bytes)}  ", bold=True), Span(plain(step.key)))
        )
        lines.append((Span("  "), Span(f"{copies}  ", tone), Span(plain(step.proof), Tone.MUTED)))
    if len(steps) > MOST_STEPS:
        lines.append((Span(f"and {len(steps) - MOST_STEPS} more", Tone.MUTED),))
    if preview.refused:
        lines += [(), heading(f"Refused: {plural(len(preview.refused), 'file')}")]
    for key, why, remedy in preview.refused[:MOST_STEPS]:
        lines.append((Span("✗ ", Tone.BAD), Span(plain(key))))
        lines.append((Span("  "), Span(plain(why), Tone.WARN)))
        if remedy:
            lines.append((Span("  "), Span(plain(remedy), Tone.MUTED)))
    if len(preview.refused) > MOST_STEPS:
        lines.append((Span(f"and {len(preview.refused) - MOST_STEPS} more", Tone.MUTED),))
    return lines
