"""What an edit of the rules would mean: mistakes at their lines, figures by location, and the difference."""

from __future__ import annotations

from app.console.present.details import fact, heading
from app.console.present.places import PlaceNames, place_text
from app.console.present.routing import severity_mark
from app.console.present.units import bytes_text, count_text, plural
from engine.views_rules import DraftCheck, NodeEffect, RuleNote, SaveResult, SimulationView, TrialView
from widgets.text import Line, Span, Tone, fit_middle, plain

MOST_LOCATIONS = 60
NAME_WIDTH = 22


def has_mistake(check: DraftCheck) -> bool:
    """Return whether a draft cannot be saved."""
    return first_mistake(check) is not None


def first_mistake(check: DraftCheck) -> RuleNote | None:
    """Return the first error in the draft itself; one without a line is of the file, and hinders nothing."""
    return next((note for note in check.notes if note.severity == "error" and note.line), None)


def note_lines(notes: tuple[RuleNote, ...]) -> list[Line]:
    """Return mistakes and warnings, each at its line, with what to do."""
    lines: list[Line] = []
    for note in notes:
        glyph, tone = severity_mark(note.severity)
        where = f"line {note.line}" if note.line else "the file"
        lines.append((Span(f"{glyph} {where}  ", tone, bold=True), Span(plain(note.message, 1000), tone)))
        if note.remedy:
            lines.append((Span("  "), Span(plain(note.remedy, 1000), Tone.MUTED)))
    return lines


def check_lines(check: DraftCheck, names: PlaceNames) -> list[Line]:
    """Return everything of a check: mistakes first, then the figures, then the difference."""
    lines = note_lines(check.notes)
    if check.simulation is not None:
        lines += [*([()] if lines else []), *simulation_lines(check.simulation, names)]
    elif has_mistake(check):
        lines += [(), (Span("Nothing is tried while there is a mistake.", Tone.MUTED),)]
    if check.diff:
        lines += [(), heading("What changes in the file"), *diff_lines(check.diff)]
    return lines


def simulation_lines(simulation: SimulationView, names: PlaceNames) -> list[Line]:
    """Return what a draft would move, per location, and what cannot be placed and why."""
    moves = f"{plural(simulation.files_to_move, 'file')}, {bytes_text(simulation.bytes_to_move)}"
    tried = f"{count_text(simulation.entries)} files tried in {simulation.seconds:.2f} s"
    lines: list[Line] = [
        (Span(f"{'would move':<12}", Tone.MUTED), Span(moves, bold=True), Span(f"  ({tried})", Tone.MUTED)),
    ]
    return lines + _effect_lines(simulation, names)


def trial_lines(trial: TrialView, names: PlaceNames) -> list[Line]:
    """Return what a draft comes to so far, marked as a part of the answer."""
    found = trial.so_far
    moves = f"{plural(found.files_to_move, 'file')}, {bytes_text(found.bytes_to_move)}"
    done = f"{count_text(trial.done)} of {count_text(found.entries)} files tried"
    lines: list[Line] = [
        (Span("… Not complete: ", Tone.WARN, bold=True), Span(done, Tone.WARN)),
        (Span("Free space is counted when all were tried; it may refuse some of this.", Tone.MUTED),),
        (Span(f"{'so far':<12}", Tone.MUTED), Span(moves, bold=True)),
    ]
    changed = any(node.added_files or node.surplus_files for node in found.nodes)
    return lines + (_effect_lines(found, names) if changed or found.unplaced else [])


def _effect_lines(simulation: SimulationView, names: PlaceNames) -> list[Line]:
    lines: list[Line] = []
    for item in simulation.unplaced:
        lines.append(
            (
                Span("✗ ", Tone.BAD),
                Span(f"{plural(item.copies, 'copy', 'copies')}, {bytes_text(item.bytes)} cannot be placed: ", Tone.BAD),
                Span(plain(item.reason), Tone.BAD),
            )
        )
        lines.append((Span("  "), Span(f"such as {plain(item.example)}", Tone.MUTED)))
    changed = [node for node in simulation.nodes if node.added_files or node.surplus_files]
    if not changed:
        lines.append((Span("No location receives more or less than today.", Tone.GOOD),))
        return lines
    lines.append((Span(f"{'location':<{NAME_WIDTH}} {'added':>14} {'no longer wanted':>16}   fullness", Tone.MUTED),))
    lines += [
        _effect_line(node, place_text(node.location, names)) for node in sorted(changed, key=_order)[:MOST_LOCATIONS]
    ]
    if len(changed) > MOST_LOCATIONS:
        lines.append((Span(f"and {len(changed) - MOST_LOCATIONS} more", Tone.MUTED),))
    if any(node.surplus_files for node in changed):
        lines.append((Span("What is no longer wanted stays: nothing deletes it by itself.", Tone.MUTED),))
    return lines


def _order(node: NodeEffect) -> tuple[float, int, str]:
    return -(node.used_percent_after or 0.0), -node.added_bytes, node.location


def _effect_line(node: NodeEffect, place: str) -> Line:
    added = f"{count_text(node.added_files)}  {bytes_text(node.added_bytes)}" if node.added_files else "–"
    surplus = f"{count_text(node.surplus_files)}  {bytes_text(node.surplus_bytes)}" if node.surplus_files else "–"
    before, after = node.used_percent_before, node.used_percent_after
    name = fit_middle(place, NAME_WIDTH)
    fullness = "unknown" if before is None or after is None else f"{before:.0f} % → {after:.0f} %"
    grows = before is not None and after is not None and round(after) > round(before)
    tone = (
        Tone.MUTED
        if after is None or not grows
        else Tone.BAD
        if after >= 90
        else Tone.WARN
        if after >= 80
        else Tone.TEXT
    )
    mark = "! " if tone in (Tone.BAD, Tone.WARN) else "  "
    return (
        Span(name),
        Span(f" {added:>14}", Tone.TEXT if node.added_files else Tone.MUTED),
        Span(f" {surplus:>16}", Tone.WARN if node.surplus_files else Tone.MUTED),
        Span(f" {mark}{fullness}", tone),
    )


def diff_lines(diff: str) -> list[Line]:
    """Return a unified diff, each line in its tone; the sign at its start says the same."""
    lines: list[Line] = []
    for line in diff.splitlines():
        if line.startswith(("---", "+++")):
            continue
        tone = Tone.MUTED
        if line.startswith("@@"):
            tone = Tone.ACCENT
        elif line.startswith("+"):
            tone = Tone.GOOD
        elif line.startswith("-"):
            tone = Tone.BAD
        text = plain(line)
        indent = len(text[1:]) - len(text[1:].lstrip()) + 1
        lines.append((Span(text[:indent], tone), Span(text[indent:], tone)))
    return lines


def saving_lines(file: str, check: DraftCheck, names: PlaceNames) -> list[Line]:
    """Return what saving a draft would do, before it is saved."""
    lines: list[Line] = [
        fact("writes", plain(file)),
        fact("in effect", "at once; u takes it back"),
        (),
    ]
    return lines + check_lines(check, names)


def conflict_lines(result: SaveResult) -> list[Line]:
    """Return both versions of the place that two people changed."""
    gone = [(Span("(it is gone)", Tone.MUTED),)]
    theirs: list[Line] = [(Span("│ ", Tone.WARN), Span(plain(line))) for line in result.theirs.splitlines()]
    ours: list[Line] = [(Span("│ ", Tone.ACCENT), Span(plain(line))) for line in result.ours.splitlines()]
    return [
        (Span(plain(result.message, 1000), Tone.WARN),),
        (),
        heading("In the file now (theirs)"),
        *(theirs or gone),
        (),
        heading("Here (yours)"),
        *(ours or gone),
    ]
