"""An entry in outline stands where the entry itself does, hashed or not."""

from __future__ import annotations

from engine.catalog.catalog import DataCatalog
from engine.catalog.outlines import CONTENT_DIGITS, Outlines
from engine.clock import ManualClock
from engine.routing.holding import holding, newest_unhashed
from engine.routing.matching import newest_mtime
from engine.routing.simulation.image import ODD, CatalogImage
from tests.catalog.samples import games, holds, model, record, scan, stat, synced, version


async def test_outlines_stand_where_their_entries_do(catalog: DataCatalog, clock: ManualClock) -> None:
    files = {
        "vast-1": [
            record(model("early.pth"), "vast-1", stat(100, 1_000.0)),
            record(model("tie.pth"), "vast-1", stat(100, 3_000.0)),
            record(model("sizes.pth"), "vast-1", stat(100, 3_000.0)),
            record(games("own.db"), "vast-1", stat(100, 3_000.0)),
            record(games("written.db"), "vast-1", stat(100, 3_000.0, wal=5)),
        ],
        "hetzner-1": [
            record(model("early.pth"), "hetzner-1", stat(100, 2_000.0)),
            record(model("tie.pth"), "hetzner-1", stat(100, 3_000.0)),
            record(model("sizes.pth"), "hetzner-1", stat(200, 2_000.0)),
        ],
    }
    for location, found in files.items():
        await scan(catalog, location, found)
    await holds(catalog, games("hashed.db"), "vast-1", version("b", 20, 4.0))
    await synced(catalog, games("hashed.db"), "hetzner-1", "b", 20)
    page = await Outlines(catalog._store, clock).outlines(0, 100)
    image = CatalogImage()
    image.put(page.rows, page.locations)
    odd = set()
    for row_id, entry in await catalog.by_ids([row[0] for row in page.rows]):
        told = int(entry.current.sha256[:CONTENT_DIGITS], 16) if entry.current is not None else 0
        assert image.contents[row_id] == told
        if image.kind_of[row_id] == ODD:
            odd.add(entry.key.path)
            continue
        seen, first, same = image.entry(row_id), newest_unhashed(entry), newest_unhashed(image.entry(row_id))
        assert (seen.key, seen.size_bytes, holding(seen)) == (entry.key, entry.size_bytes, holding(entry))
        assert newest_mtime(seen) == newest_mtime(entry)
        assert (first and first.location) == (same and same.location)
    assert odd == {"sizes.pth", "written.db"}
