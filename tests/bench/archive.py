"""A 350 MB database archived: made, flushed, read back in full and compared, against the programs' own command lines.

The peers are measured bare, and with what ours always does: hash what is packed, flush, unpack it all and compare.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind
from engine.remote.agent.archiving_codecs import GZIP_LEVEL, UNZSTD, ZSTD
from engine.remote.archive_types import ArchiveJob
from engine.remote.connect import open_session
from engine.remote.session import AgentSession
from engine.remote.types import Endpoint, SshOptions
from tests.bench.data import MIB, games_database
from tests.bench.memory import PeakMemory
from tests.bench.report import Row, faster, figure, smaller

NAMES = TemporaryNames("b" * 8, "a" * 8)
PACK = {"zstd": ["zstd", *ZSTD], "gzip": ["gzip", "-c", f"-{GZIP_LEVEL}"]}
UNPACK = {"zstd": ["zstd", *UNZSTD], "gzip": ["gzip", "-c", "-d"]}


@dataclass
class Figures:
    """What one way came to, run by run: seconds, bytes of the archive, bytes of memory of all its processes."""

    seconds: list[float] = field(default_factory=list)
    archive_bytes: list[float] = field(default_factory=list)
    memory_bytes: list[float] = field(default_factory=list)


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    database = folder / "games" / "old.db"
    database.parent.mkdir()
    await asyncio.to_thread(_make, database, int(350 * scale) * MIB)
    session = await open_session(Endpoint("own", local=True), SshOptions(control_dir=folder))
    rows: list[Row] = []
    try:
        for codec in PACK:
            if shutil.which(codec) is not None:
                rows += await _compare(session, codec, database, folder / "archives", runs)
    finally:
        await session.close()
    return rows


def _make(path: Path, size_bytes: int) -> None:
    games_database(path, size_bytes)
    # As an old one lies there: nobody writes to it, and nothing of it is in a -wal.
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


async def _compare(session: AgentSession, codec: str, database: Path, folder: Path, runs: int) -> list[Row]:
    folder.mkdir(exist_ok=True)
    bare, proven, ours = Figures(), Figures(), Figures()
    for number in range(runs):
        await asyncio.to_thread(_measured, bare, folder / f"bare-{number}.{codec}", codec, database, False)
        await asyncio.to_thread(_measured, proven, folder / f"proven-{number}.{codec}", codec, database, True)
        await _archive(ours, session, codec, database, folder, number)
    size = database.stat().st_size
    label, peer = f"{size // MIB} MiB database archived, {codec}", " ".join(PACK[codec])
    return [
        faster(f"{label}, read back", ours.seconds, f"{peer}, fsync, sha256sum of both", proven.seconds),
        faster(f"{label}, read back vs packing alone", ours.seconds, peer, bare.seconds),
        smaller(f"{label}: size", ours.archive_bytes, peer, bare.archive_bytes),
        smaller(f"{label}: memory on the node", ours.memory_bytes, f"{peer}, sha256sum", proven.memory_bytes),
        figure(f"{label}: throughput", [size / seconds / 1e6 for seconds in ours.seconds], "MB/s"),
        figure(f"{label}: times smaller", [size / packed for packed in ours.archive_bytes], "x"),
    ]


async def _archive(
    figures: Figures, session: AgentSession, codec: str, database: Path, folder: Path, number: int
) -> None:
    stat = await session.stat(str(database))
    assert stat is not None
    temp = NAMES.part(str(folder / f"old.db.{codec}"), number, "ab" * 32)
    with PeakMemory(descendants=True) as peak:
        started = time.perf_counter()
        job = ArchiveJob(str(database), stat, FileKind.SQLITE, temp, str(folder), codec)
        made = await session.archive(job, lambda done: None)
        figures.seconds.append(time.perf_counter() - started)
    assert made.size_bytes == stat.size_bytes
    figures.archive_bytes.append(made.stat.size_bytes)
    figures.memory_bytes.append(peak.bytes)
    Path(temp).unlink()


def _measured(figures: Figures, packed: Path, codec: str, database: Path, prove: bool) -> None:
    with PeakMemory(descendants=True) as peak:
        started = time.perf_counter()
        with database.open("rb") as source, packed.open("wb") as out:
            subprocess.run(PACK[codec], stdin=source, stdout=out, check=True)
            if prove:
                os.fsync(out.fileno())
        if prove:
            assert _hash_of(["cat", str(database)]) == _hash_of([*UNPACK[codec], str(packed)])
        figures.seconds.append(time.perf_counter() - started)
    figures.archive_bytes.append(packed.stat().st_size)
    figures.memory_bytes.append(peak.bytes)
    packed.unlink()


def _hash_of(words: Sequence[str]) -> str:
    """Return the SHA-256 of what a command writes, by sha256sum."""
    with subprocess.Popen(words, stdout=subprocess.PIPE) as reading:
        told = subprocess.run(["sha256sum"], stdin=reading.stdout, check=True, capture_output=True, text=True)
    assert reading.returncode == 0, words
    return told.stdout.split()[0]
