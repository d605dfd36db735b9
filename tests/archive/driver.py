"""An engine in a process of its own that archives, deletes and restores until it is killed, or once to the end."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from config.archive_settings import ArchiveSettings
from engine.archive.parts import build_archive_parts
from engine.archive.values import ArchiveState
from engine.remote.types import SshOptions
from engine.views_archive import ArchiveRequest
from tests.execution.world import assemble


async def main(job: dict[str, Any]) -> None:
    """Scan and sweep, ask for what is not archived yet, work it off; say what is known at the end."""
    options = SshOptions(control_dir=Path(job["control"]), known_hosts=job["known_hosts"])
    settings = {"archive": ArchiveSettings(location="node-1")}
    async with assemble(Path(job["hosts"]), options, Path(job["state"]), job["run_id"], settings=settings) as world:
        for node in world.known.policy.nodes:
            world.known.node_up(node, world.tools.clock.now())
        parts = build_archive_parts(world.tools, world.store, world.known, lambda: frozenset())
        await world.recovery.start()
        for node_id, outcome in (await world.scan()).items():
            await world.recovery.sweep(node_id, outcome.temporaries)
        sound = {str(one.key) for one in await parts.records.in_state(tuple(ArchiveState))}
        wanted = tuple(key for key in job["keys"] if key not in sound)
        print("ready", flush=True)
        if wanted:
            await parts.desk.run(ArchiveRequest(wanted, job["location"]))
        await parts.worker.drain()
        for node_id, outcome in (await world.scan()).items():
            await world.recovery.sweep(node_id, outcome.temporaries)
        _, rows = await parts.records.page(0, 100, "")
        print(json.dumps([[str(r.key), r.state, r.original, r.path] for r in rows]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
