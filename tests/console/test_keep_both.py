"""Keeping both by key: previewed, started on Cancel, asked of the engine for just what was selected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.console.modals.keep import KeepBothScreen
from app.console.staging.scenes import scripted_client
from app.console.staging.scenes_keeping import keep_of
from engine.health.levels import KEEP_BOTH
from engine.views import FindingView
from engine.views_keeping import KeepPreview, KeepRequest
from tests.console.fixtures import console, failing_view, press, screen_text, told, unreachable
from tests.console.test_snapshots import SIZES, Compare, looks, looks_of

BLOCKED = ("games:canonical_hex8_3p.db@nebius-h100-3", "nebius-h100-2")


async def test_it_starts_on_cancel_and_says_what_each_copy_becomes() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "3", "K")
        assert isinstance(pilot.app.screen, KeepBothScreen)
        assert pilot.app.focused is not None and pilot.app.focused.id == "cancel"
        shown = screen_text(pilot)
        assert "selfplay_hex8_2p.kept-3f9ac1d20b7e.db" in shown and "no content is overwritten or removed" in shown
        await press(pilot, "enter")
    assert client.calls == []


@pytest.mark.parametrize("screen", ["1", "2", "3"])
async def test_without_a_selection_it_is_about_everything_and_needs_a_second_key(screen: str) -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, screen, "K", "right", "enter")
        assert "3 copies kept beside what is to come" in told(pilot)
    assert client.calls == [("keep_both", KeepRequest())]


async def test_of_selected_transfers_it_is_about_the_blocked_ones() -> None:
    client = scripted_client(failing_view())
    asked: list[KeepRequest] = []

    def forecast(request: KeepRequest) -> KeepPreview:
        asked.append(request)
        return keep_of(request)

    client.levers.keep_of = forecast
    async with console(client) as pilot:
        await press(pilot, "3", "space", "K")
        assert "none of the selected transfers is blocked" in told(pilot)
        await press(pilot, "escape", "home", *("down",) * 4, "space", "K")
        assert isinstance(pilot.app.screen, KeepBothScreen)
        assert pilot.app.screen.query_one("#confirm").disabled
        assert "no copy of it stands in the way" in screen_text(pilot)
    assert asked == [KeepRequest(places=(BLOCKED,))]
    assert client.calls == []


async def test_in_the_catalog_it_is_about_the_selected_files() -> None:
    client = scripted_client(failing_view())
    client.levers.keep_of = lambda request: replace(keep_of(KeepRequest()), request=request)
    async with console(client) as pilot:
        await press(pilot, "2", "space", "K", "right", "enter")
    ((name, request),) = client.calls
    assert name == "keep_both" and isinstance(request, KeepRequest)
    assert len(request.keys) == 1 and request.keys[0].startswith("games:") and not request.places


async def test_a_finding_about_such_copies_names_the_key_that_keeps_both() -> None:
    finding = FindingView("refused:smaller", "warning", "catalog", "2 copies larger than it", "keep both", KEEP_BOTH)
    client = scripted_client(replace(failing_view(), findings=(finding,)))
    async with console(client) as pilot:
        assert "keep both" in screen_text(pilot)
        await press(pilot, "K")
        assert isinstance(pilot.app.screen, KeepBothScreen)


async def test_a_read_only_console_has_no_such_key() -> None:
    client = scripted_client(failing_view())
    async with console(client, read_only=True) as pilot:
        await press(pilot, "3", "K")
        assert not isinstance(pilot.app.screen, KeepBothScreen)
        assert "read-only" in told(pilot)
    assert client.calls == []


@SIZES
def test_the_preview_looks_as_agreed(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert looks(snap_compare, failing_view(), ("3", "K"), size)


@SIZES
@pytest.mark.parametrize("why", ["not in the way", "unanswered"])
def test_a_refusal_says_why_and_what_to_do(snap_compare: Compare, why: str, size: tuple[int, int]) -> None:
    client = scripted_client(failing_view())
    if why == "unanswered":
        client.levers.keep_of = _unanswered
    keys = ("3", *("down",) * 4, "space", "K") if why != "unanswered" else ("3", "K")
    assert looks_of(snap_compare, client, keys, size)


def _unanswered(request: KeepRequest) -> KeepPreview:
    raise unreachable()
