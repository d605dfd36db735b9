"""Where the list of rules gets its rows: one view of all rules, each under a number that stays with it."""

from __future__ import annotations

from app.console.present.routing import rule_cells, worst_of
from engine.views_rules import RuleRow, RulesView
from widgets.paged_table import Page


class RuleNumbers:
    """Numbers of rules by origin and name; two of one name are told apart by their order."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, int], int] = {}

    def of(self, view: RulesView) -> list[int]:
        """Return the number of each rule of a view."""
        seen: dict[tuple[str, str], int] = {}
        numbers: list[int] = []
        for row in view.rules:
            nth = seen[row.origin, row.name] = seen.get((row.origin, row.name), 0) + 1
            numbers.append(self._numbers.setdefault((row.origin, row.name, nth), len(self._numbers) + 1))
        return numbers


class RuleSource:
    """The rules of one view that match a filter."""

    def __init__(self, view: RulesView, numbers: RuleNumbers, text: str) -> None:
        self.view = view
        self._numbers = numbers.of(view)
        self._positions = [
            position
            for position, row in enumerate(view.rules)
            if text.lower() in f"{row.name} {row.match} {row.place} {row.origin}".lower()
        ]

    async def page(self, offset: int, count: int) -> Page:
        """Return a window of rules."""
        shown = self._positions[offset : offset + count]
        rows = tuple(
            rule_cells(self.view.rules[at], self._numbers[at], at + 1, worst_of(self.view, at)) for at in shown
        )
        return Page(len(self._positions), rows)

    async def rank(self, row_id: int) -> int | None:
        """Return where a rule is now."""
        return next((rank for rank, at in enumerate(self._positions) if self._numbers[at] == row_id), None)

    def position(self, row_id: int) -> int | None:
        """Return the position of a rule in the order of deciding."""
        return self._numbers.index(row_id) if row_id in self._numbers else None

    def row(self, row_id: int) -> RuleRow | None:
        """Return a rule."""
        position = self.position(row_id)
        return None if position is None else self.view.rules[position]
