"""The one table of actions: no key means two things, and everything written from it is current."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from textual.pilot import Pilot

from app.console.actions import ACTIONS, BY_ID, GOES_TO, SCREENS, keymap_faults, markdown_table, on_screen
from app.console.app import SyncdeckApp
from app.console.commands import Commands
from app.console.keydocs import between_marks, keys_page
from app.console.screens.base import ConsoleScreen
from app.console.screens.registry import SCREEN_TYPES
from engine.api.methods import methods
from engine.health.levels import ACTIONS as FINDINGS_ACTIONS
from tests.console.fixtures import console, failing_view, press, scripted_client, settle

EATEN_BY_TERMINALS = {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+[", "ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q"}


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_means_two_things_on_a_screen(screen: str) -> None:
    keys = [key for action in on_screen(screen) for key in action.keys]
    assert sorted(keys) == sorted(set(keys))


def test_no_key_is_one_that_terminals_or_tmux_eat() -> None:
    assert not EATEN_BY_TERMINALS & {key for action in ACTIONS for key in action.keys}


def test_every_screen_is_reached_by_the_digit_of_its_place() -> None:
    assert tuple(screen.NAME for screen in SCREEN_TYPES) == SCREENS
    digits = [BY_ID[action].keys[0] for action in GOES_TO]
    assert digits == sorted(set(digits)) and set(digits) <= set("123456789")


@pytest.mark.parametrize("screen", SCREEN_TYPES, ids=SCREENS)
def test_every_action_of_a_screen_is_done_by_somebody_there(screen: type[ConsoleScreen]) -> None:
    for action in on_screen(screen.NAME):
        by_method = any(callable(getattr(doer, f"do_{action.id}", None)) for doer in (screen, SyncdeckApp))
        assert action.own_key or action.id in GOES_TO or by_method or by_command(action.id), action.id


def by_command(action_id: str) -> bool:
    """Return whether a command does it from anywhere, needing nothing that only a screen knows."""
    command = getattr(Commands, action_id, None)
    if not inspect.iscoroutinefunction(command):
        return False
    _self, *others = inspect.signature(command).parameters.values()
    return all(other.default is not inspect.Parameter.empty for other in others)


def test_no_screen_has_a_method_for_an_action_which_the_table_does_not_have_there() -> None:
    for screen in SCREEN_TYPES:
        doers = {name.removeprefix("do_") for name in vars(screen) if name.startswith("do_")}
        assert doers <= {action.id for action in on_screen(screen.NAME)}, screen.NAME


@pytest.mark.parametrize("screen", SCREENS)
async def test_no_key_of_a_read_only_console_calls_for_a_change(screen: str) -> None:
    client = scripted_client(failing_view())
    offered = [action for action in on_screen(screen, read_only=True) if action.id != "quit"]
    async with console(client, read_only=True) as pilot:
        for key in [key for action in offered for key in action.keys]:
            await _come_back(pilot, screen)
            await press(pilot, key)
            if len(pilot.app.screen_stack) > 1:
                await press(pilot, "enter")
        assert [name for name, _ in client.calls if methods()[name].changes] == []


async def _come_back(pilot: Pilot[int], screen: str) -> None:
    """Close what is open, and show a screen with the focus that it has at first."""
    while len(pilot.app.screen_stack) > 1:
        await press(pilot, "escape")
    if pilot.app.feed.paused:  # type: ignore[attr-defined]
        await press(pilot, "p")
    await pilot.app.switch_mode(screen)
    pilot.app.screen.set_focus(None)
    pilot.app.screen.focus_next()
    await settle(pilot)


def test_a_keymap_that_gives_a_key_twice_or_names_nothing_is_told() -> None:
    assert keymap_faults({"sync": "f2"}) == []
    assert keymap_faults({"sync": "e"}) == ["e is given to both sync and emergency"]
    assert keymap_faults({"fly": "f3"}) == ["no action is called fly"]


def test_every_action_that_a_finding_names_is_in_the_table() -> None:
    assert set(FINDINGS_ACTIONS) <= set(BY_ID)
    assert {finding.action for finding in failing_view().findings} <= set(FINDINGS_ACTIONS)


def test_the_page_of_keys_is_current(repository: Path) -> None:
    assert (repository / "docs" / "keys.md").read_text(encoding="utf-8") == keys_page()


def test_the_readmes_table_of_keys_is_current(repository: Path) -> None:
    assert between_marks((repository / "README.md").read_text(encoding="utf-8")) == markdown_table()
