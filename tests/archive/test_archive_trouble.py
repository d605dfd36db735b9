"""What goes wrong while archiving: the original is untouched, and what is wrong is said."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.archive.values import ArchiveError, ArchiveState, Original, Witness
from engine.model import ReplicaState, SyncPriority
from engine.queue.queue import NewTransfer
from engine.views_archive import ArchiveRequest
from tests.archive.world import ArchiveWorld, games
from tests.execution.data import make_database

OLD = games("old.db", "node-2")


async def database(world: ArchiveWorld, rows: int = 2000) -> Path:
    path = world.fleet["node-2"].games / "old.db"
    make_database(path, rows, "delete")
    await world.look()
    return path


def flip(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 0xFF]))


async def test_a_flipped_byte_is_found_counts_for_nothing_and_is_repaired(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    assert (record.state, record.original) == (ArchiveState.VERIFIED, Original.KEPT)
    flip(Path(record.path))
    found = await world.parts.desk.verify((record.id,))
    assert (found.accepted, found.failed) == (0, (record.id,))
    assert f"failed: {record.id}" in found.message
    entry = await world.world.entry(OLD)
    assert entry.locations == {"node-2"}
    await world.parts.worker.drain()
    _, rows = await world.parts.records.page(0, 5, "")
    assert [(one.state, one.location) for one in rows] == [
        (ArchiveState.VERIFIED, "node-1"),
        (ArchiveState.REPLACED, "node-1"),
    ]
    assert (await world.world.entry(OLD)).locations == {"node-1", "node-2"}
    assert original.exists()


async def test_a_later_file_of_the_name_is_no_copy_of_what_a_damaged_archive_alone_held(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2")
    assert record.original is Original.DELETED
    make_database(original, 5000, "delete")
    await world.look()
    await world.settle(OLD)
    flip(Path(record.path))
    await world.parts.desk.verify((record.id,))
    await world.parts.worker.drain()
    await world.parts.automatic.round()
    await world.parts.worker.drain()
    assert [number for number, _, _ in await world.parts.records.damaged()] == [record.id]


async def test_a_damaged_archive_is_told_of_until_another_one_took_its_place(world: ArchiveWorld) -> None:
    await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    root = Path(record.root)
    flip(Path(record.path))
    await world.parts.verifier.fail(record, "a byte of it is another")
    away = root.rename(root.with_name("away"))
    for _ in range(2):
        assert await world.parts.desk.repair() == 1
        await world.parts.worker.drain()
    assert [number for number, _, _ in await world.parts.records.damaged()] == [record.id]
    away.rename(root)
    assert await world.parts.desk.repair() == 1
    await world.parts.worker.drain()
    assert await world.parts.records.damaged() == []
    _, rows = await world.parts.records.page(0, 5, "")
    assert [one.state for one in rows] == [ArchiveState.VERIFIED, ArchiveState.REPLACED]


async def test_an_archive_that_somebody_removes_is_missed_and_made_again(world: ArchiveWorld) -> None:
    await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    Path(record.path).unlink()
    await world.parts.automatic.round()
    await world.parts.worker.drain()
    _, rows = await world.parts.records.page(0, 5, "")
    assert [one.state for one in rows] == [ArchiveState.VERIFIED, ArchiveState.REPLACED]
    assert Path(rows[0].path).exists()
    assert (await world.world.entry(OLD)).locations == {"node-1", "node-2"}


async def test_the_only_archive_of_a_file_is_told_of_when_somebody_removes_it(world: ArchiveWorld) -> None:
    await database(world)
    record = await world.archive(OLD, "node-2")
    await world.parts.automatic.round()
    assert await world.parts.records.damaged() == []
    Path(record.path).unlink()
    await world.parts.automatic.round()
    assert await world.parts.records.damaged() == [(record.id, str(OLD), f"{record.path} is not there")]
    assert (await world.world.entry(OLD)).locations == set()


async def test_an_archive_on_a_drive_that_is_away_is_not_taken_for_lost(world: ArchiveWorld) -> None:
    await database(world)
    record = await world.archive(OLD, "node-2")
    root = Path(record.root)
    away = root.rename(root.with_name("away"))
    with pytest.raises(ArchiveError, match="the cold storage is"):
        await world.parts.desk.verify((record.id,))
    with pytest.raises(ArchiveError, match="the cold storage is"):
        await world.parts.verifier.drill(1)
    await world.look()
    await world.parts.automatic.round()
    assert await world.parts.verifier.last_drill() == (None, "")
    assert await world.parts.records.damaged() == []
    away.rename(root)
    assert (await world.parts.desk.verify((record.id,))).accepted == 1


async def test_nothing_is_deleted_for_an_archive_that_was_damaged_meanwhile(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    flip(Path(record.path))
    with pytest.raises(ArchiveError, match="is not what it was"):
        await world.parts.deleter.replace(record, "test")
    assert original.exists()
    entry = await world.world.entry(OLD)
    assert {r.state for r in entry.replicas if r.location == "node-2"} == {ReplicaState.CURRENT}


async def test_a_deletion_that_a_lost_node_cut_short_is_begun_again_when_it_answers(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    deleter = world.parts.deleter
    verdict, replica, _ = await deleter.assess(record)
    vouch = Witness("node-1", record.path, record.sha256 or "", record.verified_at or 0.0, record.id)
    await deleter.proofs.give(record, replica, [vouch], (verdict.before, verdict.after), "test")
    # So it stands when an engine is killed, or the node is lost, between the proof and the unlink.
    games_folder = original.parent.rename(original.parent.with_name("away"))
    root = world.fleet["node-2"].root
    away = root.rename(root.with_name("unplugged"))
    await world.parts.worker.drain()
    states = {r.location: r.state for r in (await world.world.entry(OLD)).replicas}
    assert states["node-2"] is ReplicaState.DELETING, "what cannot be seen is not said to be deleted"
    away.rename(root)
    games_folder.rename(original.parent)
    await world.parts.worker.drain()
    assert not original.exists()
    (found,) = await world.parts.records.of_ids((record.id,))
    assert (found.original, found.reason) == (Original.DELETED, "")


async def copied(world: ArchiveWorld, name: str) -> Path:
    """Have the database copied to another node; return the copy."""
    number = await world.world.ask(OLD, "node-2", name)
    assert (await world.world.carry_out(number)).state.value == "done"
    return world.fleet[name].games / "synced" / "node-2" / "old.db"


async def test_plain_copies_are_read_in_full_on_their_nodes_and_held_beside_the_archive(world: ArchiveWorld) -> None:
    original = await database(world)
    copies = [await copied(world, "node-0"), await copied(world, "node-3")]
    record = await world.archive(OLD, "node-2")
    assert (record.original, original.exists()) == (Original.DELETED, False)
    assert all(copy.exists() for copy in copies)
    (line,) = await world.world.catalog.audit_log()
    assert "3 copies before, 3 after" in line.detail
    for witness in ("node-0", "node-1", "node-3"):
        assert f"{witness}:" in line.detail.split("witnesses ", 1)[1]


async def test_a_copy_that_the_disk_changed_does_not_vouch_and_is_found(world: ArchiveWorld) -> None:
    original = await database(world)
    copy = await copied(world, "node-0")
    before = copy.stat()
    flip(copy)
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    record = await world.archive(OLD, "node-2")
    assert (record.original, original.exists()) == (Original.DELETED, False)
    (line,) = await world.world.catalog.audit_log()
    assert "node-0:" not in line.detail
    states = {r.location: r.state for r in (await world.world.entry(OLD)).replicas}
    assert states == {"node-0": ReplicaState.BAD, "node-1": ReplicaState.ARCHIVED}


async def test_a_damaged_archive_is_never_restored(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2")
    flip(Path(record.path))
    (number,) = await world.parts.restoring.queue([record], None)
    await world.world.carry_out(number)
    assert not original.exists()
    assert world.leftovers() == []
    assert [damaged for damaged, _, _ in await world.parts.records.damaged()] == [record.id]
    make_database(world.fleet["node-2"].games / "new.db", 50, "delete")
    await world.look()
    await world.archive(games("new.db", "node-2"), "node-2")
    _, rows = await world.parts.records.page(0, 5, "")
    assert [one.id for one in rows] == [record.id, record.id + 1], "what is wrong is not hidden under what is newer"
    assert (await world.world.entry(OLD)).locations == set(), "what was found damaged counts for nothing from then on"


async def test_what_changed_after_it_was_archived_stays(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    with original.open("r+b") as file:
        file.seek(200)
        file.write(b"x")
    with pytest.raises(Exception, match="changed since it was looked at"):
        await world.parts.deleter.replace(record, "test")
    assert original.exists()


async def test_what_a_transfer_reads_or_somebody_writes_stays(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2", delete=False)
    (number,) = await world.world.queue.enqueue([NewTransfer(OLD, "node-2", "node-0", SyncPriority.NORMAL, "test")])
    with pytest.raises(ArchiveError, match="a transfer reads it"):
        await world.parts.deleter.replace(record, "test")
    await world.world.runner.cancel([number])
    lock = original.with_name("old.db.writing")
    lock.touch()
    with pytest.raises(Exception, match="is being written"):
        await world.parts.deleter.replace(record, "test")
    lock.unlink()
    await world.parts.deleter.replace(record, "test")
    assert not original.exists()


async def test_nothing_is_restored_over_something_different(world: ArchiveWorld) -> None:
    original = await database(world)
    record = await world.archive(OLD, "node-2")
    make_database(original, 10, "delete")
    before = original.read_bytes()
    (number,) = await world.parts.restoring.queue([record], None)
    done = await world.world.carry_out(number)
    assert done.state.value == "blocked"
    assert original.read_bytes() == before
    with pytest.raises(ArchiveError, match=f"transfer {number} to there is blocked: another file") as again:
        await world.parts.restoring.queue([record], None)
    assert f"`syncdeck transfers retry {number}`" in again.value.remedy
    assert world.leftovers() == []


async def test_a_rented_box_is_no_cold_storage_for_the_last_durable_copies(world: ArchiveWorld) -> None:
    await database(world)
    await copied(world, "node-0")
    known = world.world.known
    rented = replace(known.policy.nodes["node-3"], ephemeral=True)
    known.policy = replace(known.policy, nodes={**known.policy.nodes, "node-3": rented})
    preview = await world.parts.desk.preview(ArchiveRequest((str(OLD),), "node-2", "node-3"))
    assert [why for _, why, _ in preview.refused] == ["node-3 is not durable: an archive there counts as no copy"]


async def test_of_two_copies_of_one_file_one_goes_and_no_more_is_promised(world: ArchiveWorld) -> None:
    path = world.fleet["node-2"].games / "old.db"
    make_database(path, 500, "delete")
    os.utime(path, (1.6e9, 1.6e9))
    await world.look()
    await copied(world, "node-0")
    preview = await world.parts.desk.preview(ArchiveRequest((str(OLD),)))
    (step,) = preview.steps
    assert preview.bytes == step.size_bytes and (step.copies_before, step.copies_after) == (2, 2)
    assert [why for _, why, _ in preview.refused] == [
        f"its copy at {step.location} goes in this run: one archive takes the place of one copy"
    ]
    await world.parts.desk.run(ArchiveRequest((str(OLD),)))
    await world.parts.worker.drain()
    assert len((await world.world.entry(OLD)).locations) == 2


async def test_protected_names_are_refused_with_why(world: ArchiveWorld) -> None:
    make_database(world.fleet["node-2"].games / "canonical_hex8_2p.db", 50, "delete")
    await world.look()
    key = str(games("canonical_hex8_2p.db", "node-2"))
    preview = await world.parts.desk.preview(ArchiveRequest((key,), "node-2"))
    assert [(key, why) for key, why, _ in preview.refused] == [(key, "its name is protected (canonical_*)")]
