"""An open store on a real file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.store.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Return a store that is closed after the test."""
    opened = await Store.open(tmp_path / "state.db")
    yield opened
    await opened.close()
