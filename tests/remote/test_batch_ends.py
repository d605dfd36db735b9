"""The two ends of a batch: how its files are written, and by how many threads they are read."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.integrity.temporary import TemporaryNames
from engine.remote.agent import batch_readers, batch_reading
from engine.remote.agent.batch_format import FILES, Piece, covered, tail_of, unseal
from engine.remote.agent.batch_readers import READERS, Readers
from engine.remote.agent.batch_reading import Source, Wanted
from engine.remote.agent.batch_writing import BatchWriter, Expected
from engine.remote.agent.chunks import HEADER, ChunkReader
from engine.remote.agent.failures import Failure
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


def test_a_file_damaged_on_the_way_fails_alone_and_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    files = [expected(tmp_path / name) for name in ("a", "b", "c")]
    writer = BatchWriter([file._replace(root=str(tmp_path)) for file in files])
    damaged = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    writer.take([WHOLE, WHOLE._replace(number=1)], memoryview(damaged + CONTENT))
    writer.take([Piece(2, 100)], memoryview(damaged[:100]))
    writer.take([WHOLE._replace(number=2, length=len(CONTENT) - 100)], memoryview(CONTENT[100:]))
    writer.finish()
    assert list(writer.whole) == [1]
    classes = {number: failure["class"] for number, failure in writer.failed.items()}
    assert classes == {0: "transient-network", 2: "checksum-mismatch"}
    assert [os.path.exists(file.path) for file in files] == [False, True, False]


@pytest.mark.parametrize("encoding", ["binary", "base64"])
def test_what_a_chunk_says_of_its_contents_is_not_believed_when_it_was_damaged(encoding: str) -> None:
    tail = tail_of([WHOLE])
    for at in range(len(tail)):
        damaged = tail[:at] + bytes([tail[at] ^ 1]) + tail[at + 1 :]
        with pytest.raises(Failure) as failure:
            read_again(len(tail), zlib.crc32(tail), damaged, encoding)
        assert failure.value.error_class == "transient-network"
    assert read_again(len(tail), zlib.crc32(tail), tail, encoding) == [WHOLE]


def read_again(tail_bytes: int, checksum: int, tail: bytes, encoding: str) -> list[Piece]:
    """Return what a reader makes of a chunk that came with this tail."""
    read_end, write_end = os.pipe()
    chunk = HEADER.pack(FILES, len(CONTENT) + tail_bytes, checksum) + CONTENT + tail
    os.write(write_end, base64.b64encode(chunk) + b"\n" if encoding == "base64" else chunk)
    os.close(write_end)
    try:
        found = ChunkReader(read_end, encoding, covered=covered).read()
        assert found is not None and found[0] == FILES
        return unseal(found[1])
    finally:
        os.close(read_end)


class Witness:
    """Which threads read which files, each as slowly as is asked for."""

    def __init__(self, seconds_each: float = 0.0) -> None:
        self.by_file: dict[str, threading.Thread] = {}
        self._seconds_each = seconds_each
        self._look = batch_reading.existing

    def existing(self, path: str) -> str:
        """Stands where the reader asks for a file's spelling, before it opens it."""
        self.by_file[Path(path).name] = threading.current_thread()
        time.sleep(self._seconds_each)
        return self._look(path)


def wanted(folder: Path, contents: list[bytes]) -> list[Wanted]:
    files = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.pth"
        path.write_bytes(content)
        found = path.stat()
        stat = [found.st_size, found.st_mtime_ns, found.st_ino, 0, 0]
        files.append(Wanted(str(path), stat, "plain", False, False))
    return files


def read_all(
    files: list[Wanted], chunk_bytes: int, heard: Callable[[dict[int, bytes]], None] | None = None
) -> dict[int, bytes]:
    """Return the contents by number, as a receiver puts them together."""
    found: dict[int, bytes] = {}

    def take(contents: memoryview, tail: bytes) -> None:
        payload, at = bytes(contents), 0
        for piece in unseal(memoryview(payload + tail)):
            found[piece.number] = found.get(piece.number, b"") + payload[at : at + piece.length]
            at += piece.length
        if heard is not None:
            heard(found)

    Readers(Source(files, lambda most: chunk_bytes, lambda: None)).run(take)
    return found


def test_what_is_slow_to_open_is_read_by_more_threads_but_no_more_than_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"%d" % number for number in range(40)]
    witness = Witness(seconds_each=0.03)
    monkeypatch.setattr(batch_reading, "existing", witness.existing)
    assert read_all(wanted(tmp_path, contents), 2) == dict(enumerate(contents))
    threads = set(witness.by_file.values())
    assert 2 < len(threads) <= READERS + 1


def test_small_files_are_read_in_between_and_one_of_several_chunks_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"%d" % number for number in range(40)] + [b"large" * 20, b"small"]
    witness = Witness()
    monkeypatch.setattr(batch_reading, "existing", witness.existing)
    monkeypatch.setattr(batch_readers, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(batch_readers, "HUNG_SECONDS", 60.0)
    assert read_all(wanted(tmp_path, contents), 10) == dict(enumerate(contents))
    in_between = {witness.by_file[f"{number}.pth"] for number in range(40)}
    assert len(in_between) == 1 and in_between.isdisjoint({witness.by_file["40.pth"], witness.by_file["41.pth"]})


@pytest.mark.parametrize("hangs", [0, 7])
def test_a_file_that_hangs_holds_up_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: int
) -> None:
    contents = [b"%d" % number for number in range(12)]
    others_are_there, look = threading.Event(), batch_reading.existing

    def hanging(path: str) -> str:
        if Path(path).name == f"{hangs}.pth":
            assert others_are_there.wait(60.0), "the others wait for the one that hangs"
        return look(path)

    def heard(found: dict[int, bytes]) -> None:
        if set(found) == set(range(12)) - {hangs}:
            others_are_there.set()

    monkeypatch.setattr(batch_reading, "existing", hanging)
    monkeypatch.setattr(batch_readers, "HUNG_SECONDS", 0.05)
    assert read_all(wanted(tmp_path, contents), 1, heard) == dict(enumerate(contents))


@pytest.mark.parametrize("seconds_each", [0.0, 0.03])
def test_the_end_of_the_wire_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_each: float
) -> None:
    def cut(found: dict[int, bytes]) -> None:
        if len(found) >= 5:
            raise BrokenPipeError

    monkeypatch.setattr(batch_reading, "existing", Witness(seconds_each).existing)
    with pytest.raises(BrokenPipeError):
        read_all(wanted(tmp_path, [b"%d" % number for number in range(20)]), 2, cut)
