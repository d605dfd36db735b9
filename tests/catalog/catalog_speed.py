"""Prints how long the catalog takes with many entries: ``python tests/catalog/catalog_speed.py [ENTRIES]``.

For information, not a test: times depend on the machine. Every line also says how long the event loop was held up.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.types import DataType
from engine.catalog.catalog import DataCatalog, ScannedRecord
from engine.catalog.kept_figures import KeptFigures
from engine.catalog.values import Place, Places
from engine.clock import SystemClock
from engine.model import EntryKey, FileKind, FileStat
from engine.store.store import Store
from engine.views import CatalogQuery

T = TypeVar("T")
NODES = 40
COPIES = 3


async def timed(name: str, work: Awaitable[T]) -> T:
    """Print how long something took, and the longest time that the loop did nothing else meanwhile."""
    worst, over = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal worst
        while not over.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - began - 0.001)

    watcher = asyncio.create_task(watch())
    began, cpu = time.perf_counter(), time.process_time()
    value = await work
    took, used = time.perf_counter() - began, time.process_time() - cpu
    over.set()
    await watcher
    print(f"{name:44} {took * 1e3:9.1f} ms {used * 1e3:9.1f} ms cpu {worst * 1e3:7.1f} ms loop")
    return value


async def fill(connection: AsyncConnection, entries: int) -> None:
    """Write a whole fleet's catalog with a few statements."""
    for number in range(NODES):
        await connection.execute(text("INSERT INTO locations (name, node_id) VALUES (:n, :n)"), {"n": f"n{number}"})
    statements = [
        f"""WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < {entries})
        INSERT INTO entries (id, key, data_type, path, origin, config_key, current_version_id, provisional,
            size_bytes, mtime, sequence, created_at, updated_at)
        SELECT i, 'games:selfplay_' || i || '.db@n' || (i % {NODES}), 'games', 'selfplay_' || i || '.db',
            'n' || (i % {NODES}), 'hex' || (i % 12) || '_2p', i, 0, 1000000 + i, 1.7e9 + i, i, 0, 0 FROM k""",
        """INSERT INTO versions (id, entry_id, sha256, size_bytes, mtime, recorded_at)
        SELECT id, id, printf('%064d', id), size_bytes, mtime, 0 FROM entries""",
        f"UPDATE counters SET value = {entries}",
    ]
    statements += [
        f"""INSERT INTO replicas (entry_id, location_id, path, state, changed, version_id, sha256, size_bytes, mtime_ns,
            inode, wal_size_bytes, wal_mtime_ns, seen_at, sequence)
        SELECT id, ((id + {copy} * 7) % {NODES}) + 1, '/root/ringrift/data/games/' || path,
            CASE WHEN id % 100 = 0 AND {copy} > 0 THEN 'stale' ELSE 'current' END,
            CASE WHEN {copy} = 0 AND id % 50 = 0 THEN 1 ELSE 0 END,
            id, printf('%064d', id), size_bytes, 0, id, 0, 0, 0, id FROM entries"""
        for copy in range(COPIES)
    ]
    for statement in statements:
        await connection.execute(text(statement))


def met(number: int) -> ScannedRecord:
    """Return a file of a node that was not filled in."""
    key = EntryKey(DataType.GAMES, f"new_{number}.db", "n99")
    return ScannedRecord(key, "hex8_2p", f"/d/data/games/new_{number}.db", FileStat(1, 1, number), FileKind.SQLITE)


async def scan(catalog: DataCatalog, files: int) -> None:
    """Scan a node, a thousand files at a time."""
    scan_id = await catalog.begin_scan("n99")
    for start in range(0, files, 1_000):
        await catalog.record_scanned("n99", scan_id, [met(number) for number in range(start, start + 1_000)])
    await catalog.finish_scan("n99", scan_id, [], "/d")


async def main(entries: int) -> None:
    """Measure."""
    places = Places(tuple(Place(f"n{n}", f"n{n}", n % 4 != 0, f"p{n % 5}") for n in range(NODES)), 3)
    with TemporaryDirectory() as folder:
        store = await timed("open a new database", Store.open(Path(folder) / "state.db"))
        catalog = DataCatalog(store, SystemClock())
        await timed(f"fill {entries:,} entries x {COPIES}", store.write(lambda c: fill(c, entries)))
        await timed("scan 20,000 new files", scan(catalog, 20_000))
        await timed("scan them again", scan(catalog, 20_000))
        await timed("all figures, counted anew", catalog.all_figures(places, ["n3", "n5"]))
        kept = KeptFigures(store)
        await timed("the same, kept: first", kept.current(places, ["n3", "n5"]))
        await timed("kept: nothing changed", kept.current(places))
        key = EntryKey(DataType.GAMES, "selfplay_777.db", "n17")
        await catalog.mark_bad(key, "n17")
        await timed("kept: one entry changed", kept.current(places))
        for number in range(100):
            origin = (number * 999 + 1) % NODES
            name = f"selfplay_{number * 999 + 1}.db"
            await catalog.mark_bad(EntryKey(DataType.GAMES, name, f"n{origin}"), f"n{origin}")
        await timed("kept: a hundred changed everywhere", kept.current(places))
        await timed("under-replicated", catalog.under_replicated(places))
        for query in (
            CatalogQuery(),
            CatalogQuery(order="mtime", descending=True),
            CatalogQuery(text="play_77"),
            CatalogQuery(order="copies"),
            CatalogQuery(order="states"),
            CatalogQuery(show="at-risk"),
        ):
            name = f"{query.order} {query.show} {query.text}".strip()
            window = await timed(f"first window: {name}", catalog.window(query, 0, 40, places))
            await timed("  rank of a row", catalog.rank(query, window.rows[-1].id, places))
            await timed("  window in the middle", catalog.window(query, window.total // 2, 40, places))
        await timed("page of 500 entries", catalog.iter_entries(entries // 2, 500))
        await timed("what 100 changes changed", catalog.iter_entries(0, 500, entries - 100))
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
