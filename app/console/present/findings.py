"""What needs the operator, worst loss first, each with the key that mends it."""

from __future__ import annotations

import re
import shlex

from app.console.actions import BY_ID, Action, Keys
from app.console.present.state import ConsoleState
from app.console.present.units import ago_text
from engine.views import FindingView, StatusView
from widgets.models import Badge, FindingRow, FindingsModel
from widgets.text import Tone, plain

_SEVERITIES: dict[str, tuple[int, Tone, str]] = {
    "critical": (0, Tone.BAD, "●"),
    "warning": (1, Tone.WARN, "▲"),
    "note": (2, Tone.MUTED, "·"),
}
_COMMAND = re.compile(r"`(syncdeck [^`]+)`")
CONSOLE_FINDING = "console"
_LONGER_LABELS = {
    "emergency": "emergency sync",
    "sync": "sync now",
    "run": "run the engine",
    "rule_restore": "put it back",
}


def sorted_findings(view: StatusView) -> list[FindingView]:
    """Return the findings by severity, then by what would be lost, then the oldest first."""
    return sorted(
        view.findings,
        key=lambda item: (_rank(item.severity), -item.at_risk_bytes, item.since, item.id),
    )


def _rank(severity: str) -> int:
    return _SEVERITIES[severity][0] if severity in _SEVERITIES else len(_SEVERITIES)


def findings_model(state: ConsoleState, now: float) -> FindingsModel:
    """Return the panel "Needs you"; an engine that does not answer is its first line."""
    rows: list[FindingRow] = []
    if state.error:
        if state.view is not None:
            text = f"no answer from the engine, what is shown is old: {plain(state.error)}"
        else:
            text = f"{plain(state.error)}. {plain(state.remedy)}" if state.remedy else plain(state.error)
        rows.append(FindingRow(CONSOLE_FINDING, Tone.BAD, "●", text, "enter", "what to do", "open"))
    view = state.view
    if view is None:
        calm = Badge("Starting the engine: nothing is known yet.", Tone.MUTED)
        return FindingsModel(tuple(rows), calm, Tone.BAD if rows else Tone.MUTED)
    rows += [_row(finding, state.keys, state.read_only) for finding in sorted_findings(view)]
    worst = next((tone for tone in (Tone.BAD, Tone.WARN) if any(row.tone is tone for row in rows)), Tone.MUTED)
    return FindingsModel(tuple(rows), _calm(view, now), worst, _backup_note(view, now) if rows else "")


def finding_text(finding: FindingView) -> str:
    """Return the finding in one sentence that names its subject, of a file its name alone."""
    subject, message = plain(finding.subject), plain(finding.message)
    if subject.startswith("/"):
        subject = subject.rpartition("/")[2]
    return message if not subject or subject in message else f"{subject}: {message}"


def command_of(remedy: str) -> str:
    """Return the command that a remedy names between back quotes, or nothing."""
    return plain(next(iter(_COMMAND.findall(remedy)), ""), 100)


def with_config(remedy: str, config: str) -> str:
    """Return the remedy with commands that find this engine's configuration from any folder."""
    return remedy.replace("`syncdeck ", f"`syncdeck --config {shlex.quote(config)} ") if config else remedy


def _row(finding: FindingView, keys: Keys, read_only: bool) -> FindingRow:
    _, tone, glyph = _SEVERITIES.get(finding.severity, (3, Tone.TEXT, "·"))
    action = BY_ID.get(finding.action or "")
    if action is None or (read_only and action.dangerous):
        command = "" if action else command_of(finding.remedy)
        text = finding_text(finding) + (f": {command}" if command else "")
        return FindingRow(finding.id, tone, glyph, text, "enter", "what to do", "open")
    return FindingRow(
        finding.id, tone, glyph, finding_text(finding), keys.shown(action), action_words(action), action.id
    )  # fmt: skip


def action_words(action: Action) -> str:
    """Return what an action that mends something is called where there is room to say it."""
    if action.id.startswith("go_"):
        return f"open {action.label}"
    return _LONGER_LABELS.get(action.id, action.label)


def _backup_note(view: StatusView, now: float) -> str:
    if view.last_verified_at is None:
        return "no verified backup yet"
    return f"last verified backup {ago_text(view.last_verified_at, now)}"


def _calm(view: StatusView, now: float) -> Badge:
    if view.last_verified_at is None:
        return Badge("! No backup has been verified yet. Nothing else needs you.", Tone.WARN)
    return Badge(f"✓ Nothing needs you. Last verified backup {ago_text(view.last_verified_at, now)}.", Tone.GOOD)
