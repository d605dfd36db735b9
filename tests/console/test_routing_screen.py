"""What an operator does with rules, key by key: read, edit, check, save, undo, move, mend, put back, explain."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot
from textual.widgets import Input

from app.console.modals.confirm import ConfirmScreen
from app.console.modals.conflict import ConflictScreen
from app.console.modals.detail import DetailScreen
from app.console.modals.pick import PickScreen
from app.console.modals.rule_editor import RuleEditor
from app.console.screens.catalog import CatalogScreen
from app.console.screens.routing import RoutingScreen
from app.console.staging.scenes_routing import rules_view, trial_of
from engine.health.levels import RULE_RESTORE
from engine.views import FindingView
from engine.views_rules import DraftCheck, RuleDraft, SaveResult
from tests.console.fixtures import (
    ScriptedClient,
    console,
    failing_view,
    normal_view,
    press,
    screen_text,
    scripted_client,
    told,
    until_told,
)
from widgets.yaml_area import YamlArea

EUROPE = "big hexagonal sets stay in Europe"


def yaml(pilot: Pilot[int]) -> YamlArea:
    return pilot.app.screen.query_one("#yaml", YamlArea)


def drafts(client: ScriptedClient) -> list[RuleDraft]:
    """Return the drafts that were saved."""
    return [what[0] for name, what in client.calls if name == "save_rule"]  # type: ignore[index]


def rule(name: str) -> str:
    """Return a rule of the scene as it is written."""
    return next(row.yaml for row in rules_view(trouble=True).rules if row.name == name)


async def test_an_edit_in_the_form_is_checked_saved_and_undone() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6", "enter")
        assert isinstance(pilot.app.screen, RuleEditor)
        pilot.app.screen.query_one("#field-deadline", Input).focus()
        await press(pilot, "end", "backspace", "m")
        assert "deadline: 2m" in yaml(pilot).text
        assert "# the drive counts" in yaml(pilot).text
        text = screen_text(pilot)
        assert "1,204 files, 388 GB" in text and "83 % → 88 %" in text and "cannot be placed" in text
        await press(pilot, "f2")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        assert pilot.app.focused is not None and pilot.app.focused.id == "cancel" and client.calls == []
        await press(pilot, "right", "enter")
        assert isinstance(pilot.app.screen, RoutingScreen)
        assert drafts(client) == [RuleDraft(rule(EUROPE).replace("2h", "2m"), replaces=EUROPE)]
        assert client.calls[0][1][1] == "d1"  # type: ignore[index]
        await press(pilot, "u")
        assert f"Takes back: the edit of {EUROPE}" in screen_text(pilot)
        await press(pilot, "right", "enter")
    assert client.calls[-1] == ("undo_rules", None)


async def test_yaml_and_form_stay_in_step_both_ways() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, "6", "enter", "end", "space", *"now")
        form = pilot.app.screen.query_one("#field-name", Input)
        assert form.value == f"{EUROPE} now"
        form.focus()
        await press(pilot, "end", *"!")
        assert yaml(pilot).text.startswith(f"name: {EUROPE} now!")
        place = pilot.app.screen.query_one("#field-place", Input)
        place.focus()
        await press(pilot, "end", *"; node=a x3")
        assert "copies: 3" in yaml(pilot).text
        assert place.value == "durable & region=eu-* x2; external; node=a x3"


async def test_a_mistake_is_marked_at_its_line_and_cannot_be_saved() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6", "enter")
        area = yaml(pilot)
        area.text = area.text.replace("region=", "regoin=")
        await press(pilot, "right")
        text = screen_text(pilot)
        assert "✗ A mistake" in text and "line 4" in text and "write region" in text
        assert area._mistakes == frozenset({4})
        await press(pilot, "f2")
        assert isinstance(pilot.app.screen, RuleEditor)
        area.text = "name: [broken"
        await press(pilot, "right")
        assert "✗ A mistake" in screen_text(pilot)
    assert client.calls == []


async def test_a_closed_editor_asks_before_it_forgets_what_was_written() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, "6", "enter", "escape")
        assert isinstance(pilot.app.screen, RoutingScreen)
        await press(pilot, "enter", "x", "escape")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, RuleEditor)
        await press(pilot, "escape", "right", "enter")
        assert isinstance(pilot.app.screen, RoutingScreen)


async def test_a_new_rule_stands_before_the_one_under_the_cursor() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6", "down", "n")
        await press(pilot, "f2", "right", "enter")
    (draft,) = drafts(client)
    assert draft.replaces is None and draft.position == 1 and draft.yaml.startswith("name: new rule\n")


async def test_a_rule_is_moved_by_putting_the_later_of_two_first() -> None:
    client = scripted_client(failing_view())
    second = "hex8 games to the trainers"
    async with console(client) as pilot:
        await press(pilot, "6", "K", "down", "K", "right", "enter")
        assert drafts(client) == [RuleDraft(rule(second), replaces=second, position=0)]
        await press(pilot, "g", "J", "right", "enter")
        assert drafts(client)[1:] == [RuleDraft(rule(second), replaces=second, position=0)]
        await press(pilot, "down", "J", "right", "enter")
    third = "night copies"
    assert drafts(client)[2:] == [RuleDraft(rule(third), replaces=third, position=1)]


async def test_a_rule_is_removed_after_a_look_and_built_in_ones_are_not() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6", "d")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "right", "enter", "G", "d", "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
    assert drafts(client) == [RuleDraft("", replaces=EUROPE)]


async def test_a_contradiction_is_mended_after_its_preview() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6")
        assert "f fix: remove mac-studio from excluded_hosts" in screen_text(pilot)
        await press(pilot, "f")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        assert "2 files, 31 GB" in screen_text(pilot) and client.calls == []
        await press(pilot, "right", "enter")
    assert drafts(client) == [RuleDraft(fix_id="excluded-and-allowed:mac-studio")]


async def test_what_has_no_fix_says_so() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6")
        pilot.app.screen.query_one("#notes").focus()
        await press(pilot, "down", "down", "f", "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
        assert "correct the selector" in screen_text(pilot)
    assert client.calls == []


async def test_a_vanished_rule_is_put_back() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6")
        assert "✗ vanished" in screen_text(pilot)
        await press(pilot, "B", "right", "enter")
    assert drafts(client) == [RuleDraft(rule("models to vast"))]


async def test_the_finding_of_a_vanished_rule_leads_to_putting_it_back() -> None:
    view = failing_view()
    gone = FindingView("rule-vanished:x", "critical", "hosts.yaml", "rule x is gone", "put it back", RULE_RESTORE)
    client = scripted_client(replace(view, findings=(gone,)))
    async with console(client) as pilot:
        assert "B put it back" in screen_text(pilot)
        await press(pilot, "B")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "escape", "1")
        pilot.app.screen.query_one("#findings").focus()
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
        await press(pilot, "B")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "right", "enter")
    assert drafts(client) == [RuleDraft(rule("models to vast"))]


async def test_a_conflict_shows_both_versions_and_overwrites_only_by_choice() -> None:
    client = scripted_client(failing_view())
    conflict = SaveResult("conflict", "Line 31 was changed by somebody else.", "name: a\nplace: theirs\n", "name: a\n")
    client.levers.save_results = (conflict, conflict)
    async with console(client) as pilot:
        await press(pilot, "6", "enter", "end", "x", "f2", "right", "enter")
        assert isinstance(pilot.app.screen, ConflictScreen)
        assert "place: theirs" in screen_text(pilot) and "In the file now (theirs)" in screen_text(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, RuleEditor)
        await press(pilot, "f2", "right", "enter")
        assert client.levers.rules is not None
        client.levers.rules = replace(client.levers.rules, digest="d2")
        await press(pilot, "right", "right", "enter")
        assert isinstance(pilot.app.screen, RoutingScreen)
    assert [what[1] for _, what in client.calls] == ["d1", "d1", "d2"]  # type: ignore[index]


async def test_a_refused_save_keeps_what_was_written() -> None:
    client = scripted_client(failing_view())
    client.levers.save_results = (SaveResult("refused", "The file cannot be written: read-only file system."),)
    async with console(client) as pilot:
        await press(pilot, "6", "enter", "end", "x", "f2", "right", "enter")
        assert isinstance(pilot.app.screen, RuleEditor)
        assert yaml(pilot).text.startswith(f"name: {EUROPE}x")
        assert "read-only file system" in told(pilot)


async def test_a_newer_draft_supersedes_one_that_is_still_tried() -> None:
    client = scripted_client(failing_view())
    tried: list[str] = []

    def check(draft: RuleDraft) -> DraftCheck:
        tried.append(draft.yaml)
        return DraftCheck((), "", None)

    client.levers.check_of = check
    async with console(client) as pilot:
        await press(pilot, "6", "enter")
        before = len(tried)
        for key in "abcdef":
            await pilot.press(key)
        await press(pilot, "g")
        assert tried[-1].startswith("abcdefg")
        assert len(tried) - before < 7


async def test_a_long_trial_tells_how_far_it_is_and_gives_way_to_the_answer() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6")
        client.levers.trial = trial_of(412_000, 1_000_000)
        await pilot.press("enter")
        await until_told(pilot, "Not complete: 412,000 of 1,000,000 files tried")
        client.levers.trial = trial_of(700_000, 1_000_000)
        await until_told(pilot, "700,000 of 1,000,000")
        client.levers.trial = None
        await pilot.press("end")
        await press(pilot, "x")
        text = screen_text(pilot)
        assert "files tried in" in text and "Not complete" not in text


async def test_a_file_is_explained_from_the_rules_and_from_the_catalog() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "6", "x")
        assert isinstance(pilot.app.screen, PickScreen)
        await press(pilot, *"0000007", "enter")
        assert "wanted, missing" in screen_text(pilot) and "blocked" in screen_text(pilot)
        await press(pilot, "down", "down", "enter")
        text = " ".join(screen_text(pilot).split())
        assert "In the way" in text and "nebius-h100-2 does not answer" in text and "line 40" in text
        await press(pilot, "escape", "2", "x")
        assert isinstance(pilot.app.screen, PickScreen)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, CatalogScreen)


async def test_rules_are_filtered_and_an_empty_file_is_calm() -> None:
    async with console(scripted_client(normal_view())) as pilot:
        await press(pilot, "6", "slash", *"hex8", "enter")
        assert "Routing  1" in screen_text(pilot)
        assert "nothing contradicts itself" in screen_text(pilot)
        await press(pilot, "escape", "u")
        assert isinstance(pilot.app.screen, RoutingScreen)


async def test_a_read_only_console_tries_rules_but_saves_none() -> None:
    client = scripted_client(failing_view())
    async with console(client, read_only=True) as pilot:
        await press(pilot, "6", "n", "K", "f", "B", "d", "u")
        assert isinstance(pilot.app.screen, RoutingScreen)
        await press(pilot, "enter", "x", "f2")
        assert isinstance(pilot.app.screen, RuleEditor)
        assert "saving is not" in told(pilot)
    assert client.calls == []


async def test_undo_is_named_with_the_key_that_it_has_here() -> None:
    async with console(scripted_client(failing_view()), keymap={"undo": "f9"}) as pilot:
        await press(pilot, "6")
        assert "f9 undoes" in screen_text(pilot)
        await press(pilot, "3", "x")
        assert "f9 takes it back" in screen_text(pilot)
