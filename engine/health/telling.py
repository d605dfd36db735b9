"""What the operator's command is told, and when: pure; ``notify.py`` runs the command.

A change of a finding within the interval of the same kind of news is held back, not thrown away: what counts is that
the last thing that was told is true. A finding that came back within the interval is told when that is over.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.health.levels import ORDER
from engine.views import FindingView

FINDING = "finding"
RECOVERY = "recovery"
NEVER_TOLD = "on-finding"
"""The finding that the operator's command does not work."""


@dataclass(frozen=True, slots=True)
class Change:
    """One finding that appeared, became worse or is over."""

    event: str
    finding: FindingView

    @property
    def news(self) -> tuple[str, str]:
        """What is the same for two changes of which the second says nothing new."""
        return (self.event, self.finding.severity if self.event == FINDING else "")


class Telling:
    """The changes that wait to be told, the last one of each finding; and what was told of each, and when."""

    def __init__(self) -> None:
        self._waiting: dict[str, Change] = {}
        self._told: dict[str, tuple[str, str]] = {}
        self._at: dict[tuple[str, str], float] = {}
        self._busy: set[str] = set()

    def changed(self, change: Change) -> None:
        """Take in a change; it takes the place of an older one of its finding that was not told yet."""
        self._waiting[change.finding.id] = change

    def take(self, now: float, interval_seconds: float) -> Change | None:
        """Return the most severe change that is due, as being told now; None when none is.

        No other one of its finding is given out before ``done`` was called for it: their order must hold.
        """
        self._drop_what_is_no_news(now, interval_seconds)
        due = [
            change
            for name, change in self._waiting.items()
            if name not in self._busy and self._due_at(change, interval_seconds) <= now
        ]
        if not due:
            return None
        change = min(due, key=lambda one: ORDER[one.finding.severity])
        name = change.finding.id
        del self._waiting[name]
        self._busy.add(name)
        self._told[name] = change.news
        self._at[(change.event, name)] = now
        return change

    def done(self, change: Change) -> None:
        """Take in that a change was told."""
        self._busy.discard(change.finding.id)

    def next_due(self, interval_seconds: float) -> float | None:
        """Return when the next change is due that waits for its time alone; None when there is none."""
        times = [
            self._due_at(change, interval_seconds) for name, change in self._waiting.items() if name not in self._busy
        ]
        return min(times, default=None)

    def _due_at(self, change: Change, interval_seconds: float) -> float:
        last = self._at.get((change.event, change.finding.id))
        return float("-inf") if last is None else last + interval_seconds

    def _drop_what_is_no_news(self, now: float, interval_seconds: float) -> None:
        nothing = (RECOVERY, "")
        for name, change in list(self._waiting.items()):
            if self._told.get(name, nothing) == change.news:
                del self._waiting[name]
        for (event, name), at in list(self._at.items()):
            if at + interval_seconds < now and name not in self._busy:
                del self._at[(event, name)]
        for name, told in list(self._told.items()):
            if told == nothing and not any((event, name) in self._at for event in (FINDING, RECOVERY)):
                del self._told[name]
