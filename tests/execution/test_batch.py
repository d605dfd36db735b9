"""Small files travel together; each keeps its own states, verdict and history, and fails alone."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from config.types import DataType
from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.model import EntryKey, ReplicaState, SyncPriority, TransferState, Transport
from engine.queue.queue import NewTransfer
from tests.execution.data import MIB, make_database, temporaries
from tests.execution.world import World

S = TransferState
GIB = 1 << 30
TO_DONE = [S.QUEUED, S.CLAIMED, S.TRANSFERRING, S.VERIFYING, S.PUBLISHING, S.DONE]


def model(name: str) -> EntryKey:
    return EntryKey(DataType.MODELS, name)


def log_of(name: str) -> EntryKey:
    return EntryKey(DataType.GAMES, name, "node-1")


def roots(world: World) -> list[Path]:
    return [node.root for node in world.nodes.nodes]


def write_models(world: World, count: int, size: int = 3000) -> dict[str, bytes]:
    """Write files on node-1, some in folders of their own; return their contents by name."""
    contents = {}
    for number in range(count):
        name = f"run{number % 3}/m{number}.pth" if number % 2 else f"m{number}.pth"
        path = world.nodes["node-1"].models / name
        path.parent.mkdir(exist_ok=True)
        contents[name] = os.urandom(size + number)
        path.write_bytes(contents[name])
    return contents


async def ask_all(world: World, keys: list[EntryKey], *chain: Transport, target: str = "node-2") -> list[int]:
    """Scan, and ask for every key as the planner does: sizes known."""
    await world.scan()
    return await world.queue.enqueue(
        [NewTransfer(key, "node-1", target, SyncPriority.NORMAL, "test", transport_preference=chain) for key in keys]
    )


async def batched(world: World, transfer_id: int) -> bool:
    """Return whether a transfer went in a batch."""
    edges = await world.queue.history(transfer_id)
    return any("in a batch of" in edge.reason for edge in edges)


@pytest.mark.parametrize("transport", [Transport.AGENT, Transport.BASE64, Transport.HTTP])
async def test_small_files_travel_together_and_each_keeps_its_own_history(world: World, transport: Transport) -> None:
    contents = write_models(world, 40)
    ids = await ask_all(world, [model(name) for name in contents], transport)
    await world.runner.drain()
    assert await world.queue.counts() == {"done": 40}
    for name, content in contents.items():
        copy = world.nodes["node-2"].models / name
        assert copy.read_bytes() == content
        source = world.nodes["node-1"].models / name
        assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns and copy.stat().st_mode & 0o777 == 0o644
    for transfer_id in ids:
        assert await batched(world, transfer_id)
        assert await world.states(transfer_id) == TO_DONE
        (attempt,) = await world.queue.attempts(transfer_id)
        assert (attempt.success, attempt.transport) == (True, transport)
        ended = await world.transfer(transfer_id)
        entry = await world.entry(ended.key)
        assert ended.bytes_done == ended.bytes_total == entry.size_bytes
        assert {r.location: r.state for r in entry.replicas} == dict.fromkeys(
            ("node-1", "node-2"), ReplicaState.CURRENT
        )
        assert entry.current is not None and ended.sha256 == entry.current.sha256
    assert temporaries(*roots(world)) == []


async def test_a_rescan_after_a_batch_changes_nothing(world: World) -> None:
    await ask_all(world, [model(name) for name in write_models(world, 10)], Transport.AGENT)
    await world.runner.drain()
    before = await world.catalog.sequence()
    await world.scan()
    assert await world.catalog.sequence() == before


async def test_each_file_that_cannot_go_fails_alone_and_says_why(world: World) -> None:
    contents = write_models(world, 8)
    here, there = world.nodes["node-1"].models, world.nodes["node-2"].models
    (here / "torn.pth").write_bytes(b"PK\x03\x04" + os.urandom(4000))
    names = ["changed.pth", "gone.pth", "folder.pth", "same.pth"]
    for name in names:
        (here / name).write_bytes(name.encode() * 100)
    keys = [model(name) for name in (*contents, "torn.pth", *names)]
    (there / "same.pth").write_bytes((here / "same.pth").read_bytes())
    ids = dict(zip((*contents, "torn.pth", *names), await ask_all(world, keys, Transport.AGENT), strict=True))
    (there / "folder.pth").mkdir()
    (here / "gone.pth").unlink()
    await world.runner.drain()
    ended = {name: await world.transfer(number) for name, number in ids.items()}
    assert {ended[name].state for name in contents} == {S.DONE}
    assert (ended["torn.pth"].state, ended["torn.pth"].error_class) == (S.BLOCKED, ErrorClass.CHECKSUM_MISMATCH)
    assert ended["torn.pth"].code is TransferCode.SOURCE_DAMAGED
    assert (await world.entry(model("torn.pth"))).replicas[0].state is ReplicaState.BAD
    assert ended["gone.pth"].state is S.CANCELLED and "not on node-1 any more" in ended["gone.pth"].reason
    assert ended["folder.pth"].state is S.BLOCKED and "is a folder" in ended["folder.pth"].reason
    assert ended["folder.pth"].code is None
    assert (ended["same.pth"].state, ended["same.pth"].reason) == (S.DONE, "the target holds it already")
    assert (there / "m0.pth").read_bytes() == contents["m0.pth"]
    assert temporaries(*roots(world)) == []


async def test_smaller_never_replaces_larger_and_a_new_version_replaces_the_old_one(world: World) -> None:
    contents = write_models(world, 4, size=5000)
    await ask_all(world, [model(name) for name in contents], Transport.AGENT)
    await world.runner.drain()
    here, there = world.nodes["node-1"].models, world.nodes["node-2"].models
    (here / "m0.pth").write_bytes(b"short")
    for name in ("run1/m1.pth", "m2.pth", "run0/m3.pth"):
        (here / name).write_bytes(os.urandom(9000))
    again = await ask_all(world, [model(name) for name in contents], Transport.AGENT)
    await world.runner.drain()
    ended = {name: await world.transfer(number) for name, number in zip(contents, again, strict=True)}
    assert (ended["m0.pth"].state, ended["m0.pth"].code) == (S.BLOCKED, TransferCode.SMALLER)
    assert ended["m0.pth"].hint is not None and str(there / "m0.pth") in ended["m0.pth"].hint
    assert (there / "m0.pth").read_bytes() == contents["m0.pth"]
    for name in ("run1/m1.pth", "m2.pth", "run0/m3.pth"):
        assert ended[name].state is S.DONE, ended[name]
        assert (there / name).read_bytes() == (here / name).read_bytes()
    assert temporaries(*roots(world)) == []


async def test_a_diverged_file_is_never_overwritten_and_its_batch_arrives(world: World) -> None:
    names = [f"games_hex8_{number}.jsonl" for number in range(4)]
    for name in names:
        (world.nodes["node-1"].games / name).write_bytes(b'{"g":1}\n')
    await ask_all(world, [log_of(name) for name in names], Transport.AGENT, target="node-0")
    await world.runner.drain()
    landed = world.nodes["node-2"].games / "synced" / "node-1"
    landed.mkdir(parents=True)
    (landed / names[0]).write_bytes(b'{"theirs":1}\n')
    ids = await ask_all(world, [log_of(name) for name in names], Transport.AGENT)
    await world.runner.drain()
    first, *others = [await world.transfer(number) for number in ids]
    assert (first.state, first.code) == (S.BLOCKED, TransferCode.DIVERGED)
    assert (landed / names[0]).read_bytes() == b'{"theirs":1}\n'
    assert {transfer.state for transfer in others} == {S.DONE}
    assert [await batched(world, number) for number in ids] == [False, True, True, True]


async def test_growing_logs_travel_by_whole_lines_and_live_databases_go_singly(world: World) -> None:
    games = world.nodes["node-1"].games
    for number in range(5):
        (games / f"games_hex8_{number}.jsonl").write_bytes(b'{"g":1}\n' * (number + 1) + b'{"half')
    make_database(games / "selfplay.db", 20)
    keys = [log_of(f"games_hex8_{number}.jsonl") for number in range(5)]
    *logs, database = await ask_all(world, [*keys, log_of("selfplay.db")], Transport.AGENT)
    await world.runner.drain()
    assert await world.queue.counts() == {"done": 6}
    for number, transfer_id in enumerate(logs):
        copy = world.nodes["node-2"].games / "synced" / "node-1" / f"games_hex8_{number}.jsonl"
        assert copy.read_bytes() == b'{"g":1}\n' * (number + 1)
        assert await batched(world, transfer_id)
        current = (await world.entry(keys[number])).current
        assert current is not None and current.games_count == number + 1
    assert not await batched(world, database)
    assert S.SNAPSHOTTING in await world.states(database)


async def test_a_transport_that_an_operator_chose_is_kept_to_though_it_carries_no_batches(world: World) -> None:
    contents = write_models(world, 3)
    ids = await ask_all(world, [model(name) for name in contents], Transport.RSYNC, target="node-0")
    await world.runner.drain()
    assert await world.queue.counts() == {"done": 3}
    assert [await batched(world, number) for number in ids] == [False] * 3


async def test_cancelling_one_of_a_batch_leaves_nothing_of_it_and_the_others_arrive(world: World) -> None:
    world.limit(bandwidth_bytes_per_second=2 * MIB)
    contents = write_models(world, 12, size=MIB)
    ids = await ask_all(world, [model(name) for name in contents], Transport.AGENT)
    loop = asyncio.create_task(world.runner.run())
    async with asyncio.timeout(60):
        while S.TRANSFERRING not in await world.states(ids[5]):  # noqa: ASYNC110 - the state is in the store
            await asyncio.sleep(0.02)
    assert await world.runner.cancel([ids[5]]) == 1
    assert (await world.transfer(ids[5])).state is S.CANCELLED
    assert not any(f"-{ids[5]}-" in path for path in temporaries(*roots(world)))
    world.limit(bandwidth_bytes_per_second=None)
    await world.runner.stop()
    await loop
    assert temporaries(*roots(world)) == []
    rest = [await world.transfer(number) for number in ids if number != ids[5]]
    assert {transfer.state for transfer in rest} <= {S.QUEUED, S.DONE}


async def test_what_may_not_fit_as_a_whole_goes_file_by_file_until_the_disk_is_full(world: World) -> None:
    contents = write_models(world, 6, size=MIB)
    ids = await ask_all(world, [model(name) for name in contents], Transport.AGENT)
    status = (await (await world.pool.get("node-2")).usage(world.known.scan_roots("node-2")))[0]
    assert status.total_bytes is not None and status.free_bytes is not None
    thresholds = world.known.policy.thresholds
    limit = int(status.total_bytes * thresholds.disk_max_percent / 100.0) - (status.used_bytes or 0)
    # More than is free, as of a drive that has it: whatever others free on this machine meanwhile is held, too.
    held, roomy = min(status.free_bytes, limit) + GIB, 4 * status.total_bytes + GIB
    before = replace(status, total_bytes=roomy, free_bytes=roomy)
    world.tools.space.reserve_target(999, "node-2", before, held, thresholds, may_fill=False)
    await world.runner.drain()
    ended = [await world.transfer(number) for number in ids]
    assert {transfer.state for transfer in ended} == {S.BLOCKED}
    assert {transfer.error_class for transfer in ended} == {ErrorClass.NO_SPACE}
    assert temporaries(*roots(world)) == []
