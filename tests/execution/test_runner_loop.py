"""The runner: everything that can run runs, what cannot says why, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from config.types import DataType
from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.execution.executor import Executor
from engine.execution.runner import Runner
from engine.model import EntryKey, Transfer, TransferState, Transport
from tests.execution.data import MIB, make_database, read_copy, temporaries
from tests.execution.world import World, open_world
from tests.fleet import Fleet

S = TransferState


def model(name: str) -> EntryKey:
    return EntryKey(DataType.MODELS, name)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - the state is in the store, or in other processes
            await asyncio.sleep(0.02)


async def test_drain_moves_everything_and_returns(world: World) -> None:
    names = [f"m{i}.pth" for i in range(12)]
    for name in names:
        (world.nodes["node-1"].models / name).write_bytes(os.urandom(20_000))
    make_database(world.nodes["node-2"].games / "a.db", 500)
    await world.scan()
    for name in names:
        await world.ask(model(name), "node-1", "node-2", Transport.AGENT)
    await world.ask(EntryKey(DataType.GAMES, "a.db", "node-2"), "node-2", "node-0", Transport.RSYNC)
    await world.runner.drain()
    assert await world.queue.counts() == {"done": 13}
    for name in names:
        expected = (world.nodes["node-1"].models / name).read_bytes()
        assert (world.nodes["node-2"].models / name).read_bytes() == expected
    assert await world.queue.first_attempt_rate(0.0) == 1.0


async def test_two_targets_that_want_one_database_at_once_share_one_snapshot(world: World) -> None:
    source = world.nodes["node-1"].games / "big.db"
    make_database(source, 30_000)
    await world.scan()
    key = EntryKey(DataType.GAMES, "big.db", "node-1")
    for target in ("node-0", "node-2"):
        await world.ask(key, "node-1", target, Transport.AGENT)
    seen: set[str] = set()
    drain = asyncio.create_task(world.runner.drain())
    while not drain.done():
        seen |= set(temporaries(source.parent))
        await asyncio.sleep(0.005)
    await drain
    assert await world.queue.counts() == {"done": 2}
    copies = [world.nodes[n].games / "synced" / "node-1" / "big.db" for n in ("node-0", "node-2")]
    assert [read_copy(copy) for copy in copies] == [("ok", 30_000)] * 2
    assert len({path for path in seen if path.endswith(".snap")}) <= 1
    assert temporaries(source.parent) == []


async def test_a_closed_node_makes_its_transfers_wait_with_the_reason_and_others_go_on(world: World) -> None:
    for name in ("one.pth", "two.pth"):
        (world.nodes["node-0"].models / name).write_bytes(os.urandom(1000))
    await world.scan()
    waiting = await world.ask(model("one.pth"), "node-0", "node-1", Transport.RSYNC)
    moving = await world.ask(model("two.pth"), "node-0", "node-2", Transport.RSYNC)
    world.closed["node-1"] = "node-1 is paused by the operator"
    await world.runner.drain()
    held = await world.transfer(waiting)
    assert (held.state, held.reason) == (S.WAITING, "node-1 is paused by the operator")
    assert (await world.transfer(moving)).state is S.DONE
    world.closed.clear()
    await world.runner.drain()
    assert (await world.transfer(waiting)).state is S.DONE


@pytest.mark.parametrize(
    ("withdrawn", "code"), [("", TransferCode.CANCELLED_BY_OPERATOR), ("a host of it left the configuration", None)]
)
async def test_cancelling_a_running_transfer_ends_it_and_leaves_nothing(
    world: World, withdrawn: str, code: TransferCode | None
) -> None:
    world.limit(bandwidth_bytes_per_second=2 * MIB)
    (world.nodes["node-0"].models / "big.pth").write_bytes(os.urandom(24 * MIB))
    await world.scan()
    transfer_id = await world.ask(model("big.pth"), "node-0", "node-2", Transport.RSYNC)
    loop = asyncio.create_task(world.runner.run())

    async def moving() -> bool:
        progress = world.runner.progress_of(transfer_id)
        return progress is not None and progress.bytes_done > 0

    await until(moving)
    assert await world.runner.cancel([transfer_id], withdrawn) == 1
    ended = await world.transfer(transfer_id)
    assert (ended.state, ended.code) == (S.CANCELLED, code)
    assert ended.reason == (withdrawn or "cancelled by the operator")
    assert world.runner.progress_of(transfer_id) is None
    assert temporaries(world.nodes["node-2"].root) == []
    await world.runner.stop()
    await loop


async def test_stopping_puts_running_work_back_for_the_next_start(fleet: Fleet, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    content = os.urandom(16 * MIB)
    (fleet["node-0"].models / "big.pth").write_bytes(content)
    async with open_world(fleet, state, "00000001", settings={"bandwidth_bytes_per_second": 2 * MIB}) as world:
        await world.scan()
        transfer_id = await world.ask(model("big.pth"), "node-0", "node-2", Transport.AGENT)
        loop = asyncio.create_task(world.runner.run())

        async def moving() -> bool:
            progress = world.runner.progress_of(transfer_id)
            return progress is not None and progress.bytes_done > 0

        await until(moving)
        await world.runner.stop()
        await loop
        stopped = await world.transfer(transfer_id)
        assert (stopped.state, stopped.reason) == (S.QUEUED, "the engine was stopped")
        assert temporaries(fleet["node-2"].root) == []
    async with open_world(fleet, state, "00000002") as world:
        await world.recovery.start()
        await world.runner.drain()
        assert (await world.transfer(transfer_id)).state is S.DONE
    assert (fleet["node-2"].models / "big.pth").read_bytes() == content


async def test_a_node_that_dies_midway_is_retried_by_itself_and_the_copy_arrives(fleet: Fleet, tmp_path: Path) -> None:
    content = os.urandom(12 * MIB)
    (fleet["node-0"].models / "big.pth").write_bytes(content)
    settings = {"bandwidth_bytes_per_second": 2 * MIB, "max_retries": 9}
    async with open_world(fleet, tmp_path / "state.db", "00000001", settings=settings) as world:
        await world.scan()
        transfer_id = await world.ask(model("big.pth"), "node-0", "node-2", Transport.AGENT)
        drain = asyncio.create_task(world.runner.drain())

        async def moving() -> bool:
            progress = world.runner.progress_of(transfer_id)
            return progress is not None and progress.bytes_done > MIB

        await until(moving)
        fleet["node-2"].kill()

        async def waits() -> bool:
            return (await world.transfer(transfer_id)).state is S.RETRY_AT

        await until(waits)
        held = await world.transfer(transfer_id)
        assert held.error_class is ErrorClass.TRANSIENT_NETWORK
        assert held.hint
        fleet["node-2"].start()
        world.limit(bandwidth_bytes_per_second=None)
        await asyncio.wait_for(drain, 60)
        ended = await world.transfer(transfer_id)
        assert ended.state is S.DONE, ended.reason
        assert [a.success for a in await world.queue.attempts(transfer_id)][-1]
    assert (fleet["node-2"].models / "big.pth").read_bytes() == content
    assert temporaries(fleet["node-2"].root) == []


async def test_what_a_refused_login_blocked_goes_on_when_the_node_answers_again(world: World) -> None:
    (world.nodes["node-0"].models / "one.pth").write_bytes(os.urandom(1000))
    await world.scan()
    transfer_id = await world.ask(model("one.pth"), "node-0", "node-2", Transport.RSYNC)
    claimed = await world.queue.claim(world.tools.names.run_id)
    await world.queue.block(claimed[0].id, "permission denied", error_class=ErrorClass.AUTH, hint="add the key")
    assert await world.runner.node_recovered("node-1") == 0
    assert await world.runner.node_recovered("node-2") == 1
    await world.runner.drain()
    assert (await world.transfer(transfer_id)).state is S.DONE


async def test_a_fault_of_ours_blocks_its_transfer_visibly_and_the_others_go_on(world: World) -> None:
    for name in ("one.pth", "two.pth"):
        (world.nodes["node-0"].models / name).write_bytes(os.urandom(1000))
    await world.scan()
    faulty = await world.ask(model("one.pth"), "node-0", "node-2", Transport.RSYNC)
    sound = await world.ask(model("two.pth"), "node-0", "node-2", Transport.RSYNC)

    class FaultyExecutor(Executor):
        async def run(self, transfer: Transfer) -> None:
            if transfer.id == faulty:
                raise ZeroDivisionError("a fault of ours")
            await super().run(transfer)

    runner = Runner(world.tools, FaultyExecutor(world.tools), dict)
    await runner.drain()
    blocked = await world.transfer(faulty)
    assert (blocked.state, blocked.error_class) == (S.BLOCKED, ErrorClass.BUG)
    assert "ZeroDivisionError" in blocked.reason
    assert (await world.transfer(sound)).state is S.DONE
