"""What an operator does, key by key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.command import CommandList
from textual.widgets import Input

from app.console.modals.confirm import ConfirmScreen
from app.console.modals.detail import DetailScreen
from app.console.modals.help import HelpScreen
from app.console.modals.limit import LimitScreen
from app.console.modals.sync import SyncPreviewScreen
from app.console.screens.dashboard import DashboardScreen
from app.console.screens.transfers import TransfersScreen
from app.console.staging.scenes import entry_at
from app.console.staging.stage import MOST_LOOKS
from engine.codes import TransferCode
from engine.views import FindingView, SyncRequest
from engine.views_bandwidth import BandwidthChange
from tests.console.fixtures import (
    ScriptedClient,
    advance,
    catalog,
    console,
    failing_view,
    normal_view,
    observing_view,
    press,
    screen_text,
    scripted_client,
    settle,
)
from widgets.line_list import LineList


async def test_sync_starts_on_cancel_and_does_nothing_when_that_is_pressed() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "s")
        assert isinstance(pilot.app.screen, SyncPreviewScreen)
        assert pilot.app.focused is not None and pilot.app.focused.id == "cancel"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, DashboardScreen)
    assert client.calls == []


async def test_an_emergency_is_asked_of_the_engine_once_after_a_deliberate_choice() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "e", "right", "right", "enter")
    assert client.calls == [("sync", SyncRequest(emergency=True))]


async def test_filling_past_max_is_a_second_explicit_choice() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "e")
        assert "targets stay below max" in screen_text(pilot)
        await press(pilot, "right", "enter")
        assert "may fill past max" in screen_text(pilot)
        assert client.calls == []
        await press(pilot, "right", "enter")
    assert client.calls == [("sync", SyncRequest(emergency=True, allow_fill=True))]


async def test_a_preview_that_moves_nothing_cannot_be_confirmed() -> None:
    client = ScriptedClient(normal_view())
    async with console(client) as pilot:
        await press(pilot, "s")
        assert pilot.app.screen.query_one("#confirm").disabled
        await press(pilot, "right", "right", "enter")
    assert client.calls == []


async def test_go_on_an_observing_engine_asks_first() -> None:
    client = scripted_client(observing_view())
    async with console(client) as pilot:
        assert "OBSERVING" in screen_text(pilot)
        await press(pilot, "R")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        assert client.calls == []
        await press(pilot, "right", "enter")
        assert client.calls == [("resume", ())]
        assert "OBSERVING" not in screen_text(pilot)


@pytest.mark.parametrize("screen", ["1", "2", "3", "4", "5", "6"])
async def test_every_screen_says_that_nothing_moves_while_the_engine_observes(screen: str) -> None:
    client = scripted_client(observing_view())
    async with console(client) as pilot:
        await press(pilot, screen)
        assert "OBSERVING" in screen_text(pilot)
        await press(pilot, "R" if screen != "5" else "1")
        if screen != "5":
            await press(pilot, "right", "enter")
            assert "OBSERVING" not in screen_text(pilot)


async def test_pause_is_taken_back_by_undo() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        await press(pilot, "P")
        assert "PAUSED" in screen_text(pilot)
        await press(pilot, "u")
    assert client.calls == [("pause", ()), ("resume", ())]


async def test_a_cancelled_transfer_is_queued_again_by_undo() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "3", "x")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "right", "enter", "u")
    key = "games:selfplay_square19_3p.db@vast-70000274"
    again = SyncRequest(keys=(key,), targets=("mac-studio",), priority=100)
    assert client.calls == [("cancel", (4,)), ("sync", again)]


async def test_marked_transfers_are_retried_together() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "3", "down", "down", "down", "down", "space", "space", "t")
    assert client.calls == [("retry", (30, 31))]


async def test_what_is_over_cannot_be_cancelled() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "3", "G", "x")
        assert isinstance(pilot.app.screen, TransfersScreen)
    assert client.calls == []


async def test_the_filter_narrows_as_you_type_and_esc_clears_it() -> None:
    async with console(scripted_client(normal_view(), entries=1000)) as pilot:
        await press(pilot, "2", "slash")
        assert isinstance(pilot.app.focused, Input)
        await press(pilot, *"0000999")
        assert catalog(pilot).table.total == 1
        assert "_0000999.db" in screen_text(pilot)
        await press(pilot, "escape")
        assert catalog(pilot).table.total == 1000


async def test_keys_typed_into_the_filter_are_text_not_commands() -> None:
    client = scripted_client(normal_view(), entries=50)
    async with console(client) as pilot:
        await press(pilot, "2", "slash", "q", "s", "e", "1")
        assert pilot.app.screen.query_one("#filter", Input).value == "qse1"
    assert client.calls == []


async def test_sorting_goes_through_the_columns_and_can_be_turned_round() -> None:
    async with console(scripted_client(normal_view(), entries=300)) as pilot:
        await press(pilot, "2", "o", "o", "o", "o")
        assert catalog(pilot).query_shown.order == "size_bytes"
        assert catalog(pilot).query_shown.descending
        await press(pilot, "O")
        assert not catalog(pilot).query_shown.descending


async def test_the_selected_row_stays_selected_while_rows_come_in_before_it() -> None:
    client = scripted_client(normal_view(), entries=500)
    async with console(client) as pilot:
        await press(pilot, "2", "down", "down", "down")
        row = catalog(pilot).table.row
        assert row is not None
        newer = [replace(entry_at(index), id=-1 - index) for index in range(20)]
        client.set_entries(520, lambda index: newer[index] if index < 20 else entry_at(index - 20))
        await settle(pilot)
        now = catalog(pilot).table.row
        assert now is not None and now.id == row.id
        cursor_line = next(line for line in screen_text(pilot).splitlines() if "▸" in line)
        assert "_0000003.db" in cursor_line


async def test_marks_stay_on_their_rows_when_the_order_changes() -> None:
    async with console(scripted_client(normal_view(), entries=500)) as pilot:
        await press(pilot, "2", "down", "space", "space")
        marked = catalog(pilot).table.marked
        await press(pilot, "o", "o")
        assert catalog(pilot).table.marked == marked
        assert len(marked) == 2


async def test_sync_on_marked_rows_names_exactly_those() -> None:
    client = scripted_client(normal_view(), entries=100)
    async with console(client) as pilot:
        await press(pilot, "2", "space", "s", "right", "enter")
    assert client.calls == [("sync", SyncRequest(keys=(entry_at(0).key,)))]


@pytest.mark.parametrize("keys", [("3", "space"), ("5", "tab", "space")], ids=["transfers", "archive"])
async def test_in_every_list_of_files_sync_is_about_the_marked_ones(keys: tuple[str, ...]) -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, *keys)
        marked = tuple(pilot.app.screen.table.marked.values())  # type: ignore[attr-defined]
        await press(pilot, "s")
        assert pilot.app.screen.request == SyncRequest(keys=marked) and marked  # type: ignore[attr-defined]


async def test_a_million_entries_open_and_reach_their_end() -> None:
    async with console(scripted_client(normal_view(), entries=1_000_000)) as pilot:
        await press(pilot, "2", "G")
        row = catalog(pilot).table.row
        assert row is not None and row.id == 1_000_000
        assert "0999999.db" in screen_text(pilot)


async def test_a_config_key_opens_the_catalog_of_its_files() -> None:
    async with console(scripted_client(failing_view(), entries=600)) as pilot:
        pilot.app.screen.query_one("#freshness").focus()
        await press(pilot, "enter")
        assert catalog(pilot).query_shown.config_key == "square19_3p"
        assert catalog(pilot).table.total == 100
        await press(pilot, "escape")
        assert catalog(pilot).query_shown.config_key is None
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, DashboardScreen)


async def test_enter_on_a_finding_says_what_to_do_and_its_key_works_there() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
        assert "Press e: emergency sync." in screen_text(pilot)
        await press(pilot, "e")
        assert isinstance(pilot.app.screen, SyncPreviewScreen)


async def test_the_cursor_walks_from_panel_to_panel() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, "j", "j", "j", "j")
        assert isinstance(pilot.app.focused, LineList) and pilot.app.focused.id == "storage"
        await press(pilot, "k")
        assert pilot.app.focused is not None and pilot.app.focused.id == "findings"


def _finding(name: str, severity: str, at_risk_bytes: int) -> FindingView:
    return FindingView(name, severity, name, f"{name} needs you", "mend it", None, at_risk_bytes, 0.0)


async def test_the_cursor_is_on_the_worst_finding_until_the_operator_moves_it() -> None:
    mild, worse, worst = _finding("a", "note", 0), _finding("b", "warning", 9), _finding("c", "critical", 99)
    client = scripted_client(replace(normal_view(), findings=(mild,)))
    async with console(client) as pilot:
        findings = pilot.app.screen.query_one("#findings", LineList)
        client.show(replace(client.view, findings=(mild, worse)))
        await settle(pilot)
        assert findings.cursor_key == "b"
        await press(pilot, "j", "k", "j")
        client.show(replace(client.view, findings=(mild, worse, worst)))
        await settle(pilot)
        assert findings.cursor_key == "a"


async def test_copy_goes_to_the_operators_own_terminal() -> None:
    async with console(scripted_client(normal_view(), entries=10)) as pilot:
        await press(pilot, "2", "y")
        assert pilot.app.clipboard == entry_at(0).key


async def test_a_read_only_console_refuses_what_changes_something() -> None:
    client = scripted_client(failing_view())
    async with console(client, read_only=True) as pilot:
        await press(pilot, "s", "e", "R", "P", "3", "x", "t", "u")
        assert isinstance(pilot.app.screen, TransfersScreen)
        text = screen_text(pilot)
        assert "READ ONLY" in text
        assert "emergency" not in text.splitlines()[-1]
    assert client.calls == []


async def test_a_paused_view_stands_still_and_goes_on() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        await press(pilot, "p")
        client.show(failing_view())
        await settle(pilot)
        assert "VIEW PAUSED" in screen_text(pilot)
        assert "Nothing needs you" in screen_text(pilot)
        await press(pilot, "p")
        assert "emergency sync" in screen_text(pilot)


@pytest.mark.parametrize("keys", [(), ("2",), ("e",)], ids=["dashboard", "catalog", "preview"])
async def test_any_size_is_survived(keys: tuple[str, ...]) -> None:
    async with console(scripted_client(failing_view(), entries=300)) as pilot:
        await press(pilot, *keys)
        for width, height in ((1, 1), (300, 100), (2, 50), (200, 2), (80, 24)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            assert len(pilot.app.screen._compositor.render_strips()) == height


async def test_a_terminal_that_is_too_small_is_told_the_size_needed() -> None:
    async with console(scripted_client(failing_view()), size=(79, 24)) as pilot:
        assert "syncdeck needs 80x24" in screen_text(pilot)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "Needs you" in screen_text(pilot)


async def test_keys_are_remapped_by_the_id_of_their_action() -> None:
    client = scripted_client(failing_view())
    async with console(client, keymap={"emergency": "f5", "help": "f1"}) as pilot:
        assert "f5 emergency" in screen_text(pilot)
        await press(pilot, "e")
        assert isinstance(pilot.app.screen, DashboardScreen)
        await press(pilot, "f5")
        assert isinstance(pilot.app.screen, SyncPreviewScreen)
        await press(pilot, "escape", "f1")
        assert isinstance(pilot.app.screen, HelpScreen)


async def test_the_palette_finds_an_action_by_name() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await pilot.press("ctrl+p", *"emergency")
        offered = pilot.app.screen.query_one(CommandList)
        for _ in range(MOST_LOOKS):
            await pilot.pause()
            if offered.option_count and "emergency" in str(offered.get_option_at_index(0).prompt):
                break
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, SyncPreviewScreen)


@pytest.mark.parametrize(("typed", "first"), [("theme", "theme"), ("drain", "drain  (on Nodes: 4, then d)")])
async def test_the_palette_puts_names_before_words_about_them_and_knows_other_screens(typed: str, first: str) -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await pilot.press("ctrl+p", *typed)
        offered = pilot.app.screen.query_one(CommandList)
        for _ in range(MOST_LOOKS):
            await pilot.pause()
            if offered.option_count and first in str(offered.get_option_at_index(0).prompt):
                return
        raise AssertionError(str(offered.get_option_at_index(0).prompt) if offered.option_count else "nothing")


async def test_quitting_closes_nothing_twice_and_returns_zero() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert pilot.app.return_value == 0


async def test_idle_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        drawn: list[object] = []
        display = pilot.app._display
        monkeypatch.setattr(pilot.app, "_display", lambda *args: (drawn.append(args), display(*args)))
        for _ in range(5):
            advance(pilot, 0.5)
            client.show(client.view)
            await settle(pilot)
        assert drawn == []


async def test_a_limit_is_written_with_its_unit_and_taken_back_by_undo() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        await press(pilot, "b", *"20M", "enter")
        assert "two ways" in screen_text(pilot)
        assert isinstance(pilot.app.screen, LimitScreen)
        await press(pilot, *"B/s", "enter")
        assert client.calls == [("set_bandwidth", BandwidthChange(limit_bytes_per_second=20_000_000))]
        await press(pilot, "u")
    assert client.calls[1:] == [("set_bandwidth", BandwidthChange(clear=True))]


async def test_escape_leaves_the_limit_as_it_is() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        await press(pilot, "b", "escape")
        assert isinstance(pilot.app.screen, DashboardScreen)
    assert client.calls == []


async def test_a_held_transfer_goes_on_by_undo() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        await press(pilot, "3", "h", "u")
    names = [name for name, _ in client.calls]
    assert names == ["pause_transfers", "resume_transfers"]
    assert client.calls[0][1] == client.calls[1][1] != ()


async def test_what_was_paused_one_by_one_goes_on_by_the_same_key_whatever_its_reason_says() -> None:
    client = scripted_client(normal_view())
    client.history = tuple(replace(item, code=TransferCode.PAUSED.value) for item in client.history)
    async with console(client) as pilot:
        await press(pilot, "3", "h")
    assert [name for name, _ in client.calls] == ["resume_transfers"]
