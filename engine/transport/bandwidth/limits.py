"""Which limits hold now: an operator's word, else the timetable's row, else what the file writes plainly. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.globs import glob_matches
from config.timetable import Localize, TimetableRow, next_turn, row_at
from config.types import EngineSettings

FLEET = ""
"""The name of the fleet-wide limit; no node is called so."""


@dataclass(frozen=True, slots=True)
class OperatorLimit:
    """What an operator set while the engine runs. ``until`` is an epoch second, None: until it is taken back."""

    bytes_per_second: int | None
    until: float | None = None
    set_by: str = ""

    def holds(self, now: float) -> bool:
        """Return whether it has not run out."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class LimitNow:
    """A limit in force; ``bytes_per_second`` None: none. ``line`` of the file, ``until`` as an epoch second."""

    bytes_per_second: int | None
    because: str
    line: int | None = None
    until: float | None = None
    set_now: bool = False


def limit_now(
    name: str, settings: EngineSettings, set_now: Mapping[str, OperatorLimit], now: float, localize: Localize
) -> LimitNow:
    """Return the limit of a node, or of the fleet (FLEET), with the reason an operator is shown."""
    own = set_now.get(name)
    if own is not None and own.holds(now):
        return LimitNow(own.bytes_per_second, f"set by {own.set_by or 'the operator'}", None, own.until, True)
    rows = _rows_of(name, settings.bandwidth.timetable)
    row = row_at(rows, localize(now)) if rows else None
    turn = next_turn(rows, now, localize)
    if row is not None:
        return LimitNow(row.limit_bytes_per_second, f"timetable {row.hours}", row.line, turn)
    if name == FLEET:
        plain, source = settings.bandwidth_bytes_per_second, settings.bandwidth.fleet_source
    else:
        plain = settings.node_bandwidth_bytes_per_second.get(name)
        source = settings.bandwidth.node_sources.get(name)
    if plain is None:
        return LimitNow(None, "no limit is written", None, turn)
    return LimitNow(plain, source.key if source else "the configuration", source.line if source else None, turn)


def written(
    names: tuple[str, ...],
    settings: EngineSettings,
    set_now: Mapping[str, OperatorLimit],
    now: float,
    localize: Localize,
) -> dict[str, float]:
    """Return bytes/s by name for those that have a limit now."""
    found = {name: limit_now(name, settings, set_now, now, localize).bytes_per_second for name in names}
    return {name: float(limit) for name, limit in found.items() if limit is not None}


def _rows_of(name: str, rows: tuple[TimetableRow, ...]) -> tuple[TimetableRow, ...]:
    if name == FLEET:
        return tuple(row for row in rows if row.node is None)
    return tuple(row for row in rows if row.node is not None and glob_matches(name, row.node))
