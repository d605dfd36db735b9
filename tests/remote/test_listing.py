"""Many looks at once: a folder is listed where that saves looks beside each file, and no -wal is missed for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.remote.agent.batch_control import stat_many
from engine.remote.agent.listing import OVERHANG, WORTH_LISTING, holds_no_wal
from engine.remote.agent.stats import stat_file

MANY = 2 * WORTH_LISTING


def filled(folder: Path, count: int = MANY) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"games_{number}.db" for number in range(count)]
    for path in paths:
        path.write_bytes(b"x" * (1 + len(path.name)))
    return [str(path) for path in paths]


def test_each_look_at_many_says_what_one_alone_says(tmp_path: Path) -> None:
    quiet, live = filled(tmp_path / "quiet"), filled(tmp_path / "live")
    Path(live[3] + "-wal").write_bytes(b"frames")
    paths = [*quiet, *live, str(tmp_path / "quiet" / "missing.db"), str(tmp_path / "none" / "a.db"), str(tmp_path)]
    found = stat_many(paths)
    assert found == [stat_file(path) for path in paths]
    wal = found[MANY + 3]
    assert wal is not None and wal[3] == len(b"frames") and found[-3:] == [None, None, None]


@pytest.mark.parametrize("name", ["games_0.db-wal", "GAMES_0.DB-WAL", "other-Wal"])
def test_no_folder_with_a_wal_however_spelled_is_taken_for_one_without(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    assert holds_no_wal(str(tmp_path), MANY)
    (tmp_path / name).touch()
    assert not holds_no_wal(str(tmp_path), MANY)


def test_a_folder_is_not_listed_for_few_of_its_files(tmp_path: Path) -> None:
    filled(tmp_path)
    assert not holds_no_wal(str(tmp_path), WORTH_LISTING - 1)
    filled(tmp_path, 4 * MANY + OVERHANG + 1)
    assert not holds_no_wal(str(tmp_path), MANY), "too full to be listed for so few"


def test_a_folder_that_may_not_be_listed_is_asked_for_each(tmp_path: Path) -> None:
    assert not holds_no_wal(str(tmp_path / "none"), MANY)
    (tmp_path / "file").touch()
    assert not holds_no_wal(os.fspath(tmp_path / "file"), MANY)
