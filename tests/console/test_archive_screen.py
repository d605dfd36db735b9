"""What an operator does with full drives, key by key: look, archive, follow, undo, restore."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot

from app.console.modals.archive import ArchivePreviewScreen, RestoreScreen
from app.console.modals.confirm import ConfirmScreen
from app.console.modals.detail import DetailScreen
from app.console.present.archive import preview_lines
from app.console.screens.archive import ArchiveScreen
from app.console.sources_archive import MOST_SORTED
from app.console.staging.scenes_archive import DRIVE, candidate_at
from engine.errors import SyncdeckError
from engine.views_archive import ArchivePreview, ArchiveRequest, ArchiveStep, RestoreRequest
from tests.console.fixtures import (
    console,
    failing_view,
    press,
    screen_text,
    scripted_client,
    settle,
    told,
)
from widgets.usage_tree import UsageTree, shares

MERGED = "games:merged_all_20251104.db"
RAW = "games:raw_20251101/batch_07.db@vast-70000274"


def archive_screen(pilot: Pilot[int]) -> ArchiveScreen:
    screen = pilot.app.console_screen  # type: ignore[attr-defined]
    assert isinstance(screen, ArchiveScreen)
    return screen


async def test_archiving_starts_on_cancel_and_does_nothing_when_that_is_pressed() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "a")
        assert isinstance(pilot.app.screen, ArchivePreviewScreen)
        assert pilot.app.focused is not None and pilot.app.focused.id == "cancel"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ArchiveScreen)
    assert client.calls == []


async def test_selected_candidates_are_archived_followed_and_taken_back() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "space", "space", "a")
        text = screen_text(pilot)
        assert "2 files, 121 GB" in text and "2 → 2 copies" in text and "81 GB net of the archives" in text
        await press(pilot, "right", "right", "enter")
        assert client.calls == [("archive_run", ArchiveRequest(keys=(MERGED, RAW), location=DRIVE))]
        assert "2 selected" not in screen_text(pilot)
        assert "25 %, 180 MB/s" in screen_text(pilot)
        await press(pilot, "u")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "right", "enter")
        assert client.calls[1:] == [("archive_undo", None)]
        assert screen_text(pilot).count("← restoring") >= 2


def test_an_archive_beside_its_original_frees_nothing() -> None:
    request = ArchiveRequest(keys=(RAW,), delete_original=False)
    step = ArchiveStep(RAW, DRIVE, 10**6, 2, 3, "nothing is deleted")
    preview = ArchivePreview(request, (step,), 10**6, 294_000, -294_000, DRIVE, None, ())
    text = "\n".join("".join(span.text for span in line) for line in preview_lines(preview))
    assert "nothing: 294 kB more are taken" in text and "-" not in text.partition("frees")[2].partition("\n")[0]


async def test_what_is_selected_is_what_is_archived_whatever_filter_came_in_between() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "space", "slash", *"raw", "enter")
        assert "Candidates  1" in screen_text(pilot) and "1 selected" in screen_text(pilot)
        assert "●" not in "".join(line for line in screen_text(pilot).splitlines() if "batch_07" in line)
        await press(pilot, "a")
        assert isinstance(pilot.app.screen, ArchivePreviewScreen)
        assert pilot.app.screen.request.keys == (MERGED,)


async def test_originals_can_be_kept_by_a_second_choice() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "a")
        assert "! deleted, each only once" in screen_text(pilot)
        await press(pilot, "right", "enter")
        assert "originals   kept" in screen_text(pilot)
        await press(pilot, "right", "enter")
    assert client.calls == [("archive_run", ArchiveRequest(keys=(MERGED,), location=DRIVE, delete_original=False))]


async def test_a_protected_file_is_not_archived_and_says_why() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "down", "down", "down", "a")
        assert isinstance(pilot.app.screen, ArchiveScreen)
        await press(pilot, "x")
        assert isinstance(pilot.app.screen, DetailScreen)
        assert "may not go: canonical databases are never archived" in screen_text(pilot)
    assert client.calls == []


async def test_what_is_proved_of_a_databases_games_is_one_sentence() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, "5", "x")
        text = screen_text(pilot)
        assert "all 41,204 games are in other verified databases too, 17" in text
        assert "incomplete games counted nowhere; counted 9 m ago" in text


async def test_a_preview_that_the_engine_cannot_make_cannot_be_confirmed() -> None:
    client = scripted_client(failing_view())

    def refuse(_request: ArchiveRequest) -> None:
        raise SyncdeckError("preview", "archives", "the cold storage is not mounted", "Mount it.")

    client.levers.preview_of = refuse  # type: ignore[assignment]
    async with console(client) as pilot:
        await press(pilot, "5", "a")
        assert pilot.app.screen.query_one("#confirm").disabled
        assert "Nothing was done" in screen_text(pilot)


async def test_an_archive_is_restored_to_where_it_came_from_or_to_another_place() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "tab", "G", "R")
        assert isinstance(pilot.app.screen, RestoreScreen)
        assert pilot.app.focused is not None and pilot.app.focused.id == "cancel"
        await press(pilot, "right", "escape", "R")
        pilot.app.screen.query_one("#location").focus()
        await press(pilot, *"nowhere", "enter")
        assert "no location is called nowhere" in screen_text(pilot)
        await press(pilot, *["backspace"] * 7, *"nebius-h100-3", "enter")
        assert client.calls == [("restore", RestoreRequest((1,), "nebius-h100-3"))]
        assert "← restoring" in screen_text(pilot)


async def test_verify_reads_all_archives_or_the_selected_ones() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "v", "tab", "down", "down", "space", "v", "D")
    assert client.calls == [("archive_verify", ()), ("archive_verify", (7,)), ("archive_drill", 3)]


async def test_only_what_is_worked_on_can_be_cancelled_and_that_asks_first() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "tab", "space", "G", "space", "c")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await press(pilot, "right", "enter")
    assert client.calls == [("archive_cancel", (9,))]


async def test_the_policy_acts_only_after_a_question_and_stops_at_once() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5")
        assert "■ dry run" in screen_text(pilot)
        await press(pilot, "A")
        assert isinstance(pilot.app.screen, ConfirmScreen) and client.calls == []
        await press(pilot, "right", "enter")
        assert "▶ acts by itself" in screen_text(pilot)
        await press(pilot, "A")
    assert client.calls == [("set_archive_policy", True), ("set_archive_policy", False)]


async def test_the_tree_opens_folders_and_shows_the_candidates_of_its_drive() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, "5", "shift+tab", "down", "enter")
        assert isinstance(pilot.app.focused, UsageTree)
        assert "▾ games" in screen_text(pilot) and "▸ synced" in screen_text(pilot)
        assert archive_screen(pilot).query_one("#table").total == 4  # type: ignore[attr-defined]
        await press(pilot, "left")
        assert "▸ synced" not in screen_text(pilot) and "▸ games" in screen_text(pilot)
        await press(pilot, "left", "left")
        assert "▸ games" not in screen_text(pilot)
        assert archive_screen(pilot).query_one("#table").total == 6  # type: ignore[attr-defined]


async def test_a_folder_that_cannot_be_read_is_told_and_stays_closed() -> None:
    client = scripted_client(failing_view())

    def refuse(_location: str, _path: str) -> None:
        raise SyncdeckError("look at", DRIVE, "the drive is not mounted", "Mount it.")

    client.levers.usage_of = refuse  # type: ignore[assignment]
    async with console(client) as pilot:
        await press(pilot, "5")
        assert "looking" not in screen_text(pilot)
        assert "the drive is not mounted" in told(pilot)


async def test_candidates_are_filtered_and_sorted() -> None:
    async with console(scripted_client(failing_view())) as pilot:
        await press(pilot, "5", "slash", *"raw", "enter")
        assert "Candidates  1" in screen_text(pilot)
        await press(pilot, "escape", "o", "o")
        first = archive_screen(pilot).query_one("#table").row  # type: ignore[attr-defined]
        await press(pilot, "g")
        assert archive_screen(pilot).query_one("#table").row.key == RAW  # type: ignore[attr-defined]
        assert first is not None


async def test_a_million_candidates_open_at_once_and_are_not_sorted_here() -> None:
    client = scripted_client(failing_view())
    asked: list[int] = []

    def make(index: int) -> object:
        asked.append(index)
        return candidate_at(index)

    client.levers.candidates, client.levers.candidate_at = 1_000_000, make  # type: ignore[assignment]
    async with console(client) as pilot:
        await press(pilot, "5")
        assert "Candidates  1,000,000" in screen_text(pilot)
        assert len(asked) < MOST_SORTED
        await press(pilot, "o", "G")
        assert "999,999" in screen_text(pilot) or "games_0999999.db" in screen_text(pilot)
        assert len(asked) < MOST_SORTED


async def test_a_read_only_console_looks_but_changes_nothing() -> None:
    client = scripted_client(failing_view())
    async with console(client, read_only=True) as pilot:
        await press(pilot, "5", "a", "A", "tab", "R", "c", "u")
        assert isinstance(pilot.app.screen, ArchiveScreen)
        assert "A allow" not in screen_text(pilot) and "a archive" not in screen_text(pilot)
    assert client.calls == []


async def test_progress_follows_the_engine_and_keeps_the_cursor() -> None:
    client = scripted_client(failing_view())
    async with console(client) as pilot:
        await press(pilot, "5", "tab", "down")
        rows = client.levers.archives
        client.levers.archives = (replace(rows[0], bytes_done=rows[0].size_bytes), *rows[1:])
        client.show(client.view)
        await settle(pilot)
        assert "100 %, 184 MB/s" in screen_text(pilot)
        row = archive_screen(pilot).table.row
        assert row is not None and row.key == "games:old_hexagonal_4p.db"


async def test_a_round_of_the_policy_that_failed_says_why_beside_what_it_would_do() -> None:
    client = scripted_client(failing_view())
    client.levers.policy = replace(client.levers.policy, failure="archive /x: no cold storage; name archive.location")
    async with console(client) as pilot:
        await press(pilot, "5")
        shown = screen_text(pilot)
        assert "✗ the last round failed: archive /x: no cold storage; name archive.loc" in shown
        assert "would archive 2 files" in shown


def test_a_part_that_is_there_takes_at_least_a_cell_and_all_parts_fill_the_bar() -> None:
    assert shares((999, 1, 0, 0), 10) == (9, 1, 0, 0)
    assert shares((0, 0, 0, 0), 10) == (0, 0, 0, 0)
    assert sum(shares((5, 3, 2, 1), 14)) == 14
