"""What delta tests share: a database in two versions, and what delivers the new one to where the old one lies."""

from __future__ import annotations

import os
import random
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from engine.integrity.deltas import delta_paths
from engine.model import FileKind, Transport
from engine.remote.types import Progress
from engine.transport.attempts import Delivery
from engine.transport.delta import Carry, PageDeltas
from engine.transport.manager import TransportManager
from engine.transport.types import TransferJob
from tests.transport.conftest import Bench

ROWS = 12_000
SOME_ROWS = "UPDATE games SET value = value + 1 WHERE id % 501 = 0"


def quiet(done: int, wire: int) -> None:
    """Progress that nobody looks at."""


def make_database(path: Path, page_bytes: int = 4096) -> Path:
    source = random.Random(1)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size={page_bytes}")
    connection.execute("CREATE TABLE spare AS SELECT zeroblob(50000) AS filler")
    connection.execute("CREATE TABLE games (id INTEGER PRIMARY KEY, moves TEXT, value REAL)")
    connection.execute("BEGIN")
    rows = ((n, f"{source.getrandbits(900):x}", source.random()) for n in range(ROWS))
    connection.executemany("INSERT INTO games VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()
    return path


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def spoil(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"rotten bytes")


@dataclass
class Case:
    """A new version at the source, an older one at the target, and what delivers."""

    bench: Bench
    source: str
    target: str
    new: Path
    old: Path
    manager: TransportManager
    deltas: PageDeltas

    async def job(self, **changes: object) -> TransferJob:
        made = await self.bench.job(self.source, self.target, self.new, name=self.old.name, kind=FileKind.SQLITE)
        return replace(made, basis_path=str(self.old), **changes)  # type: ignore[arg-type]

    async def deliver(self, job: TransferJob, carrier: Transport = Transport.AGENT) -> Delivery:
        return await self.manager.deliver(job, [carrier], quiet)

    async def deliver_by(self, job: TransferJob, carry: Carry) -> Delivery:
        return await self.deltas.deliver(job, quiet, carry)

    async def carry(self, job: TransferJob, progress: Progress) -> Delivery:
        """Walk the chain as the manager does, for a carrier that does something else as well."""
        return await self.manager.deliver(job, [Transport.AGENT], progress)

    def arrived(self, job: TransferJob) -> bool:
        return Path(job.temp_path).read_bytes() == self.new.read_bytes()

    def left_behind(self, job: TransferJob) -> list[str]:
        paths = delta_paths(job.source_path, job.temp_path)
        assert paths is not None
        return [path for path in (paths.at_source, paths.at_target, paths.rebuilt) if os.path.lexists(path)]


async def make_job(case: Case, **changes: object) -> TransferJob:
    job = await case.job(**changes)
    # The part lies beside the version that it replaces.
    temp = str(case.old.parent / Path(job.temp_path).name)
    return replace(job, temp_path=temp)
