"""The Archive and Routing screens and their dialogs look as agreed: in trouble, small, light, without colour."""

from __future__ import annotations

import pytest

from app.console.themes import LIGHT
from tests.console.fixtures import failing_view
from tests.console.test_snapshots import SIZES, SMALL, Compare, looks


@SIZES
@pytest.mark.parametrize("keys", [("5",), ("6",)], ids=["archive", "routing"])
def test_trouble_is_seen_with_the_key_that_mends_it(
    snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    assert looks(snap_compare, failing_view(), keys, size)


@pytest.mark.parametrize("theme", [LIGHT, "ansi-dark"])
@pytest.mark.parametrize("keys", [("5",), ("6", "enter", "end", "x")], ids=["archive", "editor"])
def test_every_theme_is_readable(snap_compare: Compare, keys: tuple[str, ...], theme: str) -> None:
    assert looks(snap_compare, failing_view(), keys, theme=theme)


@pytest.mark.parametrize(
    "keys",
    [
        ("5", "space", "space", "down", "space", "a"),
        ("5", "tab", "G", "R"),
        ("6", "enter", "end", "x"),
        ("6", "enter", "down", "x"),
        ("6", "f"),
        ("2", "x", "enter"),
    ],
    ids=["archive", "restore", "editor", "mistake", "fix", "explain"],
)
def test_a_dialog_shows_what_it_would_do(snap_compare: Compare, keys: tuple[str, ...]) -> None:
    assert looks(snap_compare, failing_view(), keys)


@pytest.mark.parametrize("keys", [("5", "a"), ("6", "enter", "end", "x")], ids=["archive", "editor"])
def test_a_dialog_fits_the_smallest_terminal(snap_compare: Compare, keys: tuple[str, ...]) -> None:
    assert looks(snap_compare, failing_view(), keys, SMALL)


@pytest.mark.parametrize("keys", [("5",), ("6",)], ids=["archive", "routing"])
def test_a_read_only_console_offers_no_lever(snap_compare: Compare, keys: tuple[str, ...]) -> None:
    assert looks(snap_compare, failing_view(), keys, read_only=True)
