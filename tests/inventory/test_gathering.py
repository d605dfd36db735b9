"""Batches off the wire come to the catalog as larger ones: nothing is lost, reordered, or read without end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from engine.inventory.gathering import gathered
from engine.model import FileKind, FileStat, LocationState
from engine.remote.types import RootStatus, ScanBatch, ScannedFile


def _files(*names: int) -> ScanBatch:
    stat = FileStat(1, 1, 1)
    return ScanBatch(files=tuple(ScannedFile("a:", "/r", f"{name}", stat, FileKind.PLAIN) for name in names))


def _status(root: str) -> ScanBatch:
    return ScanBatch(roots=(RootStatus("a:", root, root, LocationState.AVAILABLE, 1, 1, 0),))


class Wire:
    """What an agent tells, and how much of it was taken."""

    def __init__(self, batches: list[ScanBatch], error: Exception | None = None) -> None:
        self.batches, self.error = batches, error
        self.taken, self.closed = 0, False

    async def told(self) -> AsyncGenerator[ScanBatch, None]:
        try:
            for batch in self.batches:
                self.taken += 1
                yield batch
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


async def _all(wire: Wire, files: int) -> list[ScanBatch]:
    async with aclosing(gathered(wire.told(), files)) as batches:
        return [batch async for batch in batches]


async def test_small_batches_become_larger_ones_and_keep_their_order() -> None:
    got = await _all(Wire([_files(2 * n, 2 * n + 1) for n in range(5)]), 4)
    assert [[file.path for file in batch.files] for batch in got] == [
        ["0", "1", "2", "3"],
        ["4", "5", "6", "7"],
        ["8", "9"],
    ]


async def test_a_roots_status_comes_with_its_last_files_and_before_any_of_the_next_root() -> None:
    got = await _all(Wire([_files(1), _status("/r"), _files(2), _status("/s"), ScanBatch(look=7)]), 100)
    seen = [([file.path for file in b.files], [status.root for status in b.roots], b.look) for b in got]
    assert seen == [(["1"], ["/r"], None), (["2"], ["/s"], None), ([], [], 7)]


async def test_what_was_read_before_a_node_was_lost_is_still_told() -> None:
    batches = gathered(Wire([_files(1), _files(2)], ConnectionError("gone")).told(), 100)
    async with aclosing(batches):
        assert [file.path for file in (await anext(batches)).files] == ["1", "2"]
        with pytest.raises(ConnectionError, match="gone"):
            await anext(batches)


async def test_at_most_one_batch_waits_and_leaving_early_ends_the_reading() -> None:
    wire = Wire([_files(n) for n in range(100)])
    async with aclosing(gathered(wire.told(), 5)) as batches:
        async for _batch in batches:
            break
    assert wire.taken <= 11
    assert wire.closed
