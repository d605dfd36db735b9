"""What the console knows at one moment, and the status line made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.console.actions import BY_ID, Keys
from app.console.present.places import PlaceNames, place_names
from app.console.present.units import bytes_text, coarse_age, plural
from engine.views import StatusView
from engine.views_engine import EngineState
from widgets.models import Badge, StatusModel
from widgets.text import Tone, plain

STALE_AFTER_SECONDS = 5.0
"""An engine that answers is asked at least once a second; five missed answers are worth a mark."""


@dataclass(frozen=True, slots=True)
class ConsoleState:
    """The newest view and how the console came by it. ``contact_at`` is when the engine last answered."""

    view: StatusView | None = None
    contact_at: float | None = None
    error: str = ""
    remedy: str = ""
    view_paused: bool = False
    read_only: bool = False
    keys: Keys = field(default_factory=lambda: Keys({}))

    @property
    def names(self) -> PlaceNames:
        """What places are called."""
        return place_names(self.view)

    def age_seconds(self, now: float) -> float | None:
        """Return how old what is shown is."""
        return None if self.contact_at is None else max(0.0, now - self.contact_at)

    def is_stale(self, now: float) -> bool:
        """Return whether what is shown is older than it should be."""
        age = self.age_seconds(now)
        return age is not None and age >= STALE_AFTER_SECONDS


def status_model(state: ConsoleState, now: float) -> StatusModel:
    """Return the status line for this moment."""
    flags = []
    if state.read_only:
        flags.append(Badge("READ ONLY", Tone.WARN))
    if state.view_paused:
        flags.append(Badge("VIEW PAUSED", Tone.WARN))
    view = state.view
    if view is None:
        return StatusModel(age=Badge("starting the engine", Tone.MUTED), flags=tuple(flags), notice=_notice(state))
    return StatusModel(
        node=plain(view.engine.node_id, 40),
        facts=_facts(view),
        age=_age(state, now),
        flags=tuple(flags),
        counts=_counts(view, bool(state.error)),
        notice=_notice(state),
    )


def _facts(view: StatusView) -> tuple[Badge, ...]:
    used = [node for node in view.nodes if node.state != "unused"]
    up = sum(1 for node in used if node.state == "up")
    risk = view.at_risk_bytes
    facts = [Badge(f"{bytes_text(risk)} at risk", Tone.BAD) if risk else Badge("nothing at risk", Tone.MUTED)]
    if view.nodes:
        facts.append(_reach(up, len(used)))
    doing = view.engine.state
    facts.append(Badge(f"engine {doing}", Tone.MUTED if doing is EngineState.RUNNING else Tone.WARN))
    facts.append(Badge(plural(view.entries_total, "file"), Tone.MUTED))
    return tuple(facts)


def _reach(up: int, used: int) -> Badge:
    if up == used:
        return Badge(f"all {used} nodes up" if used > 1 else f"{plural(used, 'node')} up", Tone.GOOD)
    return Badge(f"{up} of {plural(used, 'node')} up", Tone.WARN)


def _age(state: ConsoleState, now: float) -> Badge:
    age = state.age_seconds(now) or 0.0
    if state.view_paused:
        return Badge(f"as of {coarse_age(age)}", Tone.WARN)
    if state.is_stale(now):
        return Badge(f"! stale, {coarse_age(age)}", Tone.WARN)
    return Badge(f"updated {coarse_age(age)}", Tone.MUTED)


def _counts(view: StatusView, no_answer: bool) -> tuple[Badge, ...]:
    by_severity = {"critical": int(no_answer), "warning": 0}
    for finding in view.findings:
        if finding.severity in by_severity:
            by_severity[finding.severity] += 1
    counts = []
    if by_severity["critical"]:
        counts.append(Badge(f"● {by_severity['critical']} critical", Tone.BAD))
    if by_severity["warning"]:
        counts.append(Badge(f"▲ {plural(by_severity['warning'], 'warning')}", Tone.WARN))
    if counts:
        return tuple(counts)
    return (Badge("✓ all well", Tone.GOOD),) if view.nodes else (Badge("no nodes yet", Tone.MUTED),)


def _notice(state: ConsoleState) -> Badge | None:
    if state.error:
        return Badge(f"✗ NO ANSWER  {plain(state.error)}", Tone.BAD)
    view = state.view
    if view is None:
        return None
    key = state.keys.shown(BY_ID["run"])
    can_run = "" if state.read_only else f" until you press {key}"
    if view.engine.state is EngineState.OBSERVING:
        return Badge(f"OBSERVING  nothing moves{can_run}", Tone.WARN)
    if view.engine.state is EngineState.PAUSED:
        return Badge(f"PAUSED  no transfer starts{can_run}", Tone.WARN)
    if view.engine.state is EngineState.FAILING:
        detail = plain(view.engine.detail, 200)
        return Badge(f"✗ ENGINE FAILING  {detail}", Tone.BAD)
    return None
