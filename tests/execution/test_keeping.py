"""Keeping both on real nodes: what blocks is renamed, what was blocked arrives, and nothing in use is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from config.types import DataType
from engine.archive.parts import ArchiveParts, build_archive_parts
from engine.archive.values import NewArchive
from engine.errors import SyncdeckError
from engine.inventory.hasher import Hasher
from engine.keeping.desk import KeepDesk
from engine.keeping.parts import build_keeping
from engine.model import EntryKey, FileKind, ReplicaState, TransferState, Transport
from engine.planner.keeping import Aside, aside
from engine.queue.queue import LEASE_SECONDS
from engine.remote.archive_types import Keeping
from engine.store.schema import holds, proofs
from engine.views_keeping import KeepRequest
from tests.execution.data import make_database, read_copy
from tests.execution.world import World

GAMES = EntryKey(DataType.GAMES, "selfplay.db", "node-1")
PLACE = (str(GAMES), "node-2")
S = TransferState


@dataclass
class Ground:
    """A box that began anew, and a transfer of its new games that is blocked by what was saved."""

    world: World
    archive: ArchiveParts
    desk: KeepDesk
    blocked: int
    acts: list[tuple[str, str, str]]

    @property
    def saved(self) -> Path:
        return self.world.nodes["node-2"].games / "synced" / "node-1" / "selfplay.db"

    def kept(self) -> list[Path]:
        return sorted(self.saved.parent.glob("selfplay.kept-*.db"))

    async def refused(self, request: KeepRequest | None = None) -> str:
        """Return why nothing would be done, and is not when asked for."""
        request = request or KeepRequest(places=(PLACE,))
        before = self.saved.read_bytes()
        preview, result = await self.desk.preview(request), await self.desk.keep(request)
        assert (preview.steps, result.kept, self.kept()) == ((), (), [])
        assert preview.refused == result.refused and self.saved.read_bytes() == before
        (one,) = result.refused
        assert one.remedy
        return one.reason


@pytest.fixture
async def ground(world: World) -> AsyncIterator[Ground]:
    source = world.nodes["node-1"].games / "selfplay.db"
    make_database(source, 3000)
    await world.scan()
    await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    source.unlink()
    make_database(source, 100)
    await world.scan()
    ended = await world.carry_out(await world.ask(GAMES, "node-1", "node-2", Transport.AGENT))
    assert ended.state is S.BLOCKED and "keep-both" in (ended.hint or "")
    acts: list[tuple[str, str, str]] = []

    async def audit(action: str, subject: str, detail: str) -> None:
        acts.append((action, subject, detail))

    archive = build_archive_parts(world.tools, world.store, world.known, frozenset)
    desk = build_keeping(world.tools, world.known, world.known.location_views, lambda: (), archive, audit, lambda: None)
    yield Ground(world, archive, desk, ended.id, acts)


async def test_the_copy_gets_a_name_of_its_own_and_the_blocked_transfer_arrives(ground: Ground) -> None:
    old = ground.saved.read_bytes()
    preview = await ground.desk.preview(KeepRequest())
    assert (preview.files, preview.bytes, preview.transfers) == (1, len(old), 1) and not preview.refused
    result = await ground.desk.keep(KeepRequest())
    assert (result.accepted, result.transfers, result.kept) == (1, 1, preview.steps)
    assert "1 copy kept" in result.message and not ground.saved.exists()
    ended = await ground.world.carry_out(ground.blocked)
    assert ended.state is S.DONE, ended.reason
    assert read_copy(ground.saved) == ("ok", 100)
    (kept,) = ground.kept()
    assert kept.read_bytes() == old
    entry = await ground.world.entry(replace(GAMES, path=kept.name))
    (copy,) = entry.replicas
    assert (copy.state, copy.location, copy.path) == (ReplicaState.CURRENT, "node-2", str(kept)) and copy.verified_at
    assert [(action, subject) for action, subject, _ in ground.acts] == [("keep both", str(GAMES))]
    assert (await ground.desk.keep(KeepRequest())).message.startswith("0 copies kept")


async def test_after_a_kill_between_rename_and_catalog_a_scan_finds_the_very_entry_that_was_to_be_recorded(
    ground: Ground,
) -> None:
    world, preview = ground.world, await ground.desk.preview(KeepRequest())
    (step,) = preview.steps
    (there,) = [copy for copy in (await world.entry(GAMES)).replicas if copy.location == "node-2"]
    root = str(world.nodes["node-2"].root)
    keeping = Keeping(step.path, step.kept_path, root, there.stat, FileKind.SQLITE, step.sha256)
    await (await world.pool.get("node-2")).keep_beside(keeping)
    await world.scan()
    entry = await world.entry(replace(GAMES, path=ground.kept()[0].name))
    assert str(entry.key) == step.kept_key
    placed = await world.carry_out(await world.ask(entry.key, "node-2", "node-0", Transport.AGENT))
    assert placed.state is S.DONE, placed.reason
    copies = {copy.location: copy for copy in (await world.entry(entry.key)).replicas}
    assert {(copy.sha256, copy.state) for copy in copies.values()} == {(step.sha256, ReplicaState.CURRENT)}
    assert set(copies) == {"node-0", "node-2"} and copies["node-2"].path == step.kept_path
    assert [copy.location for copy in (await world.entry(GAMES)).replicas] == ["node-1"]
    await world.queue.release([ground.blocked])
    assert (await world.carry_out(ground.blocked)).state is S.DONE
    assert read_copy(ground.saved) == ("ok", 100)


async def test_a_copy_that_never_was_a_version_is_kept_though_nothing_is_to_come(world: World, ground: Ground) -> None:
    stray = world.nodes["node-0"].games / "synced" / "node-1" / "selfplay.db"
    make_database(stray, 7, journal_mode="delete")
    content = stray.read_bytes()
    await world.scan()
    await Hasher(world.catalog, world.pool.get, world.tools.names, world.tools.clock).settle(await world.entry(GAMES))
    result = await ground.desk.keep(KeepRequest(nodes=("node-0",)))
    assert [(step.code, step.location, step.path) for step in result.kept] == [("diverged", "node-0", str(stray))]
    assert Path(result.kept[0].kept_path).read_bytes() == content and not stray.exists()
    assert ground.kept() == [] and ground.saved.exists()


async def test_what_a_transfer_reads_or_writes_just_now_is_not_touched(world: World, ground: Ground) -> None:
    await world.ask(GAMES, "node-2", "node-0", Transport.AGENT)
    assert await world.queue.claim(world.tools.names.run_id, LEASE_SECONDS, 1)
    assert "a transfer reads it" in await ground.refused()


async def test_what_an_archive_run_or_a_deletion_has_to_do_with_is_not_touched(world: World, ground: Ground) -> None:
    entry_id = await ground.archive.records.entry_id(GAMES)
    assert entry_id is not None
    original = ("node-2", str(ground.saved))
    new = NewArchive(entry_id, GAMES, "node-0", "/a.gz", "/", "gzip", *original, False, 1)
    (archive,) = await ground.archive.records.add([new], "run", "me")
    assert "being archived" in await ground.refused()
    await ground.archive.records.change(archive, state="cancelled")
    proof = {
        "entry_id": entry_id, "archive_id": archive, "location": "node-0", "path": "/x", "state": "alive", "reason": "",
        "who": "me", "copies_before": 2, "copies_after": 2, "replica_state": "current", "created_at": 1.0,
        "expires_at": 2e12,
    }  # fmt: skip

    async def prove(connection: AsyncConnection) -> None:
        number = (await connection.execute(insert(proofs).values(proof).returning(proofs.c.id))).scalar_one()
        witness = {"location": "node-2", "path": str(ground.saved), "sha256": "0" * 64, "verified_at": 1.0}
        await connection.execute(insert(holds).values(proof_id=number, archive_id=None, **witness))

    await world.store.write(prove)
    assert "witness" in await ground.refused()


async def test_a_copy_that_changed_since_it_was_looked_at_is_told_and_stays(ground: Ground) -> None:
    content = bytearray(ground.saved.read_bytes())
    content[-1] ^= 1
    ground.saved.write_bytes(content)
    result = await ground.desk.keep(KeepRequest())
    (one,) = result.refused
    assert "changed since it was looked at" in one.reason and one.remedy and one.node == "node-2"
    assert ground.saved.read_bytes() == content and ground.kept() == []
    assert (await ground.world.transfer(ground.blocked)).state is S.BLOCKED


async def test_damaged_copies_are_told_when_they_are_named_and_left_for_a_person(world: World, ground: Ground) -> None:
    await world.catalog.mark_bad(GAMES, "node-2")
    assert "damaged" in await ground.refused(KeepRequest(keys=(str(GAMES),)))


async def test_a_file_that_is_in_nobodys_way_is_told_only_when_it_is_named(world: World, ground: Ground) -> None:
    await world.queue.cancel([ground.blocked])
    await world.catalog.mark_missing(GAMES, "node-1")
    assert "stands in the way" in await ground.refused(KeepRequest(keys=(str(GAMES),)))
    nothing = await ground.desk.keep(KeepRequest())
    assert (nothing.kept, nothing.refused) == ((), ())


async def test_a_larger_earlier_version_that_no_rule_wants_is_kept_when_it_is_named(ground: Ground) -> None:
    await ground.world.queue.cancel([ground.blocked])
    assert (await ground.desk.keep(KeepRequest())).kept == ()
    result = await ground.desk.keep(KeepRequest(keys=(str(GAMES),)))
    assert [(step.code, step.location) for step in result.kept] == [("smaller", "node-2")]
    assert [str(path) for path in ground.kept()] == [result.kept[0].kept_path] and not ground.saved.exists()


async def test_a_pin_goes_along(ground: Ground) -> None:
    ground.archive.desk.who = lambda: "me"
    await ground.archive.desk.pin(str(GAMES), "the only ones")
    result = await ground.desk.keep(KeepRequest())
    assert await ground.archive.records.pinned() == {str(GAMES), result.kept[0].kept_key}


async def test_an_engine_that_only_observes_renames_nothing(world: World, ground: Ground) -> None:
    world.known.observing = True
    with pytest.raises(SyncdeckError, match="only observes"):
        await ground.desk.keep(KeepRequest())
    assert ground.kept() == [] and isinstance(aside(await world.entry(GAMES), "node-2", "smaller"), Aside)


async def test_what_is_no_key_and_no_host_is_refused_by_name(ground: Ground) -> None:
    for request in (KeepRequest(keys=("nonsense",)), KeepRequest(nodes=("nowhere",))):
        with pytest.raises(SyncdeckError) as error:
            await ground.desk.preview(request)
        assert error.value.remedy
