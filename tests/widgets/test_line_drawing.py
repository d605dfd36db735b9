"""Text, bars and columns: whatever comes in, lines have exactly the width they are given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from widgets.bars import bar, resample, sparkline
from widgets.key_footer import footer_line
from widgets.models import Badge, KeyHint, StatusModel
from widgets.page_cache import MOST_PAGES, PAGE_ROWS, PageCache
from widgets.status_line import status_lines
from widgets.table_columns import Column, TableRow, head_line, row_line, widths
from widgets.text import Span, Tone, cells, crop, fit, fit_end, fit_middle, plain, spread, wrap

texts = st.text(max_size=60)
sizes = st.integers(min_value=0, max_value=80)


@given(texts, sizes)
def test_fitted_text_takes_exactly_its_cells(text: str, width: int) -> None:
    clean = plain(text)
    for fitted in (fit(clean, width), fit(clean, width, "right"), fit_middle(clean, width), fit_end(clean, width)):
        assert cells((Span(fitted),)) == width


def test_a_path_keeps_its_end_and_a_name_both_ends() -> None:
    assert fit_end("selfplay/p2p/games_hex8_2p.db", 12) == "…_hex8_2p.db"
    assert fit_middle("canonical_square19_3p.db", 14) == "canonic…_3p.db"


@given(st.text(max_size=80))
def test_plain_text_has_no_control_characters_and_is_one_line(text: str) -> None:
    shown = plain(text)
    assert not any(ord(ch) < 32 or 127 <= ord(ch) < 160 for ch in shown)
    assert len(shown) <= len(text)


def test_the_status_says_how_old_it_is_also_where_the_name_has_no_room() -> None:
    model = StatusModel(
        node="lab-coordinator",
        age=Badge("! stale, 12 s", Tone.WARN),
        flags=(Badge("READ ONLY", Tone.WARN),),
        counts=(Badge("● 4 critical", Tone.BAD), Badge("▲ 6 warnings", Tone.WARN)),
    )
    (narrow,), (wide,) = status_lines(model, 80), status_lines(model, 120)
    assert "! stale, 12 s" in "".join(span.text for span in narrow)
    assert "lab-coordinator" in "".join(span.text for span in wide)


def test_plain_text_is_cut_before_it_is_measured() -> None:
    assert len(plain("x" * 10_000_000)) <= 400


@given(st.lists(texts.map(plain), max_size=4), st.lists(texts.map(plain), max_size=3), sizes)
def test_two_ends_of_a_line_never_take_more_than_its_width(left: list[str], right: list[str], width: int) -> None:
    line = spread(tuple(map(Span, left)), tuple(map(Span, right)), width)
    assert cells(line) <= width


@given(st.lists(texts.map(plain), max_size=5), sizes)
def test_a_cropped_line_fits(parts: list[str], width: int) -> None:
    assert cells(crop(tuple(map(Span, parts)), width)) <= width


@given(st.text(alphabet="ab \u4e2d", max_size=80), st.integers(min_value=2, max_value=30))
def test_wrapped_text_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cells((Span(line),)) <= width for line in lines)


@given(st.floats(min_value=0, max_value=100), st.integers(min_value=1, max_value=60))
def test_a_bar_takes_its_width_and_keeps_its_marks(percent: float, width: int) -> None:
    line = bar(percent, width, Tone.ACCENT, ((70.0, Tone.WARN), (85.0, Tone.BAD)))
    assert cells(line) == width
    assert "│" in "".join(span.text for span in line)


def test_a_full_bar_shows_its_thresholds_cut_into_it() -> None:
    line = bar(100.0, 20, Tone.BAD, ((70.0, Tone.WARN),))
    mark = next(span for span in line if span.text == "│")
    assert mark.on is Tone.BAD


def test_an_unknown_figure_draws_an_empty_bar() -> None:
    assert "".join(span.text for span in bar(None, 5, Tone.ACCENT)) == "─────"


@given(st.lists(st.floats(min_value=0, max_value=1e12), max_size=200), sizes)
def test_a_sparkline_never_takes_more_than_its_width(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == (width if values else 0)
    assert len(resample(values, width)) == (width if values else 0)


COLUMNS = (
    Column("a", "first", 10, share=2, cut="start"),
    Column("b", "second", 8, dropped=1),
    Column("c", "third", 6, "right", dropped=2),
)


@given(st.integers(min_value=10, max_value=200), texts.map(plain))
def test_rows_and_titles_stand_in_the_same_columns(width: int, text: str) -> None:
    found = widths(COLUMNS, width)
    row = row_line(COLUMNS, found, (Span(text), Span(text), Span(text)))
    head = head_line(COLUMNS, found, "a", True)
    assert cells(row) == cells(head) <= width


def test_the_least_needed_column_goes_first() -> None:
    assert widths(COLUMNS, 26) == [10, 8, 6]
    assert widths(COLUMNS, 25) == [16, 8, 0]
    assert widths(COLUMNS, 12) == [12, 0, 0]


def test_other_screens_names_leave_the_footer_first_and_the_help_key_never() -> None:
    screens = [KeyHint("1", "Dashboard", "a", active=True), KeyHint("2", "Transfers", "b")]
    actions = [KeyHint("s", "sync", "c"), KeyHint("e", "emergency", "d"), KeyHint("?", "help", "e")]

    def text(width: int) -> str:
        return "".join(span.text for span in footer_line(screens, actions, width)).strip()

    assert text(60).split() == ["1", "Dashboard", "2", "Transfers", "s", "sync", "e", "emergency", "?", "help"]
    assert text(50).split() == ["1", "Dashboard", "2", "s", "sync", "e", "emergency", "?", "help"]
    assert text(36).split() == ["1", "Dashboard", "2", "s", "sync", "?", "help"]
    assert text(24).split() == ["1", "Dashboard", "2", "?", "help"]


def _row(number: int) -> TableRow:
    return TableRow(number, str(number), (Span(str(number)),))


def test_a_list_of_any_length_keeps_a_bounded_number_of_pages() -> None:
    cache = PageCache()
    for page in range(MOST_PAGES + 10):
        cache.put(page, [_row(page * PAGE_ROWS)])
    assert cache.row(0) is None
    assert cache.row((MOST_PAGES + 9) * PAGE_ROWS) is not None


def test_stale_pages_are_still_drawn_and_wanted_again() -> None:
    cache = PageCache()
    cache.put(0, [_row(1), _row(2)])
    assert cache.missing(0, 5) == []
    cache.mark_stale()
    assert cache.missing(0, 5) == [0]
    assert cache.row(1) == _row(2)
    assert cache.put(0, [_row(1), _row(2)]) is False
