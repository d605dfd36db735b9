"""New files of a batch are renamed into place a folder at a time; nothing that is there is ever overwritten."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.integrity.temporary import TemporaryNames
from engine.remote import wire
from engine.remote.agent import batch_placing
from engine.remote.agent.batch_control import publish_many
from engine.remote.agent.batch_placing import place_new
from engine.remote.agent.hashcache import HashCache
from engine.remote.agent.publishing import Publisher
from engine.remote.types import PublishRequest
from tests.remote.test_publish import MTIME_NS, stat_of

NAMES = TemporaryNames("0" * 8, "1" * 8)


def arrived(folder: Path, name: str, root: Path) -> PublishRequest:
    """Return the request for a file as the receiver of a batch leaves it: verified, with its time and mode."""
    content = f"content of {name}".encode()
    temp = Path(NAMES.part(str(folder / name), 7, "0" * 12))
    temp.write_bytes(content)
    temp.chmod(0o644)
    os.utime(temp, ns=(MTIME_NS, MTIME_NS))
    sha256 = hashlib.sha256(content).hexdigest()
    final = str(folder / name)
    return PublishRequest(str(temp), final, sha256, len(content), MTIME_NS, stat_of(temp), None, root=str(root))


def told(*requests: PublishRequest) -> list[dict[str, Any]]:
    return [wire.publish_to(request) for request in requests]


def publish(tmp_path: Path, *requests: PublishRequest) -> list[str]:
    answers = publish_many(Publisher(HashCache(str(tmp_path / "cache"))), told(*requests))
    return [answer.get("outcome") or answer["error"]["class"] for answer in answers]


@pytest.mark.parametrize("others", [0, 1_000])
def test_new_files_are_placed_at_once_also_in_a_folder_too_full_to_list(tmp_path: Path, others: int) -> None:
    for number in range(others):
        (tmp_path / f"other{number}").touch()
    requests = [arrived(tmp_path, f"{number}.pth", tmp_path) for number in range(3)]
    answers = place_new(told(*requests))
    assert sorted(answers) == [0, 1, 2]
    for number, request in enumerate(requests):
        final = Path(request.final_path)
        assert final.read_bytes() == f"content of {number}.pth".encode() and not Path(request.temp_path).exists()
        assert wire.publish_from(answers[number]).stat == stat_of(final)


def test_what_has_the_name_or_a_log_of_it_is_left_to_the_publisher(tmp_path: Path) -> None:
    names = ("there.db", "log.db", "shm.db", "new.db", "folder.db", "link.db")
    requests = [arrived(tmp_path, name, tmp_path) for name in names]
    (tmp_path / "there.db").write_bytes(b"somebody else's")
    (tmp_path / "log.db-wal").write_bytes(b"a log of a database that is gone")
    (tmp_path / "shm.db-shm").write_bytes(b"its index")
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere")
    assert list(place_new(told(*requests))) == [3]
    remaining = [request for request in requests if not request.final_path.endswith("new.db")]
    assert publish(tmp_path, *remaining) == ["conflict", "published", "published", "config", "conflict"]
    assert (tmp_path / "there.db").read_bytes() == b"somebody else's" and (tmp_path / "link.db").is_symlink()
    assert not list(tmp_path.glob("*-wal")) and not list(tmp_path.glob("*-shm"))


def test_what_is_not_just_what_the_receiver_left_is_left_to_the_publisher(tmp_path: Path) -> None:
    kinds = ("time", "mode", "content", "inode", "gone", "link", "replaces", "unknown")
    requests = {kind: arrived(tmp_path, kind, tmp_path) for kind in kinds}
    temp = {kind: Path(request.temp_path) for kind, request in requests.items()}
    os.utime(temp["time"], ns=(1, 1))
    temp["mode"].chmod(0o600)
    temp["content"].write_bytes(b"other")
    os.replace(arrived(tmp_path, "inode2", tmp_path).temp_path, temp["inode"])
    temp["gone"].unlink()
    temp["link"].unlink()
    temp["link"].symlink_to(temp["time"])
    requests["replaces"] = replace(requests["replaces"], expected=stat_of(temp["replaces"]))
    requests["unknown"] = replace(requests["unknown"], temp_stat=None)
    assert place_new(told(*requests.values())) == {}
    assert not any(Path(request.final_path).exists() for request in requests.values())


def test_what_appears_after_the_folder_was_listed_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = arrived(tmp_path, "a.pth", tmp_path)
    look = batch_placing._is_ready

    def late(found: os.stat_result, asked: dict[str, Any]) -> bool:
        (tmp_path / "a.pth").write_bytes(b"somebody else's")
        return look(found, asked)

    monkeypatch.setattr(batch_placing, "_is_ready", late)
    assert publish(tmp_path, request) == ["conflict"]
    assert (tmp_path / "a.pth").read_bytes() == b"somebody else's" and Path(request.temp_path).exists()


def test_no_link_leads_out_of_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "way").symlink_to(outside)
    request = arrived(root / "way", "a.pth", root)
    assert publish(tmp_path, request) == ["config"]
    assert not (outside / "a.pth").exists()


def test_killed_between_two_renames_the_same_requests_end_well(tmp_path: Path) -> None:
    requests = [arrived(tmp_path, f"{number}.pth", tmp_path) for number in range(4)]
    assert sorted(place_new(told(*requests[:2]))) == [0, 1]
    assert publish(tmp_path, *requests) == ["already", "already", "published", "published"]


def test_where_a_system_cannot_rename_so_the_publisher_does_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_placing, "_without_overwriting", lambda: None)
    requests = [arrived(tmp_path, f"{number}.pth", tmp_path) for number in range(2)]
    assert publish(tmp_path, *requests) == ["published", "published"]
