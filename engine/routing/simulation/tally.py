"""What a draft comes to, summed up by location while it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.model import LocationView
from engine.views_rules import NodeEffect, SimulationView, Unplaced


@dataclass
class _Effect:
    added_files: int = 0
    added_bytes: int = 0
    surplus_files: int = 0
    surplus_bytes: int = 0


@dataclass
class _Missing:
    copies: int = 0
    bytes: int = 0
    example: str = ""


@dataclass
class Tally:
    """Files and bytes that come to locations, that nobody wants there any more, and that cannot be placed."""

    _effects: dict[str, _Effect] = field(default_factory=dict)
    _missing: dict[str, _Missing] = field(default_factory=dict)

    def add(self, location: str, files: int, size_bytes: int) -> None:
        """Count copies that a location would get."""
        effect = self._effects.setdefault(location, _Effect())
        effect.added_files += files
        effect.added_bytes += size_bytes

    def add_surplus(self, location: str, files: int, size_bytes: int) -> None:
        """Count copies that a location holds, and that no rule wants there any more."""
        effect = self._effects.setdefault(location, _Effect())
        effect.surplus_files += files
        effect.surplus_bytes += size_bytes

    def refuse(self, reason: str, files: int, size_bytes: int, example: str) -> None:
        """Count copies that cannot be placed; ``example`` is the key of one."""
        found = self._missing.setdefault(reason, _Missing())
        found.copies += files
        found.bytes += size_bytes
        found.example = min(found.example, example) if found.example else example

    def copy(self) -> Tally:
        """Return the same again, for counting further without changing this one."""
        effects = {location: replace(effect) for location, effect in self._effects.items()}
        return Tally(effects, {reason: replace(found) for reason, found in self._missing.items()})

    def view(self, entries: int, seconds: float, locations: Mapping[str, LocationView]) -> SimulationView:
        """Return what was counted, of a catalog of so many entries, tried in so many seconds."""
        nodes = tuple(_node(location, effect, locations) for location, effect in sorted(self._effects.items()))
        missing = sorted(self._missing.items(), key=lambda item: (-item[1].copies, item[0]))
        return SimulationView(
            entries=entries,
            seconds=seconds,
            files_to_move=sum(node.added_files for node in nodes),
            bytes_to_move=sum(node.added_bytes for node in nodes),
            nodes=nodes,
            unplaced=tuple(Unplaced(reason, found.copies, found.bytes, found.example) for reason, found in missing),
        )


def _node(location: str, effect: _Effect, locations: Mapping[str, LocationView]) -> NodeEffect:
    view = locations.get(location)
    before = after = None
    if view is not None and view.total_bytes and view.used_bytes is not None:
        before = 100.0 * view.used_bytes / view.total_bytes
        after = 100.0 * (view.used_bytes + effect.added_bytes) / view.total_bytes
    return NodeEffect(
        location,
        effect.added_files,
        effect.added_bytes,
        effect.surplus_files,
        effect.surplus_bytes,
        before,
        after,
    )
