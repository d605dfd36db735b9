"""How archives are called: for every entry and codec so that no scan takes one for data."""

from __future__ import annotations

import pytest

from config.types import DataType
from engine.archive.cold import archive_name
from engine.inventory.scanner import ARCHIVE_NAME
from engine.model import EntryKey


@pytest.mark.parametrize("codec", ["zstd", "gzip"])
@pytest.mark.parametrize(
    "key", [EntryKey(DataType.CHECKPOINT, "checkpoint_9.pt"), EntryKey(DataType.GAMES, "a/b.db", "node-1")]
)
def test_no_scan_takes_an_archive_for_data(key: EntryKey, codec: str) -> None:
    name = archive_name(key, "0123456789abcdef" * 4, codec)
    assert ARCHIVE_NAME.search(name) and ARCHIVE_NAME.search(f"{name}.failed-7")
    assert not ARCHIVE_NAME.search(key.path)
