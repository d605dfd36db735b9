"""Sizes, ages and tables as people read them; nothing that a node sends can drive the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import human
from app.cli.table import Column, cells, render, shorten

COLUMNS = (Column("NAME", flexible=True), Column("SIZE", right=True), Column("WHY", flexible=True))


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1536, "1.5 kB"),
        (200 * 1000**2, "200 MB"),
        (7 * 1000**4, "7.0 TB"),
        (5000 * 1000**5, "5.0 EB"),
    ],
)
def test_sizes_have_a_unit_that_keeps_them_short(size_bytes: int | None, text: str) -> None:
    assert human.size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-5, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (90, "1m 30s"),
        (700, "11m"),
        (4800, "1h 20m"),
        (90_000, "1d 1h"),
        (30 * 86_400, "30d"),
    ],
)
def test_spans_have_a_unit_that_keeps_them_short(seconds: float | None, text: str) -> None:
    assert human.span(seconds) == text


def test_an_age_says_that_it_is_one() -> None:
    assert human.age(100.0, 160.0) == "1m ago"
    assert human.age(None, 160.0) == "never"


def test_counts_agree_with_their_word() -> None:
    assert [human.count(n, w) for n, w in ((1, "file"), (2, "file"), (0, "entry"), (3, "copy"))] == [
        "1 file",
        "2 files",
        "0 entries",
        "3 copies",
    ]


@given(st.text())
def test_no_text_can_drive_the_terminal(text: str) -> None:
    shown = human.clean(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert "\u202e" not in shown


def test_columns_are_aligned_and_numbers_to_the_right() -> None:
    assert render(COLUMNS, [("a", "1 B", "x"), ("bbb", "200 B", "")], None) == [
        "NAME   SIZE  WHY",
        "a       1 B  x",
        "bbb   200 B",
    ]


def test_a_narrow_terminal_cuts_flexible_columns_only_and_shows_that_it_did() -> None:
    lines = render(COLUMNS, [("n" * 40, "200 B", "w" * 40)], 40)
    assert max(map(cells, lines)) == 40
    assert "200 B" in lines[1] and lines[1].count("\u2026") == 2


def test_nothing_is_cut_where_nobody_looks() -> None:
    assert "n" * 400 in render(COLUMNS, [("n" * 400, "1 B", "")], None)[1]


@given(st.lists(st.tuples(st.text(), st.text(max_size=8), st.text())), st.integers(min_value=60, max_value=200))
def test_no_table_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    rows = [(name, size if cells(human.clean(size)) <= 16 else "", why) for name, size, why in rows]
    assert all(cells(line) <= width for line in render(COLUMNS, rows, width))


@given(st.text(), st.integers(min_value=1, max_value=30))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert cells(shorten(text, width)) <= width


def test_wide_characters_count_double_and_combining_ones_not_at_all() -> None:
    assert (cells("abc"), cells("日本"), cells("e\u0301")) == (3, 4, 1)
