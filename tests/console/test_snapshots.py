"""Every screen and dialog looks as it was agreed: in every state, at both sizes, light and without colour."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.app import App
from textual.pilot import Pilot

from app.console.actions import BY_ID, GOES_TO
from app.console.themes import DARK, LIGHT
from engine.views import StatusView
from tests.console.fixtures import (
    ScriptedClient,
    advance,
    empty_view,
    failing_view,
    normal_view,
    observing_view,
    scripted_client,
    settle,
    staged_app,
    unreachable,
)

Compare = Callable[..., bool]
SMALL, USUAL = (80, 24), (120, 40)
SIZES = pytest.mark.parametrize("size", [SMALL, USUAL], ids=["80x24", "120x40"])
DASHBOARD, CATALOG, TRANSFERS = ("1",), ("2",), ("3",)
SCREENS = pytest.mark.parametrize("keys", [BY_ID[action].keys for action in GOES_TO], ids=GOES_TO.values())


def looks(
    snap_compare: Compare,
    view: StatusView,
    keys: tuple[str, ...],
    size: tuple[int, int] = USUAL,
    theme: str = DARK,
    read_only: bool = False,
    then: Callable[[App[int]], None] | None = None,
) -> bool:
    """Return whether the console on a view looks as before after these keys."""
    return looks_of(snap_compare, scripted_client(view), keys, size, theme, read_only, then)


def looks_of(
    snap_compare: Compare,
    client: ScriptedClient,
    keys: tuple[str, ...],
    size: tuple[int, int] = USUAL,
    theme: str = DARK,
    read_only: bool = False,
    then: Callable[[App[int]], None] | None = None,
) -> bool:
    """Return whether the console on a script looks as before after these keys."""
    app = staged_app(client, theme, read_only)

    async def before(pilot: Pilot[int]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        if then is not None:
            then(app)
            await settle(pilot)
            advance(pilot, 42.0)
            await settle(pilot)

    return snap_compare(app, terminal_size=size, run_before=before)


@SIZES
@SCREENS
def test_a_fleet_that_is_well_looks_calm(snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    assert looks(snap_compare, normal_view(), keys, size)


@SIZES
def test_a_fleet_in_trouble_shows_what_is_wrong_first(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert looks(snap_compare, failing_view(), DASHBOARD, size)


@SIZES
@SCREENS
def test_an_empty_fleet_says_so(snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    assert looks(snap_compare, empty_view(), keys, size)


@SIZES
@SCREENS
def test_an_engine_that_is_silent_marks_everything_stale(
    snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    def cut(app: App[int]) -> None:
        app.clear_notifications()
        app.client.fail(unreachable())  # type: ignore[attr-defined]

    assert looks(snap_compare, failing_view(), keys, size, then=cut)


@SCREENS
def test_without_colour_everything_is_still_said(
    snap_compare: Compare, keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks(snap_compare, failing_view(), keys)


@SCREENS
@pytest.mark.parametrize("theme", [LIGHT, "ansi-dark"])
def test_the_light_theme_and_the_terminals_own_colours_are_enough(
    snap_compare: Compare, keys: tuple[str, ...], theme: str
) -> None:
    assert looks(snap_compare, failing_view(), keys, theme=theme)


@pytest.mark.parametrize("theme", [DARK, "ansi-dark"])
def test_the_palette_is_a_dialog_like_the_others(snap_compare: Compare, theme: str) -> None:
    assert looks(snap_compare, failing_view(), ("ctrl+p",), theme=theme)


@pytest.mark.parametrize("panel", [1, 2, 3], ids=["storage", "freshness", "transfers"])
def test_on_a_small_terminal_the_panel_with_the_cursor_opens(snap_compare: Compare, panel: int) -> None:
    assert looks(snap_compare, failing_view(), ("tab",) * panel, SMALL)


def test_a_wide_terminal_is_used(snap_compare: Compare) -> None:
    assert looks(snap_compare, failing_view(), TRANSFERS, (200, 60))


def test_an_observing_engine_is_told_in_a_banner(snap_compare: Compare) -> None:
    assert looks(snap_compare, observing_view(), DASHBOARD)


def test_a_read_only_console_says_so_and_offers_no_dangerous_key(snap_compare: Compare) -> None:
    assert looks(snap_compare, failing_view(), ("3", "question_mark"), read_only=True)


@pytest.mark.parametrize(
    "keys",
    [("e",), ("s",), ("question_mark",), ("enter",), ("3", "x"), ("3", "enter"), ("2", "enter")],
    ids=["emergency", "sync", "help", "finding", "cancel", "transfer", "file"],
)
def test_a_dialog_shows_what_it_is_about(snap_compare: Compare, keys: tuple[str, ...]) -> None:
    assert looks(snap_compare, failing_view(), keys)


def test_a_dialog_fits_the_smallest_terminal(snap_compare: Compare) -> None:
    assert looks(snap_compare, failing_view(), ("e",), SMALL)


def test_go_asks_first_and_says_how_much_would_move(snap_compare: Compare) -> None:
    assert looks(snap_compare, observing_view(), ("R",))
