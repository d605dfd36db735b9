"""What the operator sees of an engine that changes, fails, or says odd things."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.views import FindingView
from tests.console.fixtures import (
    NOW,
    advance,
    catalog,
    console,
    failing_view,
    normal_view,
    press,
    screen_text,
    scripted_client,
    settle,
    unreachable,
)


async def test_a_new_critical_finding_rings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[int] = []
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        monkeypatch.setattr(pilot.app, "bell", lambda: rings.append(1))
        finding = FindingView("disk:x", "critical", "x", "disk is full", "free it", None, 0, NOW)
        client.show(replace(client.view, findings=(finding,)))
        await settle(pilot)
        client.show(replace(client.view, entries_total=1))
        await settle(pilot)
        assert len(rings) == 1
        assert [notice.message for notice in pilot.app._notifications] == ["x: disk is full"]


async def test_an_engine_that_stops_answering_is_a_line_and_a_toast_and_comes_back() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        client.fail(unreachable())
        await settle(pilot)
        assert "✗ NO ANSWER  reach the engine: the control socket is closed" in screen_text(pilot)
        assert "● 1 critical" in screen_text(pilot)
        client.heal()
        await settle(pilot)
        assert "the control socket is closed" not in screen_text(pilot).splitlines()[1]


async def test_an_engine_that_does_not_start_leaves_a_console_that_says_why() -> None:
    client = scripted_client(normal_view())
    client.start_error = unreachable()
    async with console(client) as pilot:
        assert "the control socket is closed" in screen_text(pilot)
        assert "Start it again" in screen_text(pilot)


async def test_an_error_that_is_not_of_ours_is_shown_too() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        client.fail(ValueError("boom"))  # type: ignore[arg-type]
        await settle(pilot)
        assert "ValueError: boom" in screen_text(pilot)


async def test_data_that_is_old_is_marked_with_its_age() -> None:
    client = scripted_client(normal_view())
    async with console(client) as pilot:
        client.fail(unreachable())
        await settle(pilot)
        advance(pilot, 130.0)
        await settle(pilot)
        assert "! stale, 2 m ago" in screen_text(pilot)


async def test_names_with_markup_or_control_characters_are_only_text() -> None:
    view = normal_view()
    evil = FindingView("x", "warning", "[red]a[/red]\x1b[2J", "[@click=app.quit]b\u202e[/]", "[bold]c", None, 0, NOW)
    async with console(scripted_client(replace(view, findings=(evil,)))) as pilot:
        text = screen_text(pilot)
        assert "[red]a[/red][2J: [@click=app.quit]b[/]" in text
        assert "\x1b" not in text
        await press(pilot, "enter")
        assert "[bold]c" in screen_text(pilot)


async def test_changes_that_come_while_a_screen_is_being_made_are_not_lost() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        for number in range(8):
            await pilot.press("32"[number % 2])
            client.show(client.view)
        await settle(pilot)
        assert catalog(pilot).table.total == 48_211
        assert not pilot.app._notifications
