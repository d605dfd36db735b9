"""The temporary file of a fetch, of which one thread learns that chunks are wrong while another one finishes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.remote.agent.fetching_file import FetchedFile

CHUNK = 1000
CHUNKS = 4
NAME = ".a.pth.syncdeck-0123abcd-00000001-1-0a.part"


@pytest.fixture
def fetched(tmp_path: Path) -> Iterator[FetchedFile]:
    file = FetchedFile(str(tmp_path / NAME), CHUNK * CHUNKS, str(tmp_path), CHUNK, "content")
    yield file
    assert not list(tmp_path.glob("*.have*"))


def fill(file: FetchedFile) -> None:
    for number in range(CHUNKS):
        file.put(number, memoryview(bytes([number]) * CHUNK))


def test_chunks_may_be_dropped_while_the_file_is_finished(fetched: FetchedFile) -> None:
    fill(fetched)
    over, faults = threading.Event(), []

    def drop_and_put() -> None:
        try:
            while not over.is_set():
                fetched.drop([(1, 2)])
                fetched.put(1, memoryview(bytes([1]) * CHUNK))
        except OSError as error:
            faults.append(error)

    other = threading.Thread(target=drop_and_put)
    other.start()
    for _ in range(100):
        fetched.finish(lambda: None)
    over.set()
    other.join()
    assert faults == []
    fetched.finish(lambda: None)


def test_what_is_learned_of_a_removed_file_leaves_nothing_behind(fetched: FetchedFile) -> None:
    fill(fetched)
    fetched.finish(lambda: None)
    fetched.remove()
    fetched.drop([(1, 2)])
    fetched.note_holes()
