"""One transfer, from claimed to done, and every way in which it may end otherwise."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from config.types import DataType
from engine.codes import TransferCode
from engine.errors import ErrorClass
from engine.execution.space_watch import SpaceWatch
from engine.model import EntryKey, ReplicaState, TransferState, Transport
from tests.execution.data import MIB, add_rows, make_database, read_copy, temporaries
from tests.execution.world import World

S = TransferState
GAMES = EntryKey(DataType.GAMES, "selfplay.db", "node-1")
NPZ = EntryKey(DataType.NPZ, "hex8_2p.npz")
MODEL = EntryKey(DataType.MODELS, "hex8_2p_v7.pth")
CHAINS = {"rsync": (Transport.RSYNC,), "agent": (Transport.AGENT,), "base64": (Transport.BASE64,)}


def roots(world: World) -> list[Path]:
    return [node.root for node in world.nodes.nodes]


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
async def test_a_live_database_arrives_as_a_snapshot_and_every_edge_is_in_the_history(
    world: World, chain: tuple[Transport, ...]
) -> None:
    source = world.nodes["node-1"].games / "selfplay.db"
    make_database(source, 3000)
    await world.scan()
    transfer_id = await world.ask(GAMES, "node-1", "node-0", *chain)
    ended = await world.carry_out(transfer_id)
    assert (ended.state, ended.reason) == (S.DONE, "in place, verified by SHA-256")
    states = await world.states(transfer_id)
    assert list(dict.fromkeys(states)) == [
        S.QUEUED,
        S.CLAIMED,
        S.SNAPSHOTTING,
        S.TRANSFERRING,
        S.VERIFYING,
        S.PUBLISHING,
        S.DONE,
    ]
    copy = world.nodes["node-0"].games / "synced" / "node-1" / "selfplay.db"
    assert read_copy(copy) == ("ok", 3000)
    entry = await world.entry(GAMES)
    assert {r.location: r.state for r in entry.replicas} == {
        "node-0": ReplicaState.CURRENT,
        "node-1": ReplicaState.CURRENT,
    }
    assert entry.current is not None and entry.current.games_count == 3000
    assert temporaries(*roots(world)) == []
    attempts = await world.queue.attempts(transfer_id)
    assert [a.success for a in attempts] == [True]
    assert attempts[0].bytes_done == copy.stat().st_size


async def test_a_rescan_after_a_transfer_changes_nothing(world: World) -> None:
    make_database(world.nodes["node-1"].games / "selfplay.db", 500)
    await world.scan()
    await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    before = await world.entry(GAMES)
    await world.scan()
    after = await world.entry(GAMES)
    assert {(r.location, r.state, r.sha256, r.changed) for r in after.replicas} == {
        (r.location, r.state, r.sha256, False) for r in before.replicas
    }


async def test_rows_added_later_replace_the_earlier_version_at_the_target(world: World) -> None:
    source = world.nodes["node-1"].games / "selfplay.db"
    make_database(source, 500)
    await world.scan()
    await world.carry_out(await world.ask(GAMES, "node-1", "node-0", Transport.RSYNC))
    add_rows(source, 700)
    await world.scan()
    ended = await world.carry_out(await world.ask(GAMES, "node-1", "node-0", Transport.RSYNC))
    assert ended.state is S.DONE
    assert read_copy(world.nodes["node-0"].games / "synced" / "node-1" / "selfplay.db") == ("ok", 1200)


async def test_what_the_target_holds_already_is_not_moved_again(world: World) -> None:
    content = os.urandom(100_000)
    for name in ("node-1", "node-2"):
        (world.nodes[name].models / "hex8_2p_v7.pth").write_bytes(content)
    await world.scan()
    ended = await world.carry_out(await world.ask(MODEL, "node-1", "node-2", Transport.AGENT))
    assert (ended.state, ended.reason) == (S.DONE, "the target holds it already")
    assert (await world.entry(MODEL)).locations == {"node-1", "node-2"}


async def test_a_smaller_file_is_blocked_before_a_larger_one_and_says_what_to_do(world: World) -> None:
    source = world.nodes["node-1"].games / "selfplay.db"
    make_database(source, 3000)
    await world.scan()
    await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    copy = world.nodes["node-2"].games / "synced" / "node-1" / "selfplay.db"
    source.unlink()
    make_database(source, 100)
    await world.scan()
    ended = await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    assert ended.state is S.BLOCKED
    assert "smaller" in ended.reason
    assert ended.hint is not None and str(copy) in ended.hint
    assert read_copy(copy) == ("ok", 3000)
    assert temporaries(*roots(world)) == []


async def test_a_diverged_file_is_never_overwritten(world: World) -> None:
    theirs = world.nodes["node-2"].games / "synced" / "node-1" / "selfplay.db"
    make_database(theirs, 50, journal_mode="delete")
    make_database(world.nodes["node-1"].games / "selfplay.db", 3000)
    await world.scan()
    # The origin's content is known first, so the other one is no version of it.
    await world.carry_out(await world.ask(GAMES, "node-1", "node-0", Transport.RSYNC))
    ended = await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    assert (ended.state, ended.code) == (S.BLOCKED, TransferCode.DIVERGED)
    assert "diverged" in ended.reason
    assert read_copy(theirs) == ("ok", 50)
    entry = await world.entry(GAMES)
    assert {r.location: r.state for r in entry.replicas}["node-2"] is ReplicaState.DIVERGED


async def test_a_torn_archive_is_marked_bad_and_goes_nowhere(world: World) -> None:
    (world.nodes["node-1"].training / "hex8_2p.npz").write_bytes(b"PK\x03\x04" + os.urandom(50_000))
    await world.scan()
    ended = await world.carry_out(await world.ask(NPZ, "node-1", "node-2", Transport.AGENT))
    assert (ended.state, ended.code) == (S.BLOCKED, TransferCode.SOURCE_DAMAGED)
    assert "damaged" in ended.reason
    assert (await world.entry(NPZ)).replicas[0].state is ReplicaState.BAD
    assert not (world.nodes["node-2"].training / "hex8_2p.npz").exists()
    assert temporaries(*roots(world)) == []


async def test_a_source_that_is_gone_ends_the_transfer_without_blaming_anyone(world: World) -> None:
    path = world.nodes["node-1"].models / "hex8_2p_v7.pth"
    path.write_bytes(os.urandom(1000))
    await world.scan()
    path.unlink()
    ended = await world.carry_out(await world.ask(MODEL, "node-1", "node-2", Transport.AGENT))
    assert ended.state is S.CANCELLED
    assert "not on node-1 any more" in ended.reason


async def test_a_full_target_is_blocked_with_the_figures_and_nothing_is_written(world: World) -> None:
    path = world.nodes["node-1"].models / "hex8_2p_v7.pth"
    path.write_bytes(os.urandom(MIB))
    await world.scan()
    free = world.known.locations["node-2"]
    assert free.total_bytes is not None
    status = (await (await world.pool.get("node-2")).usage(world.known.scan_roots("node-2")))[0]
    everything = status.free_bytes
    assert everything is not None
    thresholds = world.known.policy.thresholds
    # Another transfer holds all the room but half a mebibyte.
    limit = int(free.total_bytes * thresholds.disk_max_percent / 100.0) - (status.used_bytes or 0)
    held = min(everything, limit) - MIB // 2
    world.tools.space.reserve_target(999, "node-2", status, held, thresholds, may_fill=False)
    transfer_id = await world.ask(MODEL, "node-1", "node-2", Transport.AGENT)
    ended = await world.carry_out(transfer_id)
    assert (ended.state, ended.error_class) == (S.BLOCKED, ErrorClass.NO_SPACE)
    assert "max_disk_usage_percent" in ended.reason
    assert ended.hint is not None and "free space on node-2" in ended.hint
    assert not (world.nodes["node-2"].models / "hex8_2p_v7.pth").exists()
    world.tools.space.release(999)
    assert await SpaceWatch(world.tools).release_what_fits() == 1
    assert (await world.carry_out(transfer_id)).state is S.DONE


async def test_an_emergency_fills_past_max_only_where_an_operator_said_so(world: World) -> None:
    path = world.nodes["node-1"].models / "hex8_2p_v7.pth"
    path.write_bytes(os.urandom(MIB))
    await world.scan()
    status = (await (await world.pool.get("node-2")).usage(world.known.scan_roots("node-2")))[0]
    assert status.total_bytes is not None and status.used_bytes is not None
    # The disk is as full as it may be, and far from the floor of free space.
    most = 100.0 * status.used_bytes / status.total_bytes
    thresholds = replace(world.known.policy.thresholds, disk_max_percent=most, disk_min_free_percent=1.0)
    world.known.apply_policy(replace(world.known.policy, thresholds=thresholds))
    transfer_id = await world.ask(MODEL, "node-1", "node-2", Transport.AGENT, emergency=True)
    ended = await world.carry_out(transfer_id)
    assert (ended.state, ended.error_class) == (S.BLOCKED, ErrorClass.NO_SPACE)
    await world.ask(MODEL, "node-1", "node-2", Transport.AGENT, emergency=True, may_fill=True)
    assert await SpaceWatch(world.tools).release_what_fits() == 1
    ended = await world.carry_out(transfer_id)
    assert ended.state is S.DONE, ended.reason


@pytest.mark.parametrize("name", ["two words.pth", "Ünïcödé 日本.pth", "-leading dash.pth", "q'uo\"te$HOME.pth"])
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
async def test_any_name_is_published_as_it_is(world: World, name: str, chain: tuple[Transport, ...]) -> None:
    content = os.urandom(5000)
    (world.nodes["node-0"].models / name).write_bytes(content)
    await world.scan()
    key = EntryKey(DataType.MODELS, name)
    ended = await world.carry_out(await world.ask(key, "node-0", "node-2", *chain))
    assert ended.state is S.DONE, ended.reason
    assert (world.nodes["node-2"].models / name).read_bytes() == content


async def test_a_database_that_a_reader_opened_at_the_target_keeps_no_stale_log(world: World) -> None:
    source = world.nodes["node-1"].games / "selfplay.db"
    make_database(source, 300)
    await world.scan()
    await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    copy = world.nodes["node-2"].games / "synced" / "node-1" / "selfplay.db"
    (copy.parent / "selfplay.db-shm").write_bytes(b"left by a reader")
    add_rows(source, 300)
    await world.scan()
    ended = await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    assert ended.state is S.DONE, ended.reason
    assert sorted(path.name for path in copy.parent.iterdir()) == ["selfplay.db"]
    assert read_copy(copy) == ("ok", 600)
