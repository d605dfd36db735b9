"""The one table of actions: no key means two things, and everything written from it is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.console.actions import ACTIONS, BY_ID, GOES_TO, SCREENS, Keys, keymap_faults, markdown_table, on_screen
from app.console.app import SyncdeckApp
from app.console.commands import Commands
from app.console.keydocs import between_marks, keys_page
from app.console.screens.registry import SCREEN_TYPES

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


def test_every_action_is_done_by_somebody() -> None:
    doers = (SyncdeckApp, *SCREEN_TYPES)
    for action in ACTIONS:
        done = any(hasattr(doer, f"do_{action.id}") for doer in doers) or hasattr(Commands, action.id)
        assert action.own_key or action.id in GOES_TO or done, action.id


def test_a_read_only_console_has_no_action_that_changes_something() -> None:
    for screen in SCREENS:
        assert not [action for action in on_screen(screen, read_only=True) if action.dangerous]


def test_what_can_lose_or_move_data_is_marked_dangerous() -> None:
    for name in ("sync", "emergency", "run", "pause_engine", "cancel", "retry", "undo"):
        assert BY_ID[name].dangerous


def test_a_keymap_that_gives_a_key_twice_or_names_nothing_is_told() -> None:
    assert keymap_faults({"sync": "f2"}) == []
    assert keymap_faults({"sync": "e"}) == ["e is given to both sync and emergency"]
    assert keymap_faults({"fly": "f3"}) == ["no action is called fly"]


def test_an_engine_names_actions_by_the_keys_of_the_table_whatever_they_are_remapped_to() -> None:
    keys = Keys({"emergency": "f5"})
    action = keys.action_for("e")
    assert action is BY_ID["emergency"] and keys.shown(action) == "f5"


def test_the_page_of_keys_is_current(repository: Path) -> None:
    assert (repository / "docs" / "keys.md").read_text(encoding="utf-8") == keys_page()


def test_the_readmes_table_of_keys_is_current(repository: Path) -> None:
    assert between_marks((repository / "README.md").read_text(encoding="utf-8")) == markdown_table()
