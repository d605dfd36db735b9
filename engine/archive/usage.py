"""What fills a drive, one folder at a time: its node walks it once, and what it said is kept for some minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.archive.cold import cold_storage
from engine.archive.values import ArchiveError
from engine.clock import Clock
from engine.errors import ErrorClass
from engine.inventory.fleet import Fleet
from engine.locations import node_of
from engine.transport.types import AgentFor
from engine.views_archive import UsageRow, UsageView

KEPT_SECONDS = 300.0
KEPT_DRIVES = 4
MOST_FOLDERS = 5_000
"""Folders kept of a drive, the largest; what is in the others is counted in those above them."""


@dataclass(frozen=True)
class _Tree:
    at: float
    below: dict[str, tuple[UsageRow, ...]]


class DriveUsage:
    """Answers level by level."""

    def __init__(self, fleet: Fleet, agent_for: AgentFor, clock: Clock) -> None:
        self._fleet = fleet
        self._agent_for = agent_for
        self._clock = clock
        self._kept: dict[str, _Tree] = {}

    async def view(self, location: str, path: str) -> UsageView:
        """Return the folders of a folder, largest first; of the root, "", also itself. Raises SyncdeckError."""
        tree = self._kept.get(location)
        if tree is None or self._clock.now() - tree.at > KEPT_SECONDS:
            tree = await self._look(location)
        rows = tree.below.get(path.strip("/"))
        if rows is None:
            cause = "there is no such folder, or it has no folders"
            raise ArchiveError("look into", f"{location}/{path}", cause, "go up, or look again", ErrorClass.NOT_FOUND)
        return UsageView(tree.at, location, path.strip("/"), rows)

    async def _look(self, location: str) -> _Tree:
        roots = [root for root in self._fleet.roots(node_of(location)) if root.location == location]
        if not roots:
            cause, remedy = "it is no location of a host in use", "see `syncdeck status`"
            raise ArchiveError("look into", location, cause, remedy, ErrorClass.CONFIG)
        root = self._fleet.root_paths.get((location, roots[0].root), roots[0].root)
        agent = await self._agent_for(node_of(location))
        rows = await agent.usage_tree(location, root, self._archives(location), MOST_FOLDERS)
        tree = _Tree(self._clock.now(), _by_folder(rows))
        while len(self._kept) >= KEPT_DRIVES:
            self._kept.pop(next(iter(self._kept)))
        self._kept[location] = tree
        return tree

    def _archives(self, location: str) -> str:
        """Return the folder of our archives, below the root or absolute, where they are kept here; else ""."""
        try:
            cold = cold_storage(self._fleet.policy)
        except ArchiveError:
            return ""
        return cold.path if cold.location == location else ""


def _by_folder(rows: Sequence[UsageRow]) -> dict[str, tuple[UsageRow, ...]]:
    found: dict[str, list[UsageRow]] = {"": []}
    for row in rows:
        if row.path:
            found.setdefault(row.path.rpartition("/")[0], []).append(row)
    return {folder: tuple(sorted(below, key=lambda row: (-row.bytes, row.path))) for folder, below in found.items()}
