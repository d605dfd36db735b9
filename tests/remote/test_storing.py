"""Storing content: all of it at its place whatever its size, and an error where the system takes no more."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
from pathlib import Path

import pytest

from engine.remote.agent.storing import WRITE_BYTES, store


@pytest.mark.parametrize("size", [0, 1, WRITE_BYTES - 1, WRITE_BYTES, WRITE_BYTES + 1, 3 * WRITE_BYTES + 7])
def test_all_content_is_at_its_place_and_nothing_else_changed(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    path = tmp_path / "file"
    path.write_bytes(b"x" * (size + 20))
    with path.open("r+b") as file:
        assert store(file.fileno(), memoryview(content), 10) == 10 + size
    assert path.read_bytes() == b"x" * 10 + content + b"x" * 10


def test_a_write_that_is_cut_short_goes_on_and_what_the_system_refuses_is_raised(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(2 * WRITE_BYTES)
    limit = WRITE_BYTES + 1_000  # The second write is taken in part only.
    path = tmp_path / "file"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with pytest.raises(OSError) as raised:
            store(fd, memoryview(content), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
        os.close(fd)
    assert raised.value.errno == errno.EFBIG
    assert path.read_bytes() == content[:limit]
