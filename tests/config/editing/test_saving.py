"""A file that others rewrite several times a day: nobody's change is lost, and undo gives back the identical bytes."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from config.editing.edits import SetValue
from config.editing.errors import EditRefused
from config.editing.history import History
from config.editing.rules import Overlap, RuleEdit, merge_rule_edit, rule_names
from config.editing.saving import rewrite
from config.editing.splice import apply_edits

BASE = "sync_routing:\n  rules:\n    - name: one\n      place: gpu\ncount: 0 # changes\nhosts: {}\n"
EDIT = RuleEdit("name: two\nplace: durable")


def merged(text: str) -> str:
    return merge_rule_edit(BASE, text, EDIT)


def test_the_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(BASE)
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    kept: list[str] = []
    written = rewrite(link, BASE, merged, kept.append)
    assert (written.before, written.merged, kept) == (BASE, False, [BASE])
    assert rule_names(path.read_text()) == ("one", "two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["hosts.yaml", "link.yaml"]


def test_a_change_made_meanwhile_elsewhere_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    theirs = BASE.replace("count: 0", "count: 7")
    path.write_text(theirs)
    written = rewrite(path, BASE, merged)
    assert written.merged
    assert "count: 7" in path.read_text() and rule_names(path.read_text()) == ("one", "two")


def test_a_change_in_the_very_moment_of_saving_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(BASE)
    changes = iter(["count: 1", "count: 2"])

    def somebody_writes(_text: str) -> None:
        if (change := next(changes, None)) is not None:
            path.write_text(path.read_text().replace("count: 0", "count: 1").replace("count: 1", change))

    written = rewrite(path, BASE, merged, somebody_writes)
    assert written.merged
    assert "count: 2" in path.read_text() and rule_names(path.read_text()) == ("one", "two")


def test_a_folder_that_takes_no_new_file_is_told_of_and_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / ("h" * 250)  # what it would be written to first has a name that no file system takes
    path.write_text(BASE)
    with pytest.raises(EditRefused, match="cannot be written: File name too long") as refused:
        rewrite(path, BASE, merged)
    assert "permissions and the space" in refused.value.remedy
    assert path.read_text() == BASE and os.listdir(tmp_path) == [path.name]


def test_an_edit_that_cannot_be_kept_is_refused_before_the_file_is_touched(tmp_path: Path) -> None:
    path, folder = tmp_path / "hosts.yaml", tmp_path / "edits"
    path.write_text(BASE)
    folder.write_text("no folder")
    history = History(folder)
    with pytest.raises(EditRefused, match="cannot be kept for undoing it"):
        rewrite(path, BASE, merged, lambda before: history.add(0.0, "x", str(path), "edit", before, "", EDIT) and None)
    assert path.read_text() == BASE


def test_an_overlap_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    theirs = BASE.replace("place: gpu", "place: external")
    path.write_text(theirs)
    with pytest.raises(Overlap):
        rewrite(path, BASE, lambda text: merge_rule_edit(BASE, text, RuleEdit("name: one\nplace: durable", "one")))
    assert path.read_text() == theirs
    assert os.listdir(tmp_path) == ["hosts.yaml"]


def test_a_file_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(BASE)
    with pytest.raises(EditRefused, match="gone"):
        rewrite(path, BASE, merged, lambda _text: path.unlink())
    assert os.listdir(tmp_path) == []


def _count_up(path: Path, times: int) -> None:
    for _ in range(times):
        rewrite(path, "", lambda text: apply_edits(text, SetValue(("count",), _count(text) + 1)))


def _count(text: str) -> int:
    return int(text.split("count: ")[1].split()[0])


def test_two_processes_that_rewrite_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(BASE)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(path, 20)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert path.read_text() == BASE.replace("count: 0", "count: 40")


def test_history_gives_back_what_was_there_and_survives_being_read_again(tmp_path: Path) -> None:
    history = History(tmp_path / "edits")
    first = history.add(1.0, "me", "hosts.yaml", "add two", BASE, merged(BASE), EDIT)
    second = history.add(2.0, "me", "hosts.yaml", "fix", merged(BASE), BASE, None)
    again = History(tmp_path / "edits")
    assert again.all() == [first, second]
    assert again.last("other.yaml") is None
    again.mark_undone(second)
    found = again.last("hosts.yaml")
    assert found is not None and (found.number, found.before, found.edit) == (1, BASE, EDIT)
    assert stat.S_IMODE((tmp_path / "edits" / "000001.json").stat().st_mode) == 0o600
