"""The promises that every transport keeps, tried on real OpenSSH, real rsync and real agents."""

from __future__ import annotations

import asyncio
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from engine.errors import ErrorClass, SyncdeckError
from engine.model import FileKind
from engine.transport.errors import BadSource
from tests.transport.conftest import ENGINE_NODE, Bench

ALL = ["rsync", "agent", "base64"]
PAIRS = [(ENGINE_NODE, "node-0"), ("node-0", ENGINE_NODE), ("node-0", "node-1")]
HARD_NAMES = ["two words.npz", "Ünïcödé 日本.npz", "-leading dash.npz", "quote'\"$HOME`id`;.npz", "x" * 240]


def quiet(done: int, wire: int) -> None:
    """Progress that nobody looks at."""


def write(path: Path, size_bytes: int) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = os.urandom(size_bytes)
    path.write_bytes(content)
    return content


async def test_every_transport_that_is_built_is_tried_here(bench: Bench) -> None:
    assert [adapter.name.value for adapter in bench.adapters] == ALL


@pytest.mark.parametrize("transport", ALL)
@pytest.mark.parametrize(("source", "target"), PAIRS)
async def test_what_arrives_is_what_was_sent_and_is_proven_by_its_hash(
    bench: Bench, transport: str, source: str, target: str
) -> None:
    path = bench.folder(source) / f"{transport}-{source}-{target}.npz"
    content = write(path, 3_000_001)
    job = await bench.job(source, target, path, name=f"new folder/{path.name}.copy")
    adapter = bench.adapter(transport)
    reason = await adapter.unusable(job.source, job.target)
    if not adapter.capabilities.remote_to_remote and ENGINE_NODE not in (source, target):
        assert reason and "engine's own node" in reason
        return
    assert reason is None
    seen: list[int] = []
    outcome = await adapter.copy(job, lambda done, wire: seen.append(done))
    assert Path(job.temp_path).read_bytes() == content
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()
    assert outcome.size_bytes == len(content)
    assert outcome.temp_stat.size_bytes == len(content)
    assert seen == sorted(seen)
    assert not seen or seen[-1] <= len(content)


@pytest.mark.parametrize("transport", ALL)
@pytest.mark.parametrize("name", HARD_NAMES)
async def test_any_name_arrives_as_it_is(bench: Bench, transport: str, name: str) -> None:
    for source, target in PAIRS[:2]:
        path = bench.folder(source) / name
        content = write(path, 1000)
        job = await bench.job(source, target, path, name=f"c-{name}"[:240])
        await bench.adapter(transport).copy(job, quiet)
        assert Path(job.temp_path).read_bytes() == content
        Path(job.temp_path).unlink()


@pytest.mark.parametrize("transport", ALL)
async def test_an_empty_file_arrives(bench: Bench, transport: str) -> None:
    path = bench.local / "empty.jsonl"
    write(path, 0)
    job = await bench.job(ENGINE_NODE, "node-1", path)
    outcome = await bench.adapter(transport).copy(job, quiet)
    assert (outcome.size_bytes, Path(job.temp_path).stat().st_size) == (0, 0)


@pytest.mark.parametrize("transport", ALL)
async def test_a_partial_file_of_the_same_content_is_continued(bench: Bench, transport: str) -> None:
    path = bench.local / f"partial-{transport}.npz"
    content = write(path, 12_000_000)
    job = await bench.job(ENGINE_NODE, "node-1", path)
    Path(job.temp_path).write_bytes(content[:9_000_000])
    outcome = await bench.adapter(transport).copy(job, quiet)
    assert Path(job.temp_path).read_bytes() == content
    assert outcome.resumed_bytes > 4_000_000
    assert outcome.bytes_on_wire < 10_000_000


@pytest.mark.parametrize("transport", ALL)
async def test_flipped_bytes_in_a_partial_never_pass_for_the_content(bench: Bench, transport: str) -> None:
    path = bench.local / f"flipped-{transport}.npz"
    content = write(path, 12_000_000)
    job = await bench.job(ENGINE_NODE, "node-1", path)
    spoilt = bytearray(content[:9_000_000])
    spoilt[1_234_567] ^= 0xFF
    Path(job.temp_path).write_bytes(spoilt)
    try:
        outcome = await bench.adapter(transport).copy(job, quiet)
    except SyncdeckError as error:
        assert error.error_class is ErrorClass.CHECKSUM_MISMATCH
    else:
        assert outcome.sha256 == hashlib.sha256(content).hexdigest()
        assert Path(job.temp_path).read_bytes() == content


@pytest.mark.parametrize("transport", ALL)
async def test_a_source_that_is_not_what_was_planned_is_said_to_have_changed(bench: Bench, transport: str) -> None:
    path = bench.local / f"changed-{transport}.npz"
    write(path, 10_000)
    job = await bench.job(ENGINE_NODE, "node-1", path)
    write(path, 20_000)
    with pytest.raises(SyncdeckError) as caught:
        await bench.adapter(transport).copy(job, quiet)
    assert caught.value.error_class is ErrorClass.SOURCE_CHANGED


@pytest.mark.parametrize("transport", ALL)
async def test_a_source_that_is_gone_is_not_found(bench: Bench, transport: str) -> None:
    path = bench.local / f"gone-{transport}.npz"
    write(path, 10_000)
    job = await bench.job(ENGINE_NODE, "node-1", path)
    path.unlink()
    with pytest.raises(SyncdeckError) as caught:
        await bench.adapter(transport).copy(job, quiet)
    assert caught.value.error_class is ErrorClass.NOT_FOUND


@pytest.mark.parametrize("transport", ALL)
async def test_a_damaged_archive_is_found_at_the_source_and_blamed_on_it(bench: Bench, transport: str) -> None:
    path = bench.local / f"damaged-{transport}.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("policy.npy", os.urandom(200_000))
    spoilt = bytearray(path.read_bytes())
    spoilt[100_000] ^= 0xFF
    path.write_bytes(spoilt)
    job = await bench.job(ENGINE_NODE, "node-1", path, kind=FileKind.ZIP, check_source=True)
    with pytest.raises(BadSource):
        await bench.adapter(transport).copy(job, quiet)


@pytest.mark.parametrize("transport", ALL)
async def test_cancelling_ends_every_process_of_the_copy(bench: Bench, transport: str) -> None:
    path = bench.local / f"slow-{transport}.npz"
    write(path, 8_000_000)
    job = await bench.job(ENGINE_NODE, "node-1", path, bytes_per_second=500_000)
    moving = asyncio.Event()
    copy = asyncio.create_task(bench.adapter(transport).copy(job, lambda done, wire: moving.set()))
    await asyncio.wait_for(moving.wait(), 30)
    copy.cancel()
    await asyncio.wait([copy])
    assert copy.cancelled()
    mark = Path(job.temp_path).name
    assert [line for line in _command_lines() if mark in line or str(path) in line] == []


def _command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return lines
