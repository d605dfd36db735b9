"""An engine in a process of its own that archives, deletes and restores until it is killed, or once to the end."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from config.archive_settings import ArchiveSettings
from engine.archive.parts import ArchiveParts, build_archive_parts
from engine.archive.values import ArchiveState
from engine.catalog.catalog import DataCatalog
from engine.remote.types import SshOptions
from engine.views_archive import ArchiveRequest
from tests.execution.driver import killing_catalog
from tests.execution.world import World, assemble


async def main(job: dict[str, Any]) -> None:
    """Recover, scan and sweep, archive or restore, and say what is known at the end.

    ``restore``: bring back what was archived instead of archiving. ``moment``: "published" dies when a copy that is in
    place would be recorded.
    """
    options = SshOptions(control_dir=Path(job["control"]), known_hosts=job["known_hosts"])
    settings = {"archive": ArchiveSettings(location="node-1")}
    catalog = killing_catalog(job["moment"]) if "moment" in job else DataCatalog
    async with assemble(
        Path(job["hosts"]), options, Path(job["state"]), job["run_id"], settings=settings, catalog_type=catalog
    ) as world:
        for node in world.known.policy.nodes:
            world.known.node_up(node, world.tools.clock.now())
        parts = build_archive_parts(world.tools, world.store, world.known, lambda: frozenset())
        await world.recovery.start()
        await look(world)
        print("ready", flush=True)
        await (restored(world, parts) if job.get("restore") else archived(world, parts, job))
        await look(world)
        _, rows = await parts.records.page(0, 100, "")
        print(json.dumps([[str(r.key), r.state, r.original, r.path] for r in rows]), flush=True)


async def look(world: World) -> None:
    for node_id, outcome in (await world.scan()).items():
        await world.recovery.sweep(node_id, [one.path for one in outcome.temporaries])


async def archived(world: World, parts: ArchiveParts, job: dict[str, Any]) -> None:
    """Ask for what is not archived yet, and work everything off."""
    sound = {str(one.key) for one in await parts.records.in_state(tuple(ArchiveState))}
    wanted = tuple(key for key in job["keys"] if key not in sound)
    if wanted:
        await parts.desk.run(ArchiveRequest(wanted, job["location"]))
    await parts.worker.drain()


async def restored(world: World, parts: ArchiveParts) -> None:
    """Ask for what is neither back nor on its way, as an operator's undo does, and carry it out."""
    await parts.worker.drain()
    live = {str(key) for key, _ in await world.queue.live()}
    await parts.restoring.note_restored()
    gone = [one for one in await parts.records.in_state((ArchiveState.VERIFIED,)) if one.original.value == "deleted"]
    if missing := [one for one in gone if str(one.key) not in live]:
        await parts.restoring.queue(missing, None)
    await world.runner.drain()
    await parts.restoring.note_restored()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
