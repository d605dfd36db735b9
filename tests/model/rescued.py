"""What a rescue must have brought to safety when it says so, found on the disks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from engine.locations import node_of
from engine.views_nodes import RescueView
from tests.model.truth import Broken, Truth, holdings, holds


@dataclass
class RescueTruth:
    """Watches the emergencies and drains of one world."""

    truth: Truth
    begun: dict[tuple[tuple[str, ...], float], frozenset[bytes]] = field(default_factory=dict)
    """By nodes and beginning of an emergency: the versions that were on them when it began."""
    ended: int = 0

    def begin(self, nodes: Collection[str], at: float, answering: Collection[str]) -> None:
        """Remember what nodes hold while an emergency begins; those that answer were just looked at."""
        self.begun[(tuple(nodes), at)] = frozenset(self._on(answering))

    def check(self, views: Sequence[RescueView]) -> None:
        """Raise if an emergency that is over, or a node that may be switched off, would lose what is only there.

        For a moment after a look at a fleet that is all there.
        """
        for view in views:
            if view.kind == "drain" and view.sentence.startswith("safe to switch off"):
                self._ensure_safe(self._on(view.nodes), view)
            elif view.kind == "emergency" and view.state == "done":
                self._ensure_safe(self.begun.pop((view.nodes, view.started_at), frozenset()), view)

    def _on(self, nodes: Collection[str]) -> set[bytes]:
        """Return the versions that nodes hold, each as far as it is held."""
        held = [data for place, _, data in holdings(self.truth.fleet) if node_of(place) in nodes]
        return {version for version in self.truth.versions if any(holds(data, version) for data in held)}

    def _ensure_safe(self, versions: AbstractSet[bytes], view: RescueView) -> None:
        believed = [*holdings(self.truth.fleet), *self.truth.believed()]
        safe = [data for place, durable, data in believed if durable and node_of(place) not in view.nodes]
        anywhere = [data for _, _, data in believed]
        self.ended += bool(versions)
        for version in versions & self.truth.versions:
            gone = not any(holds(data, version) for data in anywhere)
            if not gone and not any(holds(data, version) for data in safe):
                raise Broken(f"{view.kind} of {view.nodes}: {view.sentence!r}, but {version!r} is safe nowhere else")


__all__ = ["RescueTruth"]
