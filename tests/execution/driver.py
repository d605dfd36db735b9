"""An engine in a process of its own that kills itself at a chosen moment: ``python -m tests.execution.driver JSON``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.catalog.catalog import DataCatalog
from engine.catalog.keys import parse_key
from engine.integrity.deltas import DELTA_MARK, REBUILT_MARK, is_delta_part
from engine.model import SyncPriority, TransferState, Transport
from engine.queue.queue import NewTransfer, TransferQueue
from engine.remote.types import SshOptions
from tests.execution.world import World, assemble

DELTA_MOMENTS = {"delta written": DELTA_MARK, "rebuilding": REBUILT_MARK}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killing_queue(moment: str) -> type[TransferQueue]:
    """A queue after whose edge to the state ``moment`` nothing more happens."""

    class KillingQueue(TransferQueue):
        async def claim(self, *arguments: Any, **named: Any) -> Any:
            claimed = await super().claim(*arguments, **named)
            if claimed and moment == TransferState.CLAIMED.value:
                die()
            return claimed

        async def claim_groups(self, *arguments: Any, **named: Any) -> Any:
            claimed = await super().claim_groups(*arguments, **named)
            if claimed and moment == TransferState.CLAIMED.value:
                die()
            return claimed

        async def transition_many(self, moves: Any, *rest: Any) -> Any:
            result = await super().transition_many(moves, *rest)
            if any(one.state.value == moment for one in moves):
                die()
            return result

        async def transition(self, transfer_id: int, state: TransferState, *rest: Any, **fields: Any) -> Any:
            result = await super().transition(transfer_id, state, *rest, **fields)
            if state.value == moment:
                die()
            return result

    return KillingQueue


def killing_catalog(moment: str) -> type[DataCatalog]:
    """A catalog whose caller dies when it would record the copy, the file being in place already."""

    class KillingCatalog(DataCatalog):
        async def mark_synced(self, *arguments: Any, **named: Any) -> Any:
            if moment == "published":
                die()
            return await super().mark_synced(*arguments, **named)

        async def mark_many_synced(self, *arguments: Any, **named: Any) -> Any:
            if moment == "published":
                die()
            return await super().mark_many_synced(*arguments, **named)

        async def record_contents(self, *arguments: Any, **named: Any) -> Any:
            if moment == "arrived":
                die()
            return await super().record_contents(*arguments, **named)

    return KillingCatalog


async def look(world: World) -> None:
    for node_id, outcome in (await world.scan()).items():
        await world.recovery.sweep(node_id, [one.path for one in outcome.temporaries])


async def main(job: dict[str, Any]) -> None:
    """Recover, scan and sweep, ask for what is missing, and drain; die at ``job["moment"]``."""
    options = SshOptions(control_dir=Path(job["control"]), known_hosts=job["known_hosts"])
    moment = job["moment"]
    async with assemble(
        Path(job["hosts"]),
        options,
        Path(job["state"]),
        job["run_id"],
        queue_type=killing_queue(moment),
        catalog_type=killing_catalog(moment),
    ) as world:
        await world.recovery.start()
        await look(world)
        live = await world.queue.live()
        wanted = [
            NewTransfer(
                parse_key(key),
                source,
                target,
                SyncPriority.NORMAL,
                "driver",
                transport_preference=tuple(Transport(name) for name in chain),
            )
            for key, source, target, chain in job["wanted"]
            if (key, target) not in live and (job["again"] or target not in await held(world, key))
        ]
        await world.queue.enqueue(wanted)
        if moment == "moving":
            asyncio.get_running_loop().create_task(die_while_moving(world))
        if moment in DELTA_MOMENTS:
            asyncio.get_running_loop().create_task(die_beside(DELTA_MOMENTS[moment], map(Path, job["roots"])))
        await world.runner.drain()
        await look(world)
        print(json.dumps(await world.queue.counts()))


async def held(world: World, key: str) -> frozenset[str]:
    entry = await world.catalog.get(parse_key(key))
    return entry.locations if entry is not None else frozenset()


async def die_beside(mark: str, roots: Iterable[Path]) -> None:
    """Die as soon as a delta's file with this mark lies anywhere."""
    folders = list(roots)
    while True:
        names = [str(path) for folder in folders for path in folder.rglob(f".*{mark}.part")]
        if any(is_delta_part(name) for name in names):
            die()
        await asyncio.sleep(0)


async def die_while_moving(world: World) -> None:
    """Die as soon as some bytes of any transfer are under way."""
    while True:
        progress = (world.runner.progress_of(transfer_id) for transfer_id in world.runner.running())
        if any(p is not None and p.bytes_done > 0 for p in progress):
            die()
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
