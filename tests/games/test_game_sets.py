"""Sets of a fleet, from real databases through a real agent and a real catalog: proofs, losses, orphans."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.catalog.values import Place, Places
from engine.clock import ManualClock
from engine.games.library import KEPT_SECONDS
from engine.games.sets import LONGEST_RETRY_SECONDS, GameSets
from engine.model import DataType, EntryKey, FileKind, FileStat, Version
from engine.remote.session import AgentSession
from engine.store.store import Store
from tests.games.databases import add_games, ids

PLACES = Places(
    (
        Place("vast-1", "vast-1", False, "vast"),
        Place("vast-2", "vast-2", False, "vast"),
        Place("mac", "mac", True, "local"),
        Place("trainer", "trainer", True, "lambda"),
    )
)
NODES = frozenset(place.node_id for place in PLACES.places)


class World:
    """Nodes as folders of one machine, their copies recorded as the engine records them."""

    def __init__(self, folder: Path, store: Store, agent: AgentSession, clock: ManualClock) -> None:
        self.folder, self.clock, self.store = folder, clock, store
        self.catalog = DataCatalog(store, clock)
        self.state = folder / "state" / "games"
        self.places, self.open_nodes, self.agent = PLACES, NODES, agent
        self.sets = self.new_sets()

    def new_sets(self) -> GameSets:
        return GameSets(
            self.state, self.store, self._agent, lambda: self.places, lambda: self.open_nodes, lambda: True, self.clock
        )

    async def _agent(self, node: str) -> AgentSession:
        return self.agent

    def path(self, node: str, name: str) -> Path:
        return self.folder / node / name

    async def record(self, node: str, name: str, origin: str | None = None) -> EntryKey:
        """Record what a node's file holds now."""
        path, key = self.path(node, name), EntryKey(DataType.GAMES, name, origin or node)
        seen, sha256 = os.stat(path), hashlib.sha256(path.read_bytes()).hexdigest()
        stat = FileStat(seen.st_size, seen.st_mtime_ns, seen.st_ino)
        version = Version(sha256, seen.st_size, seen.st_mtime)
        await self.catalog.record_content(key, node, str(path), version, stat, self.clock.now())
        return key

    async def copy(self, key: EntryKey, source: str, target: str) -> None:
        """Put a verified copy of what a node holds at another."""
        there = self.path(target, key.path)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(self.path(source, key.path).read_bytes())
        await self.record(target, key.path, key.origin)

    async def count(self) -> None:
        self.clock.advance(LONGEST_RETRY_SECONDS)
        await self.sets.once()


@pytest.fixture
async def world(tmp_path: Path, agent: AgentSession) -> AsyncIterator[World]:
    store = await Store.open(tmp_path / "state.db")
    world = World(tmp_path, store, agent, ManualClock())
    yield world
    await world.sets.close()
    await store.close()


async def test_a_raw_database_is_superseded_by_canonical_ones_and_games_without_moves_never_are(world: World) -> None:
    add_games(world.path("mac", "raw_20251214.db"), ids(0, 20))
    raw = await world.record("mac", "raw_20251214.db")
    add_games(world.path("trainer", "canonical_hex8_2p.db"), ids(0, 12))
    add_games(world.path("trainer", "canonical_hex8_2p.db"), ids(12, 4), moves=0)
    canonical = await world.record("trainer", "canonical_hex8_2p.db")
    assert world.sets.proof(raw) is None and world.sets.at_risk("mac") is None
    await world.count()
    proof = world.sets.proof(raw)
    assert proof is not None
    assert (proof.complete, proof.elsewhere, proof.only_here, proof.canonical) == (20, 12, 8, 12)
    other = world.sets.proof(canonical)
    assert other is not None and (other.complete, other.elsewhere, other.incomplete) == (12, 12, 4)
    assert (world.sets.at_risk("mac"), world.sets.at_risk("trainer"), world.sets.orphans()) == (8, 0, 8)
    assert (world.sets.held("mac"), world.sets.at_risk("vast-1")) == (20, 0)


async def test_what_would_be_lost_follows_copies_and_dead_nodes_without_counting_again(world: World) -> None:
    add_games(world.path("vast-1", "selfplay.db"), ids(0, 30))
    key = await world.record("vast-1", "selfplay.db")
    await world.copy(key, "vast-1", "vast-2")
    await world.count()
    assert (world.sets.at_risk("vast-1"), world.sets.at_risk("vast-2")) == (30, 30)
    await world.copy(key, "vast-1", "trainer")
    world.open_nodes = frozenset()
    await world.sets.refresh()
    assert (world.sets.at_risk("vast-1"), world.sets.at_risk("trainer")) == (0, 30)
    world.places = Places(tuple(Place(p.location, p.node_id, False, p.provider) for p in PLACES.places))
    await world.sets.refresh()
    assert world.sets.at_risk("vast-1") == 30
    await world.catalog.mark_missing(key, "trainer")
    await world.sets.refresh()
    assert world.sets.held("trainer") == 0


async def test_a_stale_or_damaged_copy_vouches_for_nothing(world: World) -> None:
    add_games(world.path("vast-1", "a.db"), ids(0, 10))
    key = await world.record("vast-1", "a.db")
    await world.copy(key, "vast-1", "mac")
    add_games(world.path("vast-2", "b.db"), ids(0, 5))
    other = await world.record("vast-2", "b.db")
    await world.count()
    proof = world.sets.proof(other)
    assert proof is not None and proof.only_here == 0
    await world.catalog.mark_bad(key, "mac")
    await world.sets.refresh()
    proof = world.sets.proof(other)
    assert proof is not None and proof.only_here == 5
    assert world.sets.at_risk("vast-2") == 5


async def test_sets_outlive_the_engine_and_go_when_their_content_went(world: World) -> None:
    add_games(world.path("mac", "a.db"), ids(0, 10))
    key = await world.record("mac", "a.db")
    await world.count()
    await world.sets.close()
    world.open_nodes = frozenset()
    world.sets = world.new_sets()
    await world.sets.refresh()
    proof = world.sets.proof(key)
    assert proof is not None and proof.complete == 10
    await world.catalog.mark_missing(key, "mac")
    await world.sets.refresh()
    assert world.sets.proof(key) is None
    assert len(list(world.state.glob("*.games"))) == 1
    world.clock.advance(KEPT_SECONDS)
    add_games(world.path("mac", "b.db"), ids(0, 1))
    await world.record("mac", "b.db")
    await world.sets.refresh()
    assert list(world.state.glob("*.games")) == []


async def test_a_file_that_is_not_what_the_catalog_knows_is_not_taken_for_it(world: World) -> None:
    add_games(world.path("mac", "a.db"), ids(0, 10))
    key = await world.record("mac", "a.db")
    add_games(world.path("mac", "a.db"), ids(10, 10))
    await world.count()
    assert world.sets.proof(key) is None and world.sets.at_risk("mac") is None
    await world.record("mac", "a.db")
    await world.count()
    proof = world.sets.proof(key)
    assert proof is not None and proof.complete == 20


async def test_other_databases_are_no_games_and_hold_nobody_up(world: World) -> None:
    path = world.path("mac", "ratings.db")
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE ratings (name TEXT)")
    connection.close()
    key = await world.record("mac", "ratings.db")
    await world.count()
    assert world.sets.proof(key) is None
    assert world.sets.at_risk("mac") == 0


async def test_a_saved_version_is_counted_right_after_the_file_as_it_was_written(world: World) -> None:
    path = world.path("vast-1", "a.db")
    path.parent.mkdir(parents=True)
    add_games(path, ids(0, 4))
    seen = os.stat(path)
    stat = FileStat(seen.st_size, seen.st_mtime_ns, seen.st_ino)
    key = EntryKey(DataType.GAMES, "a.db", "vast-1")
    await world.catalog.record_changes(
        "vast-1", await world.catalog.sequence(), [ScannedRecord(key, None, str(path), stat, FileKind.SQLITE, False)]
    )
    await world.sets.once()
    assert world.sets.proof(key) is None and world.sets.held("vast-1") == 4
    await world.record("vast-1", "a.db")
    await world.sets.once()
    proof = world.sets.proof(key)
    assert proof is not None and proof.complete == 4
