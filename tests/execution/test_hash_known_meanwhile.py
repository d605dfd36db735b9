"""A hash that becomes known while a copy of that content waits half done: what arrived is continued all the same."""

from __future__ import annotations

import asyncio
import os

import pytest

from config.types import DataType
from engine.model import EntryKey, TransferState, Transport
from tests.execution.data import MIB, temporaries
from tests.execution.test_changing_rates import MB, Windows, reaches, sharing
from tests.execution.world import World

SIZE = 40 * MIB
KEY = EntryKey(DataType.CHECKPOINT, "shared.ckpt")


@pytest.mark.parametrize("transport", [Transport.AGENT, Transport.HTTP, Transport.P2P])
async def test_a_paused_copy_goes_on_after_another_copy_told_the_hash(world: World, transport: Transport) -> None:
    world.nodes["node-0"].models.joinpath("shared.ckpt").write_bytes(os.urandom(SIZE))
    await world.scan()
    world.limit(bandwidth_bytes_per_second=20 * MB)
    paused = await world.ask(KEY, "node-0", "node-1", transport)
    windows = Windows(world.nodes["node-1"].models)
    async with sharing(world):
        loop = asyncio.create_task(world.runner.run())
        await windows.until(lambda found: found.get(paused, 0) > 30 * MIB)
        assert await world.runner.pause([paused]) == 1
        world.limit(bandwidth_bytes_per_second=None)
        other = await world.ask(KEY, "node-0", "node-2", transport)
        world.runner.wake()
        await reaches(world, other, TransferState.DONE)
        entry = await world.entry(KEY)
        assert entry.current is not None
        assert await world.queue.resume([paused]) == 1
        world.runner.wake()
        await reaches(world, paused, TransferState.DONE)
        await world.runner.stop()
        await loop
    done = await world.transfer(paused)
    assert done.bytes_on_wire <= SIZE - 8 * MIB
    assert temporaries(*(node.models for node in world.nodes.nodes)) == []
