"""The two ends of a batch: how its files are written, and by how many threads they are read."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.integrity.temporary import TemporaryNames
from engine.remote.agent import batch_reading
from engine.remote.agent.batch_format import Piece, unseal
from engine.remote.agent.batch_reading import READERS, Reader, Wanted
from engine.remote.agent.batch_writing import BatchWriter, Expected
from engine.remote.agent.holes import Holes, read_holes, write_holes

NAMES = TemporaryNames("0" * 8, "1" * 8)
CONTENT = b"content" * 1_000
WHOLE = Piece(0, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def closed_umask() -> Iterator[None]:
    """Run as a user whose new files nobody else may read."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def expected(folder: Path) -> Expected:
    path = NAMES.part(str(folder / "a.pth"), 1, "0" * 12)
    return Expected(path, len(CONTENT), 1_700_000_000_123_456_789, str(folder))


@pytest.mark.usefixtures("closed_umask")
def test_a_file_has_the_published_mode_whatever_the_umask_of_its_user(tmp_path: Path) -> None:
    file = expected(tmp_path)
    writer = BatchWriter([file])
    writer.take([WHOLE], memoryview(CONTENT))
    writer.finish()
    found = os.stat(file.path)
    assert found.st_mode & 0o7777 == 0o644 and found.st_mtime_ns == file.mtime_ns
    sha256, size, stat, _ = writer.whole[0]
    assert (sha256, size, stat) == (WHOLE.sha256, len(CONTENT), [len(CONTENT), file.mtime_ns, found.st_ino, 0, 0])


def test_a_file_that_comes_in_parts_is_locked_until_it_is_whole(tmp_path: Path) -> None:
    file = expected(tmp_path)
    writer = BatchWriter([file])
    writer.take([Piece(0, 100)], memoryview(CONTENT[:100]))
    with open(file.path, "rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    writer.take([WHOLE._replace(length=len(CONTENT) - 100)], memoryview(CONTENT[100:]))
    with open(file.path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert list(writer.whole) == [0]


def test_a_file_that_is_made_anew_has_no_holes_of_an_earlier_one(tmp_path: Path) -> None:
    file = expected(tmp_path)
    Path(file.path).write_bytes(b"earlier")
    write_holes(file.path, Holes("0" * 12, 1, [(0, 3)]))
    writer = BatchWriter([file])
    writer.take([WHOLE], memoryview(CONTENT))
    assert list(writer.whole) == [0] and read_holes(file.path) is None


def test_one_thread_reads_until_the_wire_waits_and_then_no_more_than_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for number in range(40):
        path = tmp_path / f"{number}.pth"
        path.write_bytes(b"%d" % number)
        found = path.stat()
        stat = [found.st_size, found.st_mtime_ns, found.st_ino, 0, 0]
        files.append(Wanted(str(path), stat, "plain", False, False))
    at_once: set[int] = set()
    look = batch_reading.existing

    def slowly(path: str) -> str:
        at_once.add(threading.get_ident())
        time.sleep(0.02)
        return look(path)

    monkeypatch.setattr(batch_reading, "existing", slowly)
    pieces = [unseal(memoryview(chunk)) for chunk in Reader(files, lambda most: 2, lambda: None).chunks()]
    assert sorted(piece.number for chunk in pieces for piece in chunk) == list(range(40))
    assert 1 < len(at_once) <= READERS
