"""The name under which an earlier version stays: the same for the same content everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.integrity.kept import LONGEST_NAME_BYTES, kept_from, kept_path, may_lack

SHA = "0123456789abcdef" * 4


def test_the_name_says_what_it_was_and_which_content_it_is() -> None:
    assert kept_path("/a/b.c/games.db", SHA) == "/a/b.c/games.kept-0123456789ab.db"
    assert kept_path("games", SHA) == "games.kept-0123456789ab"
    assert kept_path(".hidden", SHA) == ".hidden.kept-0123456789ab"


@given(st.text(st.characters(exclude_characters="/\0\n", exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_no_name_becomes_too_long(name: str) -> None:
    found = kept_path(f"/a/{name}", SHA)
    assert len(found.rpartition("/")[2].encode()) <= LONGEST_NAME_BYTES
    assert found.startswith("/a/") and ".kept-" in found


def test_only_what_can_be_told_is_compared() -> None:
    assert may_lack("data/games/a.db") and may_lack("data/games/a.jsonl")
    assert not may_lack("models/a.pth") and not may_lack("data/training/a.npz")


@given(st.text(st.characters(exclude_characters="/\0\n", exclude_categories=["Cs"]), min_size=1, max_size=120))
def test_what_a_content_was_kept_from_is_found_again(name: str) -> None:
    path = f"/a/{name}"
    if len(kept_path(path, SHA).rpartition("/")[2].encode()) < LONGEST_NAME_BYTES:
        assert kept_from(kept_path(path, SHA), SHA) == path


def test_another_contents_name_was_kept_from_nothing() -> None:
    assert kept_from("/a/games.db", SHA) is None
    assert kept_from("/a/games.kept-ffffffffffff.db", SHA) is None
