"""The Archive and Routing screens and their dialogs look as agreed: in trouble, small, light, without colour."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from app.console.staging.scenes_routing import trial_of
from app.console.themes import DARK, LIGHT
from engine.errors import ErrorClass, SyncdeckError
from engine.views import SyncPreview
from engine.views_rules import SaveResult
from tests.console.fixtures import failing_view, scripted_client, until_told
from tests.console.test_snapshots import SIZES, SMALL, Compare, looks, looks_of, settle, staged_app

CONFLICT = SaveResult(
    "conflict",
    "Line 31 was changed by somebody else while it was edited here.",
    "name: big hexagonal sets stay in Europe\nplace:\n  - {selector: external}\npriority: low\n",
    'name: big hexagonal sets stay in Europex\nplace:\n  - {selector: "durable & region=eu-*", copies: 2}\n',
)


@SIZES
@pytest.mark.parametrize("keys", [("5",), ("6",)], ids=["archive", "routing"])
def test_trouble_is_seen_with_the_key_that_mends_it(
    snap_compare: Compare, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    assert looks(snap_compare, failing_view(), keys, size)


@pytest.mark.parametrize("theme", [LIGHT, "ansi-dark"])
@pytest.mark.parametrize("keys", [("6", "enter", "end", "x"), ("5", "a"), ("e",)], ids=["editor", "archive", "sync"])
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


@pytest.mark.parametrize("theme", [DARK, LIGHT, "ansi-dark"])
def test_a_conflict_shows_both_versions(snap_compare: Compare, theme: str) -> None:
    client = scripted_client(failing_view())
    client.levers.save_results = (CONFLICT,)
    assert looks_of(snap_compare, client, ("6", "enter", "end", "x", "f2", "right", "enter"), theme=theme)


@SIZES
def test_what_may_not_be_archived_is_refused_with_its_reason(snap_compare: Compare, size: tuple[int, int]) -> None:
    keys = ("5", "space", *("down",) * 2, "space", "space", "space", "a")
    assert looks(snap_compare, failing_view(), keys, size)


@pytest.mark.parametrize("name", ["stuck", "unanswered", "unsaved"])
def test_a_refusal_says_why_and_what_to_do(snap_compare: Compare, name: str) -> None:
    client = scripted_client(failing_view())
    if name == "stuck":
        keys: tuple[str, ...] = ("5", "down", "down", "down", "a")
    elif name == "unanswered":
        keys = ("4", "d")
        client.nodes.preview_of = refused
    else:
        keys = ("6", "enter", "end", "x", "f2", "right", "enter")
        client.levers.save_results = (SaveResult("refused", "The file cannot be written: read-only file system."),)
    assert looks_of(snap_compare, client, keys)


@SIZES
def test_a_long_trial_shows_what_it_comes_to_so_far(snap_compare: Compare, size: tuple[int, int]) -> None:
    client = scripted_client(failing_view())
    app = staged_app(client, DARK, False)

    async def before(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await pilot.press("6")
        await settle(pilot)
        client.levers.trial = trial_of(412_000, 1_000_000)
        await pilot.press("enter")
        await until_told(pilot, "412,000 of 1,000,000")

    assert snap_compare(app, terminal_size=size, run_before=before)


def refused(node: str) -> SyncPreview:
    """Refuse as an engine does."""
    raise SyncdeckError("drain", node, "no other durable node is up", "bring one back, then drain", ErrorClass.CONFIG)


@pytest.mark.parametrize("keys", [("5",), ("6",)], ids=["archive", "routing"])
def test_a_read_only_console_offers_no_lever(snap_compare: Compare, keys: tuple[str, ...]) -> None:
    assert looks(snap_compare, failing_view(), keys, read_only=True)
