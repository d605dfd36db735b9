"""Limits, urgency, pauses and cancels on real transfers of two transports, while they run."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from config.types import DataType
from engine.model import EntryKey, Transfer, TransferState, Transport
from engine.transport.bandwidth.limits import FLEET, OperatorLimit
from tests.execution.data import MIB, temporaries
from tests.execution.world import World

MB = 1_000_000
TWO_TRANSPORTS = [(Transport.RSYNC, "node-0"), (Transport.AGENT, "node-2")]
"""Which way from which node to node-1; node-0 is the engine's own."""


class Windows:
    """Bytes that lie in temporary files at the target, over time: what really went through, whoever counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.samples: list[tuple[float, dict[int, int]]] = []

    def look(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for path in temporaries(self._folder):
            with suppress(FileNotFoundError):
                # The name carries the transfer's number; blocks that are only reserved do not count into a size.
                found[_number(path)] = os.stat(path).st_size
        self.samples.append((time.monotonic(), found))
        return found

    async def until(self, done: Callable[[dict[int, int]], bool]) -> None:
        while not done(self.look()):  # noqa: ASYNC110 - files grow without telling anybody
            await asyncio.sleep(0.02)

    async def over(self, seconds: float) -> dict[int, int]:
        """Return what each transfer moved in a window that begins now."""
        before, until = self.look(), time.monotonic() + seconds
        await self.until(lambda found: time.monotonic() >= until)
        after = self.samples[-1][1]
        return {number: size - before.get(number, 0) for number, size in after.items()}


def _number(path: str) -> int:
    from engine.integrity.temporary import parse_temporary

    name = parse_temporary(path)
    assert name is not None
    return name.transfer_id


async def transfers_of(world: World, size_bytes: int) -> dict[Transport, Transfer]:
    """Claim, but do not start, one transfer of each transport."""
    for transport, source in TWO_TRANSPORTS:
        world.nodes[source].models.joinpath(f"{transport.value}.ckpt").write_bytes(os.urandom(size_bytes))
    await world.scan()
    for transport, source in TWO_TRANSPORTS:
        await world.ask(EntryKey(DataType.CHECKPOINT, f"{transport.value}.ckpt"), source, "node-1", transport)
    claimed = await world.queue.claim(world.tools.names.run_id, 120.0, len(TWO_TRANSPORTS))
    return {transfer.transport_preference[0]: transfer for transfer in claimed}


@asynccontextmanager
async def sharing(world: World) -> AsyncIterator[None]:
    """Run the allocator's loop meanwhile."""
    loop = asyncio.create_task(world.tools.bandwidth.run())
    try:
        yield
    finally:
        loop.cancel()
        await asyncio.wait([loop])


@asynccontextmanager
async def running(world: World, *transfers: Transfer) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run transfers, and end what still runs of them."""
    async with sharing(world):
        tasks = [asyncio.create_task(world.executor.run(transfer)) for transfer in transfers]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def reaches(world: World, transfer_id: int, state: TransferState) -> None:
    """Wait for a state of a transfer; one that blocks it instead is an error."""
    while (found := await world.transfer(transfer_id)).state is not state:
        assert found.state not in (TransferState.BLOCKED, TransferState.FAILED), found.reason
        await asyncio.sleep(0.05)


async def test_two_transports_together_never_pass_the_limit_and_both_arrive(world: World) -> None:
    world.limit(bandwidth_bytes_per_second=8 * MB)
    transfers = await transfers_of(world, 12 * MIB)
    windows = Windows(world.nodes["node-1"].models)
    async with running(world, *transfers.values()) as tasks:
        await windows.until(lambda found: all(task.done() for task in tasks))
    for transfer in transfers.values():
        assert (await world.transfer(transfer.id)).state is TransferState.DONE
    totals = [(at, sum(found.values())) for at, found in windows.samples]
    for index, (began, before) in enumerate(totals):
        later = next(((at, total) for at, total in totals[index:] if at - began >= 1.0), None)
        if later is not None:
            # A quarter of a second's burst, and what lies in the buffers of ssh and rsync, comes on top.
            assert later[1] - before <= 8 * MB * (later[0] - began) * 1.1 + 6 * MB


@pytest.mark.parametrize("transport", [Transport.RSYNC, Transport.AGENT])
async def test_a_lower_limit_takes_effect_within_a_second_and_a_higher_one_too(
    world: World, transport: Transport
) -> None:
    world.limit(bandwidth_bytes_per_second=20 * MB)
    transfer = (await transfers_of(world, 60 * MIB))[transport]
    windows = Windows(world.nodes["node-1"].models)
    async with running(world, transfer) as (task,):
        await windows.until(lambda found: found.get(transfer.id, 0) > 8 * MB)
        world.tools.bandwidth.set_limits({FLEET: OperatorLimit(2 * MB)})
        await windows.over(1.0)
        slow = await windows.over(1.5)
        assert 0 < slow[transfer.id] <= 6 * MB
        world.tools.bandwidth.set_limits({FLEET: OperatorLimit(None)})
        await windows.over(1.0)
        await windows.until(lambda found: task.done() or found.get(transfer.id, 0) >= 60 * MIB)


async def test_an_urgent_transfer_has_most_of_the_link_within_a_second(world: World) -> None:
    world.limit(node_bandwidth_bytes_per_second={"node-1": 10 * MB})
    transfers = await transfers_of(world, 60 * MIB)
    other, urgent = transfers[Transport.RSYNC], transfers[Transport.AGENT]
    windows = Windows(world.nodes["node-1"].models)
    async with running(world, other, urgent):
        await windows.until(lambda found: all(found.get(t.id, 0) > 4 * MB for t in transfers.values()))
        world.tools.bandwidth.raise_priority(urgent.id, urgent.priority, emergency=True)
        await windows.over(1.0)
        moved = await windows.over(2.0)
    assert moved[urgent.id] >= 0.75 * sum(moved.values())
    assert moved[urgent.id] >= 0.5 * 2.0 * 10 * MB


@pytest.mark.parametrize("transport", [Transport.RSYNC, Transport.AGENT])
async def test_a_paused_transfer_keeps_what_arrived_and_goes_on_from_there(world: World, transport: Transport) -> None:
    size = 40 * MIB
    world.limit(bandwidth_bytes_per_second=20 * MB)
    transfer = (await transfers_of(world, size))[transport]
    other = next(t for t in await world.queue.running() if t.id != transfer.id)
    await world.queue.cancel([other.id])
    await world.queue.transition(transfer.id, TransferState.QUEUED, "again")
    windows = Windows(world.nodes["node-1"].models)
    async with sharing(world):
        loop = asyncio.create_task(world.runner.run())
        await windows.until(lambda found: found.get(transfer.id, 0) > 16 * MIB)
        assert await world.runner.pause([transfer.id]) == 1
        paused = await world.transfer(transfer.id)
        assert (paused.state, paused.reason) == (TransferState.WAITING, "paused by the operator")
        kept = windows.look()[transfer.id]
        assert kept > 16 * MIB
        world.runner.wake()
        assert (await windows.over(0.5))[transfer.id] == 0
        world.limit(bandwidth_bytes_per_second=None)
        assert await world.queue.resume([transfer.id]) == 1
        world.runner.wake()
        await reaches(world, transfer.id, TransferState.DONE)
        await world.runner.stop()
        await loop
    done = await world.transfer(transfer.id)
    # What rsync compares blocks with goes over the wire as well, and the stream cuts back to a whole chunk.
    assert done.bytes_on_wire <= size - kept + 5 * MIB
    assert temporaries(world.nodes["node-1"].models) == []


async def test_a_paused_transfer_stays_paused_for_the_next_engine_until_it_is_resumed(world: World) -> None:
    transfers = await transfers_of(world, 1000)
    ids = [transfer.id for transfer in transfers.values()]
    for number in ids:
        await world.queue.transition(number, TransferState.QUEUED, "again")
    assert await world.queue.pause(ids) == 2
    assert (await world.queue.void_leases("00000002")).requeued == 0
    assert await world.queue.claim("00000002", limit=5) == []
    assert await world.queue.resume(ids[:1]) == 1
    assert [transfer.id for transfer in await world.queue.claim("00000002", limit=5)] == ids[:1]


@pytest.mark.parametrize("transport", [Transport.RSYNC, Transport.AGENT])
async def test_cancelling_a_paused_transfer_leaves_nothing_at_either_end(world: World, transport: Transport) -> None:
    world.limit(bandwidth_bytes_per_second=10 * MB)
    transfer = (await transfers_of(world, 30 * MIB))[transport]
    other = next(t for t in await world.queue.running() if t.id != transfer.id)
    await world.queue.cancel([other.id])
    await world.queue.transition(transfer.id, TransferState.QUEUED, "again")
    windows = Windows(world.nodes["node-1"].models)
    async with sharing(world):
        loop = asyncio.create_task(world.runner.run())
        await windows.until(lambda found: found.get(transfer.id, 0) > 5 * MIB)
        await world.runner.pause([transfer.id])
        assert temporaries(*(node.models for node in world.nodes.nodes))
        assert await world.runner.cancel([transfer.id]) == 1
        assert temporaries(*(node.models for node in world.nodes.nodes)) == []
        await world.runner.stop()
        await loop
