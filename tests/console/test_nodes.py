"""The nodes: what would be lost with each is seen at once, and each lever asks first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from app.console.modals.detail import DetailScreen
from app.console.modals.drain import DrainScreen
from app.console.modals.sync import SyncPreviewScreen
from app.console.present.rescues import rescue_line, rescue_lines
from app.console.screens.nodes import NodesScreen
from app.console.staging.scenes import preview_of
from app.console.themes import DARK, LIGHT
from engine.views import StatusView, SyncRequest
from engine.views_nodes import RescueView
from tests.console.fixtures import (
    NOW,
    ScriptedClient,
    console,
    failing_view,
    press,
    screen_text,
    scripted_client,
    settle,
    staged_app,
)

Compare = Callable[..., bool]
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
VAST = "vast-70000274"
SAVING = RescueView(
    "emergency", (VAST,), "running", NOW - 120, None, 31, 12, 1_200_000_000, 400_000_000, 61.0, (), 0,
    f"saving {VAST}: 19 files, 800 MB to go, the smallest first",
)  # fmt: skip
SAFE = RescueView(
    "drain", ("lambda-gh200-2",), "done", NOW - 900, NOW - 60, 210, 210, 9_000_000_000, 9_000_000_000, None, (), 0,
    "safe to switch off: nothing on lambda-gh200-2 is only there; checked 12 s ago",
)  # fmt: skip
FULL = "full: 84 % used of at most 85 %; free space on mac-studio"
STUCK = RescueView(
    "drain", (VAST,), "stuck", NOW - 900, None, 20, 18, 9_000_000_000, 8_000_000_000, None,
    (("games:selfplay/merged_all.db@" + VAST, FULL),), 1,
    f"not safe to switch off: 2 files, 1 GB on {VAST} are nowhere else, and cannot be copied now: {FULL}",
)  # fmt: skip


def dead_view() -> StatusView:
    """A rented node that died with what only it held."""
    view = failing_view()
    nodes = tuple(
        replace(n, state="timed-out", reason="no answer from 198.51.100.7:22", last_seen_at=NOW - 7200)
        if n.node == VAST
        else n
        for n in view.nodes
    )
    return replace(view, nodes=nodes)


def looks(
    compare: Compare,
    client: ScriptedClient,
    size: tuple[int, int] = (120, 40),
    keys: tuple[str, ...] = (),
    theme: str = DARK,
) -> bool:
    app = staged_app(client, theme)

    async def before(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await press(pilot, "4", *keys)

    return compare(app, terminal_size=size, run_before=before)


def with_rescues(*rescues: RescueView) -> ScriptedClient:
    client = scripted_client(failing_view())
    client.nodes.rescues = rescues
    client.nodes.preview_of = lambda node: preview_of(SyncRequest(nodes=(node,)))
    return client


@SIZES
def test_a_dead_node_and_what_it_took_come_first(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert looks(snap_compare, scripted_client(dead_view()), size)


@SIZES
def test_what_runs_what_is_stuck_and_what_may_be_switched_off_is_seen(
    snap_compare: Compare, size: tuple[int, int]
) -> None:
    assert looks(snap_compare, with_rescues(SAVING, SAFE, STUCK), size)


def test_a_drain_that_is_refused_says_why_in_the_detail(snap_compare: Compare) -> None:
    assert looks(snap_compare, with_rescues(STUCK), theme=LIGHT)


def test_what_a_node_alone_holds_is_a_list_of_its_own(snap_compare: Compare) -> None:
    assert looks(snap_compare, with_rescues(), keys=("enter", "down"))


def test_a_drain_is_previewed(snap_compare: Compare) -> None:
    assert looks(snap_compare, with_rescues(), keys=("d",))


def test_the_terminals_own_colours_are_enough(snap_compare: Compare) -> None:
    assert looks(snap_compare, with_rescues(SAVING, SAFE, STUCK), theme="ansi-dark")


async def test_a_drain_starts_on_cancel_is_begun_by_choice_and_can_be_taken_back() -> None:
    client = with_rescues()
    async with console(client) as pilot:
        await press(pilot, "4", "d")
        assert isinstance(pilot.app.screen, DrainScreen)
        assert pilot.app.focused is not None and pilot.app.focused.id == "cancel"
        await press(pilot, "enter")
        assert client.calls == []
        await press(pilot, "d", "right", "enter")
        assert client.calls == [("drain", VAST)]
        assert "draining" in screen_text(pilot)
        await press(pilot, "d")
        assert "takes copies again" in screen_text(pilot)
        await press(pilot, "right", "enter")
        assert client.calls[1:] == [("drain_cancel", VAST)]
        await press(pilot, "u")
        assert client.calls[2:] == [("drain", VAST)]


async def test_an_emergency_here_is_about_the_node_under_the_cursor_or_the_selected_ones() -> None:
    client = with_rescues()
    async with console(client) as pilot:
        await press(pilot, "4", "e")
        assert isinstance(pilot.app.screen, SyncPreviewScreen)
        assert f"save what is only on {VAST}" in screen_text(pilot)
        await press(pilot, "right", "right", "enter")
        await press(pilot, "space", "space", "e", "right", "right", "enter")
    requests = [what for name, what in client.calls if name == "sync"]
    assert requests == [
        SyncRequest(emergency=True, nodes=(VAST,)),
        SyncRequest(emergency=True, nodes=(VAST, "nebius-h100-2")),
    ]


async def test_enter_lists_what_only_the_node_holds_and_esc_leads_back() -> None:
    async with console(with_rescues()) as pilot:
        await press(pilot, "4", "enter")
        assert f"Only on {VAST}  31" in screen_text(pilot)
        assert "the only copy" in screen_text(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, DetailScreen)
        await press(pilot, "escape", "escape")
        assert isinstance(pilot.app.screen, NodesScreen)
        assert "most to lose first" in screen_text(pilot)


async def test_a_lever_is_about_the_node_that_was_chosen_although_others_come_before_it_meanwhile() -> None:
    client = with_rescues()
    async with console(client) as pilot:
        await press(pilot, "4", "down", "down", "enter")
        assert "Only on vultr-a100-2" in screen_text(pilot)
        nodes = client.view.nodes
        worse = replace(nodes[0], at_risk_bytes=9_000_000_000, at_risk_entries=90)
        client.show(replace(client.view, nodes=(*nodes[-3:], worse, *nodes[1:-3])))
        await settle(pilot)
        await press(pilot, "escape")
        assert any("▸ vultr-a100-2" in line for line in screen_text(pilot).splitlines())
        client.show(replace(client.view, nodes=nodes))
        await settle(pilot)
        await press(pilot, "h")
    assert client.calls == [("pause", ("vultr-a100-2",))]


async def test_a_node_is_paused_and_goes_on_with_one_key() -> None:
    client = with_rescues()
    async with console(client) as pilot:
        await press(pilot, "4", "h")
        assert client.calls == [("pause", (VAST,))]
        await press(pilot, "u")
        assert client.calls[1:] == [("resume", (VAST,))]


async def test_a_read_only_console_offers_none_of_the_levers() -> None:
    client = with_rescues()
    async with console(client, read_only=True) as pilot:
        await press(pilot, "4", "d", "e", "h")
        assert isinstance(pilot.app.screen, NodesScreen)
    assert client.calls == []


async def test_the_filter_narrows_the_nodes() -> None:
    async with console(with_rescues()) as pilot:
        await press(pilot, "4", "slash", *"vast", "enter")
        assert "Nodes  1" in screen_text(pilot)
        await press(pilot, "escape")
        assert "Nodes  42" in screen_text(pilot)


async def test_a_file_is_explained_from_the_node_and_from_what_only_it_holds() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "4", "x")
        assert "Explain a file" in screen_text(pilot)
        await press(pilot, "escape", "enter", "x")
        shown = screen_text(pilot)
        assert "At which place?" in shown or "What had a say" in shown


def test_a_running_drain_says_what_it_waits_for() -> None:
    waits = "not safe to switch off: 2 files, 17.5 kB on b are nowhere else yet; 2 of them written to meanwhile"
    view = RescueView("drain", ("b",), "running", NOW - 9, None, 3, 1, 9_000, 8_000, 0.2, (), 0, waits)
    assert waits in "".join(span.text for span in rescue_line(view, NOW))
    assert "0:00" not in "".join(span.text for span in rescue_line(view, NOW))
    assert "1 of 3 files" in "".join(span.text for line in rescue_lines(view, NOW) for span in line)
