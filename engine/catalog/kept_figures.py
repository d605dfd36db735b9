"""Figures of the whole catalog that are kept: after a change only the blocks that it touched are counted again.

Whatever changes an entry or one of its copies moves the entry in the catalog's sequence, in the same transaction; so
the entries that changed since a count, and with them their blocks, are known from one index.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, select

from engine.catalog.counting import BlockCounter, block_of
from engine.catalog.figures import Figures, add_up
from engine.catalog.rows import sequence_in
from engine.catalog.standing import Ground, ground
from engine.catalog.values import Places
from engine.store.schema import entries
from engine.store.store import Store

BLOCK_ENTRIES = 512
"""Counting a block takes a few milliseconds; the figures of a million entries in blocks take some 25 MB."""
SHELF_BLOCKS = 32
"""Blocks whose sum is kept: adding all up after a change then takes milliseconds, with a million entries too."""
MOST_SPANS = 64
"""Where more separate stretches of the catalog changed, all between the first and the last is counted at once."""


@dataclass(frozen=True, slots=True)
class CountedFigures:
    """Figures of the whole catalog as it was at a change: ``sequence`` is that change's number."""

    sequence: int
    figures: Figures


@dataclass(frozen=True)
class _Kept:
    places: Places
    held_at: frozenset[str]
    land: Ground
    counter: BlockCounter
    counted: CountedFigures
    blocks: dict[int, Figures]
    shelves: dict[int, Figures]


class KeptFigures:
    """The figures of the catalog's newest change, for one fleet at a time. Owned by the event loop."""

    def __init__(self, store: Store, block: int = BLOCK_ENTRIES) -> None:
        self._store = store
        self._block = block
        self._kept: _Kept | None = None
        self._counting = asyncio.Lock()

    async def current(self, places: Places, held_at: Collection[str] | None = None) -> CountedFigures:
        """Return the figures as the catalog stands; ``places`` says what counts as safe. Raises StoreError.

        ``held_at``: the locations of which is counted what they hold; None: those of the call before.
        """
        async with self._counting:
            before = self._kept
            last = before.held_at if before is not None else frozenset()
            at = last if held_at is None else frozenset(held_at)
            self._kept = await self._store.query(lambda connection: self._count(connection, before, places, at))
            return self._kept.counted

    def _count(self, connection: Connection, before: _Kept | None, places: Places, held_at: frozenset[str]) -> _Kept:
        sequence = sequence_in(connection)
        land = ground(connection, places)
        if before is None or (before.places, before.held_at, before.land) != (places, held_at, land):
            counter = BlockCounter(land, held_at, self._block)
            blocks = counter.count(connection)
            shelves = _shelved(blocks, {number // SHELF_BLOCKS for number in blocks})
        elif before.counted.sequence == sequence:
            return before
        else:
            counter = before.counter
            touched = self._touched(connection, before.counted.sequence)
            blocks = dict(before.blocks)
            for span in _spans(touched):
                for number in span:
                    blocks.pop(number, None)
                blocks.update(counter.count(connection, span))
            again = {number // SHELF_BLOCKS for span in _spans(touched) for number in span}
            shelves = {**before.shelves, **_shelved(blocks, again)}
        counted = CountedFigures(sequence, add_up(shelves.values()))
        return _Kept(places, held_at, land, counter, counted, blocks, shelves)

    def _touched(self, connection: Connection, since: int) -> list[int]:
        """Return the numbers of the blocks that changed since a sequence number, in order."""
        number = block_of(entries.c.id, self._block)
        return sorted(connection.execute(select(number).where(entries.c.sequence > since).distinct()).scalars())


def _shelved(blocks: Mapping[int, Figures], numbers: Collection[int]) -> dict[int, Figures]:
    """Return the sums of these shelves."""
    return {
        shelf: add_up(
            blocks[number] for number in range(shelf * SHELF_BLOCKS, (shelf + 1) * SHELF_BLOCKS) if number in blocks
        )
        for shelf in numbers
    }


def _spans(touched: list[int]) -> list[range]:
    """Return stretches of consecutive blocks that cover all touched ones."""
    found = list(_stretches(touched))
    return found if len(found) <= MOST_SPANS else [range(found[0].start, found[-1].stop)]


def _stretches(numbers: Iterable[int]) -> Iterator[range]:
    for _, group in groupby(enumerate(numbers), lambda one: one[1] - one[0]):
        stretch = [number for _, number in group]
        yield range(stretch[0], stretch[-1] + 1)
