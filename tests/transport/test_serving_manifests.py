"""Chunk hashes from the node that holds the file: right, cached by stat, stopped when nobody waits for them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.remote.agent.failures import Failure
from engine.remote.agent.manifests import HASHES_PER_BATCH, ManifestCache, send_manifest
from tests.transport.conftest import ENGINE_NODE, Bench

CHUNK = 4 << 20


def expected(content: bytes, chunk_bytes: int) -> list[str]:
    return [
        hashlib.sha256(content[start : start + chunk_bytes]).hexdigest()
        for start in range(0, len(content), chunk_bytes)
    ]


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 12345])
async def test_every_chunk_and_the_whole_are_hashed_in_one_pass(bench: Bench, size: int) -> None:
    path = bench.folder("node-0") / f"manifest-{size}.npz"
    content = os.urandom(size)
    path.write_bytes(content)
    agent = await bench.pool.get("node-0")
    found = await agent.manifest(str(path), CHUNK)
    assert list(found.sha256s) == expected(content, CHUNK)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.size_bytes, found.stat.size_bytes, found.chunk_bytes) == (size, size, CHUNK)


async def test_the_name_of_a_manifest_tells_contents_apart(bench: Bench) -> None:
    agent = await bench.pool.get(ENGINE_NODE)
    one, other, same = (bench.local / name for name in ("one.npz", "other.npz", "same.npz"))
    one.write_bytes(b"a" * 100)
    other.write_bytes(b"b" * 100)
    same.write_bytes(b"a" * 100)
    ids = [(await agent.manifest(str(path), CHUNK)).id for path in (one, other, same)]
    assert ids[0] == ids[2] != ids[1]


async def test_a_missing_file_is_not_found(bench: Bench) -> None:
    agent = await bench.pool.get("node-0")
    with pytest.raises(SyncdeckError) as caught:
        await agent.manifest(str(bench.folder("node-0") / "missing.npz"), CHUNK)
    assert caught.value.error_class is ErrorClass.NOT_FOUND


async def test_hashing_stops_when_nobody_waits_for_it(bench: Bench) -> None:
    path = bench.folder("node-0") / "endless.npz"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    agent = await bench.pool.get("node-0")
    hashing = asyncio.create_task(agent.manifest(str(path), CHUNK))
    await agent.stat(str(path))
    hashing.cancel()
    await asyncio.wait([hashing])
    assert hashing.cancelled()
    assert await agent.stat(str(path)) is not None


def ignore(*_: object) -> None:
    return


def stop() -> None:
    raise AssertionError("the file was read again")


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = tmp_path / "cached.npz", ManifestCache(str(tmp_path / "cache"))
    path.write_bytes(os.urandom(2_000_000))
    real = time.time
    monkeypatch.setattr("engine.remote.agent.manifests.time.time", lambda: real() + 60)
    first: list[str] = []
    answer = send_manifest(str(path), CHUNK, cache, first.append, ignore)
    again: list[str] = []
    assert send_manifest(str(path), CHUNK, cache, again.append, stop) == answer
    assert again == first
    other_size: list[str] = []
    send_manifest(str(path), 1 << 20, cache, other_size.append, ignore)
    assert other_size == ["".join(expected(path.read_bytes(), 1 << 20))]
    os.utime(path, ns=(1, 1))
    with pytest.raises(AssertionError, match="read again"):
        send_manifest(str(path), CHUNK, cache, ignore, stop)


def test_a_file_written_a_moment_ago_is_read_again(tmp_path: Path) -> None:
    path, cache = tmp_path / "fresh.npz", ManifestCache(str(tmp_path / "cache"))
    path.write_bytes(b"fresh")
    send_manifest(str(path), CHUNK, cache, ignore, ignore)
    with pytest.raises(AssertionError, match="read again"):
        send_manifest(str(path), CHUNK, cache, ignore, stop)


def test_hashes_travel_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "many.npz"
    content = os.urandom(HASHES_PER_BATCH + 3)
    path.write_bytes(content)
    batches: list[str] = []
    send_manifest(str(path), 1, ManifestCache(str(tmp_path / "cache")), batches.append, ignore)
    assert [len(batch) // 64 for batch in batches] == [HASHES_PER_BATCH, 3]
    assert "".join(batches) == "".join(expected(content, 1))


def test_a_file_that_changes_while_it_is_hashed_has_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "changing.npz"
    path.write_bytes(os.urandom(3_000_000))

    def touch() -> None:
        os.utime(path, ns=(time.time_ns(), time.time_ns()))

    with pytest.raises(Failure) as caught:
        send_manifest(str(path), CHUNK, ManifestCache(str(tmp_path / "cache")), ignore, touch)
    assert caught.value.error_class == "source-changed"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_has_no_manifest(tmp_path: Path, make: object) -> None:
    path = tmp_path / "odd"
    assert callable(make)
    make(path)
    with pytest.raises(Failure):
        send_manifest(str(path), CHUNK, ManifestCache(str(tmp_path / "cache")), ignore, ignore)
