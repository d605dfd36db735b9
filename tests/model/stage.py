"""A world while a schedule is played on it: what has happened so far, and ways to choose what happens to whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from engine.model import DataEntry
from tests.model.disk import ModelNode
from tests.model.games import complete_games
from tests.model.rescued import RescueTruth
from tests.model.ruled import RulesTruth
from tests.model.truth import ARCHIVES, Truth
from tests.model.world import ModelWorld


@dataclass(frozen=True)
class Act:
    """One thing that happens; ``picks`` choose among what there is then."""

    name: str
    picks: tuple[int, ...]


@dataclass
class Stage:
    """A world, and all that is known of it without asking the engine."""

    world: ModelWorld
    truth: Truth
    rules: RulesTruth
    rescues: RescueTruth
    written: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    """By (node, path): all that its own writer ever wrote there, in order."""
    kept: int = 0
    """Strays, and saved copies of what began anew, that an operator had kept under names of their own."""
    believed: int = 0
    """Copies that an operator removed because all their games are elsewhere."""

    def node(self, pick: int) -> ModelNode:
        nodes = list(self.world.fleet.nodes.values())
        return nodes[pick % len(nodes)]

    def a_written(self, pick: int) -> tuple[ModelNode, str] | None:
        """Return one of the files that a node writes itself, of those that are there."""
        there = [
            (self.world.fleet.nodes[name], path)
            for name, path in self.written
            if self.world.fleet.nodes[name].find(path) is not None and self.world.fleet.nodes[name].up
        ]
        return there[pick % len(there)] if there else None

    def archives(self) -> list[tuple[ModelNode, str]]:
        """Return the archives that can be looked at."""
        return [
            (node, path)
            for node in self.world.fleet.nodes.values()
            for path in sorted(node.files)
            if ARCHIVES in path and path.endswith(".gz") and ".syncdeck-" not in path and node.sees(path)
        ]

    async def entries(self) -> list[DataEntry]:
        page = await self.world.engine.tools.catalog.iter_entries(0, 500)
        return [entry for _, entry in page]

    async def look(self) -> bool:
        """Have the engine look at every node; return whether nothing went wrong meanwhile."""
        return await self.world.run(self.world.look()) and self.world.fleet.sprung is None

    def write(self, node: ModelNode, path: str, data: bytes) -> None:
        """Have a writer write."""
        data = node.write(path, data).data
        self.written.setdefault((node.name, path), []).append(data)
        self.truth.versions.add(data)

    def removed(self, node: ModelNode, path: str) -> None:
        """Have an operator remove a copy who believes that its games are elsewhere: nobody keeps its versions then."""
        self.believed += 1
        content = self.truth.taken[(node.name, path)] = node.files.pop(path).data
        self.truth.games |= complete_games(content)
        name = content.splitlines(keepends=True)[:1]
        self.truth.versions -= {version for version in self.truth.versions if name and version.startswith(name[0])}
        self.written.pop((node.name, path), None)


Doing = Callable[[Stage, Sequence[int]], Awaitable[None]]

__all__ = ["Act", "Doing", "Stage"]
