"""Limits by weekday and hour: what a row of the timetable says, and which row holds at a moment. Pure.

Hours are local time as the clock on the wall shows it. When clocks change, a row begins and ends by what they show:
an hour that is skipped does not count, one that comes twice counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
EXAMPLE_DAYS = "mon-fri or sat,sun"
EXAMPLE_HOURS = "08:00-18:00"

_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")

Localize = Callable[[float], datetime]
"""Returns the local time of an epoch second; ``datetime.fromtimestamp`` is one."""


@dataclass(frozen=True, slots=True)
class TimetableRow:
    """One row: on ``days`` (Monday is 0) from ``start`` to ``end`` (minutes of the day; an end that is not after the
    start is on the next day). ``limit_bytes_per_second`` None: no limit then. ``node`` is a glob, None: the fleet."""

    days: frozenset[int]
    start: int
    end: int
    limit_bytes_per_second: int | None
    node: str | None = None
    line: int | None = None

    def holds(self, local: datetime) -> bool:
        """Return whether the row holds at a local time."""
        minute, today = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)

    @property
    def hours(self) -> str:
        """The hours, as in the file."""
        return f"{_clock(self.start)}-{_clock(self.end)}"


def parse_days(text: str) -> frozenset[int]:
    """Return the weekdays of ``mon-fri``, ``sat,sun`` or ``daily``; raises ValueError with an example."""
    found: set[int] = set()
    for part in text.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if part == "daily":
            found |= set(range(7))
        elif first in DAYS and (not dash or last in DAYS):
            start, end = DAYS.index(first), DAYS.index(last if dash else first)
            found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
        else:
            raise ValueError(f"{text!r} are no days; write {EXAMPLE_DAYS}")
    return frozenset(found)


def parse_hours(text: str) -> tuple[int, int]:
    """Return start and end in minutes of the day for ``08:00-18:00``; raises ValueError with an example."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} are no hours; write {EXAMPLE_HOURS}")
    hours = [int(part) for part in match.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[1], hours[3]) > 59 or start >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError(f"{text!r} are no hours of a day; write {EXAMPLE_HOURS}")
    if start == end:
        raise ValueError(f"{text!r} begins when it ends; a whole day is 00:00-24:00")
    return start, end


def row_at(rows: Sequence[TimetableRow], local: datetime) -> TimetableRow | None:
    """Return the first row of the file that holds at a local time, or None."""
    return next((row for row in rows if row.holds(local)), None)


def next_turn(rows: Sequence[TimetableRow], now: float, localize: Localize) -> float | None:
    """Return the epoch second at which another row begins to hold, or None: it stays as it is."""
    if not rows:
        return None
    local = localize(now)
    present = row_at(rows, local)
    minutes = sorted({0, *(row.start for row in rows), *(row.end % DAY_MINUTES for row in rows)})
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(9):
        for minute in minutes:
            at = (midnight + timedelta(days=day, minutes=minute)).timestamp()
            if at > now and row_at(rows, localize(at)) != present:
                return at
    return None


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
