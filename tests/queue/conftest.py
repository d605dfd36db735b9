"""A queue on a real file, a clock moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.queue.queue import TransferQueue
from engine.store.store import Store


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Return an open store."""
    opened = await Store.open(tmp_path / "state.db")
    yield opened
    await opened.close()


@pytest.fixture
def queue(store: Store, clock: ManualClock) -> TransferQueue:
    """Return an empty queue."""
    return TransferQueue(store, clock)
