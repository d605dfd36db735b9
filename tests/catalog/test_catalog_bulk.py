"""Many pieces of evidence at once come to just what they come to one after the other."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from engine.catalog.catalog import DataCatalog
from engine.catalog.values import CatalogError, Found, Placed
from engine.clock import ManualClock
from engine.model import DataEntry, DataType, EntryKey, FileKind, FileStat, ReplicaState, Version
from engine.store.store import Store
from tests.catalog.samples import ScannedRecord

PLACES = ("node-1", "node-2", "mac-studio:/Volumes/drive")
KEYS = [EntryKey(DataType.GAMES, f"{n}.db", "node-1") for n in range(4)] + [
    EntryKey(DataType.MODELS, f"{n}.pth") for n in range(4)
]


def found(chance: random.Random, key: EntryKey, at: float) -> Found:
    content = chance.choice("abc")
    fingerprint = chance.choice([None, "f", "g"]) if key.origin else None
    version = Version(content * 64, 100 + ord(content), at + chance.random(), None, fingerprint)
    stat = FileStat(version.size_bytes, int(version.mtime * 1e9), 7)
    return Found(key, chance.choice(PLACES), f"/data/{key.path}", version, stat)


async def held(catalog: DataCatalog) -> list[DataEntry]:
    """Return what the catalog holds, without the times at which it was told."""
    pages = await catalog.iter_entries(limit=500)
    return [replace(entry, created_at=0.0, updated_at=0.0) for _, entry in pages]


@pytest.mark.parametrize("seed", range(8))
async def test_bulk_evidence_ends_where_single_evidence_ends(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    clock = ManualClock()
    stores = [await Store.open(tmp_path / f"{name}.db") for name in ("one", "many")]
    single, bulk = (DataCatalog(store, clock) for store in stores)
    try:
        for catalog in (single, bulk):
            scan = await catalog.begin_scan("node-1")
            seen = [ScannedRecord(key, "hex8", f"/data/{key.path}", FileStat(5, 5, 5), FileKind.PLAIN) for key in KEYS]
            await catalog.record_scanned("node-1", scan, seen)
        for step in range(6):
            part = [found(chance, key, 1000.0 + step) for key in chance.choices(KEYS, k=chance.randrange(1, 7))]
            expected = [
                await single.record_content(one.key, one.location, one.path, one.version, one.stat, 5.0)
                for one in sorted(part, key=lambda one: [str(p.key) for p in part].count(str(one.key)) > 1)
            ]
            got = await bulk.record_contents(
                sorted(part, key=lambda one: [str(p.key) for p in part].count(str(one.key)) > 1), 5.0
            )
            assert got == expected
            copies = [Placed(o.key, chance.choice(PLACES), "/new", chance.choice("abcd") * 64, o.stat) for o in part]
            copies = list({(one.key, one.location): one for one in copies}.values())
            copies = [one for one in copies if [str(c.key) for c in copies].count(str(one.key)) == 1]
            outcomes: list[ReplicaState | None] = []
            for copy in copies:
                try:
                    outcomes.append(
                        await single.mark_synced(copy.key, copy.location, copy.path, copy.sha256, copy.stat, 6.0)
                    )
                except CatalogError:
                    outcomes.append(None)
            results = await bulk.mark_many_synced(copies, 6.0)
            assert [None if isinstance(one, CatalogError) else one for one in results] == outcomes
            if chance.random() < 0.3:
                key, place = chance.choice(KEYS), chance.choice(PLACES)
                for catalog in (single, bulk):
                    await catalog.mark_bad(key, place)
            assert await held(bulk) == await held(single)
        keys = [entry.key for entry in await held(bulk)]
        many = await bulk.get_many([*keys, EntryKey(DataType.MODELS, "unknown.pth")])
        assert many == {key: await bulk.get(key) for key in keys}
    finally:
        for store in stores:
            await store.close()
