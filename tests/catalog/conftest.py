"""A catalog on a real file, a clock moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.catalog.catalog import DataCatalog
from engine.clock import ManualClock
from engine.store.store import Store


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
async def catalog(tmp_path: Path, clock: ManualClock) -> AsyncIterator[DataCatalog]:
    """Return an empty catalog."""
    store = await Store.open(tmp_path / "state.db")
    yield DataCatalog(store, clock)
    await store.close()
