"""The parts of an archive around a world, and looks at what is on the nodes' disks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from config.archive_settings import ArchiveSettings
from config.types import DataType
from engine.archive.parts import ArchiveParts, build_archive_parts
from engine.archive.values import ArchiveRecord
from engine.model import EntryKey
from engine.views_archive import ArchiveRequest
from tests.execution.world import World, assemble, write_hosts
from tests.fleet import Fleet


@dataclass
class ArchiveWorld:
    """A world and its archive."""

    world: World
    parts: ArchiveParts

    @property
    def fleet(self) -> Fleet:
        return self.world.nodes

    async def archive(
        self, key: EntryKey, location: str, delete: bool = True, destination: str | None = None
    ) -> ArchiveRecord:
        """Archive one copy to the end; return what became of it."""
        request = ArchiveRequest((str(key),), location, destination, delete_original=delete)
        refused = (await self.parts.desk.preview(request)).refused
        assert refused == (), refused
        await self.parts.desk.run(request)
        await self.parts.worker.drain()
        _, found = await self.parts.records.page(0, 1, str(key))
        return found[0]

    async def look(self) -> None:
        """Scan every node and hash what is unhashed."""
        await self.world.scan()

    async def settle(self, key: EntryKey) -> None:
        from engine.inventory.hasher import Hasher

        tools = self.world.tools
        hasher = Hasher(tools.catalog, tools.agent_for, tools.names, tools.clock)
        assert await hasher.settle(await self.world.entry(key)) == ()

    def leftovers(self) -> list[Path]:
        """Every temporary file of ours on any node."""
        return [path for node in self.fleet.nodes for path in node.root.rglob(".*syncdeck-*")]


def games(name: str, origin: str) -> EntryKey:
    return EntryKey(DataType.GAMES, name, origin)


@asynccontextmanager
async def open_archive(
    nodes: Fleet, state_file: Path, run_id: str, settings: ArchiveSettings | None = None
) -> AsyncIterator[ArchiveWorld]:
    archive = settings or ArchiveSettings(location="node-1")
    hosts = write_hosts(nodes)
    async with assemble(hosts, nodes.options(), state_file, run_id, settings={"archive": archive}) as world:
        world.fleet = nodes
        for node in world.known.policy.nodes:
            world.known.node_up(node, world.tools.clock.now())
        yield ArchiveWorld(world, build_archive_parts(world.tools, world.store, world.known, lambda: frozenset()))


__all__ = ["ArchiveWorld", "games", "open_archive", "replace"]
