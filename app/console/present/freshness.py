"""How fresh each config key is, worst first: what would be lost, then too few copies, then age."""

from __future__ import annotations

from dataclasses import dataclass

from app.console.present.units import DAY, HOUR, age_text, bytes_text
from engine.views import FreshnessView, StatusView
from widgets.models import GLYPHS, Badge, FreshnessModel, FreshnessRow
from widgets.text import Tone, plain


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """From which age, in seconds, the newest data of a type is marked."""

    warn_seconds: float
    bad_seconds: float


AGE_LIMITS: dict[str, AgeLimits] = {
    "games": AgeLimits(HOUR, DAY),
    "npz": AgeLimits(6 * HOUR, 2 * DAY),
    "models": AgeLimits(7 * DAY, 30 * DAY),
}
"""Marks in the table only; what needs the operator is the engine's judgement and comes as findings."""

_BADNESS = {Tone.BAD: 2, Tone.WARN: 1}
_NOTHING = Badge("–  ", Tone.MUTED)


def freshness_model(view: StatusView) -> FreshnessModel:
    """Return the panel "Freshness": one row for each config key."""
    by_key: dict[str, list[FreshnessView]] = {}
    for item in view.freshness:
        by_key.setdefault(item.config_key, []).append(item)
    ranked = sorted(((_rank(items), name) for name, items in by_key.items()), key=lambda pair: (pair[0], pair[1]))
    rows = tuple(_row(name, by_key[name]) for _, name in ranked)
    return FreshnessModel(rows, fresh=sum(1 for row in rows if row.tone is Tone.GOOD))


def _row(name: str, items: list[FreshnessView]) -> FreshnessRow:
    by_type = {item.data_type: item for item in items}
    games, npz, model = (_age(by_type.get(data_type), data_type) for data_type in ("games", "npz", "models"))
    copies, off_site, trainers, risk = _copies(items), _off_site(items), _trainers(items), _risk(items)
    faults = [badge.tone for badge in (games, npz, model, copies, trainers, risk)]
    tone = Tone.BAD if Tone.BAD in faults else Tone.WARN if Tone.WARN in faults else Tone.GOOD
    return FreshnessRow(name, plain(name, 40), tone, games, npz, model, copies, off_site, trainers, risk)


def _rank(items: list[FreshnessView]) -> tuple[float, ...]:
    """Return what sorts a config key: bytes at risk, copies missing, marks, age; the worst first."""
    risk = sum(item.at_risk_bytes for item in items)
    missing = max((item.wanted - item.copies for item in items), default=0)
    marks = sum(_BADNESS.get(_age(item, item.data_type).tone, 0) for item in items)
    lagging = _lagging(items)
    age = max((item.newest_age_seconds or 0.0 for item in items), default=0.0)
    return (-risk, -missing, -marks, -lagging, -age if marks else 0.0)


def _age(item: FreshnessView | None, data_type: str) -> Badge:
    if item is None or item.newest_age_seconds is None:
        return _NOTHING
    limits = AGE_LIMITS.get(data_type)
    tone = Tone.GOOD
    if limits is not None and item.newest_age_seconds >= limits.bad_seconds:
        tone = Tone.BAD
    elif limits is not None and item.newest_age_seconds >= limits.warn_seconds:
        tone = Tone.WARN
    return Badge(f"{age_text(item.newest_age_seconds)} {GLYPHS[tone]}", tone)


def _copies(items: list[FreshnessView]) -> Badge:
    """Return the copies of the entry that lacks most."""
    worst = min(items, key=lambda item: (item.copies - item.wanted, item.copies))
    tone = Tone.GOOD
    if worst.copies < worst.wanted:
        tone = Tone.BAD if worst.copies <= 1 else Tone.WARN
    glyph = "" if tone is Tone.GOOD else f" {GLYPHS[tone]}"
    return Badge(f"{worst.copies}/{worst.wanted}{glyph or '  '}", tone)


def _off_site(items: list[FreshnessView]) -> Badge:
    states = {item.off_site for item in items}
    if "no" in states:
        return Badge("none !", Tone.WARN)
    if states == {"yes"}:
        return Badge("yes ✓", Tone.GOOD)
    return Badge("not set", Tone.MUTED)


def _lagging(items: list[FreshnessView]) -> int:
    return len({trainer.node for item in items for trainer in item.trainers if not trainer.current})


def _trainers(items: list[FreshnessView]) -> Badge:
    names = {trainer.node for item in items for trainer in item.trainers}
    if not names:
        return Badge("–  ", Tone.MUTED)
    lagging = _lagging(items)
    if lagging:
        return Badge(f"{lagging} lag !", Tone.WARN)
    return Badge(f"{len(names)} ✓", Tone.GOOD)


def _risk(items: list[FreshnessView]) -> Badge:
    risk = sum(item.at_risk_bytes for item in items)
    return Badge(bytes_text(risk), Tone.BAD) if risk else Badge("0", Tone.MUTED)
