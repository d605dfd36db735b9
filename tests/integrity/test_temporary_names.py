"""Temporary names: ours to recognise, never too long, never another engine's."""

from __future__ import annotations

import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from config.types import DataType
from engine.integrity.temporary import MAX_NAME_BYTES, TemporaryNames, content_id, is_stale, parse_temporary
from engine.model import EntryKey, FileStat

AGENT_PATTERN = re.compile(r"^\..+\.syncdeck-[0-9a-f]{8}-[0-9a-f]{8}-[0-9]+-[0-9a-z]+\.(part|snap)$", re.DOTALL)
NAMES = TemporaryNames("0123abcd", "00000007")
SHA = "ab" * 32
base_names = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=300)


@given(base_names, st.integers(0, 10**12), st.text(max_size=80), st.booleans())
def test_every_name_is_short_enough_ours_to_the_agent_and_tells_its_parts(
    base: str, transfer_id: int, content: str, snapshot: bool
) -> None:
    make = NAMES.snapshot if snapshot else NAMES.part
    path = make(f"/data/games/{base}", transfer_id, content)
    folder, name = posixpath.split(path)
    assert folder == "/data/games"
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert AGENT_PATTERN.match(name)
    parsed = parse_temporary(path)
    assert parsed is not None
    assert (parsed.engine_id, parsed.run_id, parsed.transfer_id) == ("0123abcd", "00000007", transfer_id)
    assert parsed.is_snapshot is snapshot
    assert base.startswith(parsed.base)


def test_the_content_shows_in_the_name_by_its_first_twelve_characters() -> None:
    assert NAMES.part("/d/games.db", 5, SHA) == "/d/.games.db.syncdeck-0123abcd-00000007-5-abababababab.part"


def test_only_an_earlier_run_of_the_same_engine_is_stale() -> None:
    ours = NAMES.part("/d/a.npz", 1, SHA)
    assert not is_stale(ours, "0123abcd", "00000007")
    assert is_stale(ours, "0123abcd", "00000008")
    assert not is_stale(ours, "ffffffff", "00000008")
    assert not is_stale("/d/a.npz", "0123abcd", "00000008")


def test_a_content_without_a_hash_is_named_by_everything_that_shows_a_change() -> None:
    key = EntryKey(DataType.GAMES, "games.db", "node-1")
    stat = FileStat(10, 20, 30, 40, 50)
    changes = (FileStat(11, 20, 30, 40, 50), FileStat(10, 21, 30, 40, 50), FileStat(10, 20, 30, 41, 50))
    names = {content_id(key, s, None) for s in (stat, *changes)}
    assert len(names) == 4
    assert content_id(key, stat, SHA) == SHA
