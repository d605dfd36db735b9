"""A temporary file that was filled out of order: what is known of its holes, and who may rely on it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from engine.integrity.temporary import MAX_NAME_BYTES, TemporaryNames, owner_of, parse_temporary
from engine.remote.agent.holes import Holes, read_holes, remove_holes, whole_from_start, write_holes
from engine.remote.agent.partial import PartialFile
from engine.remote.agent.paths import HOLES, HOLES_DRAFT, is_temporary
from engine.remote.agent.publishing import discard

NAMES = TemporaryNames("0123abcd", "00000001")
CHUNK_BYTES = 4 << 20


@pytest.fixture
def temp_path(tmp_path: Path) -> str:
    return NAMES.part(str(tmp_path / "model.pth"), 7, "c" * 64)


def test_what_is_written_down_is_read_again(temp_path: str) -> None:
    holes = Holes("c" * 64, CHUNK_BYTES, [(0, 3), (7, 9)])
    write_holes(temp_path, holes)
    assert read_holes(temp_path) == holes
    write_holes(temp_path, holes._replace(spans=[(0, 9)]))
    assert read_holes(temp_path) == holes._replace(spans=[(0, 9)])
    assert os.listdir(os.path.dirname(temp_path)) == [os.path.basename(temp_path) + HOLES]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 100,
        b'{"content":"","chunk_bytes":4194304,"spans":[[0,3]',
        b'{"content":"","chunk_bytes":0,"spans":[[0,3]]}',
        b'{"content":"","chunk_bytes":4194304,"spans":[[0,3],[2,5]]}',
        b'{"content":"","chunk_bytes":4194304,"spans":[[-4,3]]}',
        b'{"content":"","chunk_bytes":4194304,"spans":7}',
        b"[]",
    ],
)
def test_what_cannot_be_read_verifies_nothing(temp_path: str, body: bytes) -> None:
    Path(temp_path + HOLES).write_bytes(body)
    assert whole_from_start(temp_path, 50_000_000) == 0


def test_only_a_span_from_the_start_is_a_prefix(temp_path: str) -> None:
    assert whole_from_start(temp_path, 5_000_000) == 5_000_000
    write_holes(temp_path, Holes("", CHUNK_BYTES, [(1, 3)]))
    assert whole_from_start(temp_path, 50_000_000) == 0
    write_holes(temp_path, Holes("", CHUNK_BYTES, [(0, 2), (5, 6)]))
    assert whole_from_start(temp_path, 50_000_000) == 2 * CHUNK_BYTES
    assert whole_from_start(temp_path, 5_000_000) == 5_000_000
    remove_holes(temp_path)
    assert read_holes(temp_path) is None


def test_a_stream_that_continues_the_file_cuts_it_back_to_what_is_whole(temp_path: str) -> None:
    content = os.urandom(3 * CHUNK_BYTES)
    with open(temp_path, "wb") as file:
        file.write(content[:CHUNK_BYTES])
        file.seek(2 * CHUNK_BYTES)
        file.write(content[2 * CHUNK_BYTES :])
    write_holes(temp_path, Holes("", CHUNK_BYTES, [(0, 1), (2, 3)]))
    partial = PartialFile(temp_path, len(content), os.path.dirname(temp_path))
    assert partial.resumed == CHUNK_BYTES == os.stat(temp_path).st_size
    assert read_holes(temp_path) is None
    partial.append(memoryview(content)[CHUNK_BYTES:])
    done = partial.finish(lambda: None)
    assert done["sha256"] == hashlib.sha256(content).hexdigest()
    os.close(partial.fd)


def test_they_are_known_as_ours_and_removed_with_their_file(temp_path: str) -> None:
    for suffix in (HOLES, HOLES_DRAFT):
        path = temp_path + suffix
        assert is_temporary(os.path.basename(path))
        found = parse_temporary(path)
        assert found is not None and (found.transfer_id, found.is_snapshot) == (7, False)
        assert owner_of(path) == temp_path
        Path(path).write_bytes(b"{}")
    Path(temp_path).write_bytes(b"x")
    assert owner_of(temp_path) == temp_path
    assert discard([temp_path]) == 1
    assert os.listdir(os.path.dirname(temp_path)) == []


def test_they_are_removed_alone_where_their_file_is_gone(temp_path: str) -> None:
    Path(temp_path + HOLES).write_bytes(b"{}")
    assert discard([temp_path + HOLES]) == 1
    assert os.listdir(os.path.dirname(temp_path)) == []


def test_the_longest_name_leaves_room_for_them() -> None:
    longest = os.path.basename(NAMES.part("/d/" + "x" * 255, 7, "c" * 64))
    assert len(longest) == MAX_NAME_BYTES
    assert len(longest + HOLES_DRAFT) <= 255
