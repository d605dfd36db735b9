"""A new version of a 350 MB database to a node that holds an older one: page deltas against tuned rsync, over ssh.

Ours ends verified (SHA-256 of what was rebuilt against the source's) and flushed at its temporary name. The peer is
rsync with the page size as its block size onto a copy of the old version, flushed, its check being its own.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from config.load import load
from engine.clock import SystemClock
from engine.integrity.temporary import TemporaryNames
from engine.model import FileKind, Transport
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint
from engine.transport.delta import PageDeltas
from engine.transport.manager import TransportManager
from engine.transport.rates import RateCap
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob
from tests.bench.data import MIB, games_database
from tests.bench.report import Row, faster, smaller
from tests.fleet import Fleet, FleetNode, openssh_fleet

HERE = Endpoint("here", local=True)
NAMES = TemporaryNames("b" * 8, "d" * 8)
PAGE_BYTES = 4096
PEER = "rsync -B 4096 -z --zc=zstd --zl=1 --no-whole-file -e ssh, fsync"
CARRIERS = (Transport.AGENT, Transport.BASE64, Transport.HTTP)
"""Those that the registry builds are measured."""


async def run(folder: Path, runs: int, scale: float) -> list[Row]:
    """Return the rows of this section."""
    old = folder / "old.db"
    games_database(old, int(350 * scale) * MIB)
    with sqlite3.connect(old) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    rows: list[Row] = []
    with ExitStack() as stack:
        fleet = stack.enter_context(openssh_fleet(folder, 1))
        async with AsyncExitStack() as sessions:
            mover = Mover(fleet, fleet[0], old, folder)
            sessions.push_async_callback(mover.pool.close)
            sessions.push_async_callback(mover.servers.close)
            for label, change in CHANGES.items():
                new = fleet[0].games / "games.db"
                shutil.copyfile(old, new)
                change(new)
                rows += await _compare(label, mover, new, runs)
    return rows


class Mover:
    """Brings the new version from the node to this machine, where the old one lies."""

    def __init__(self, fleet: Fleet, node: FleetNode, old: Path, folder: Path) -> None:
        clock = SystemClock()
        self.pool = SessionPool({node.name: node.endpoint, HERE.node_id: HERE}.__getitem__, fleet.options())
        policy = load(fleet.write_hosts()).policy
        self.servers = NodeDataServers(self.pool.get, fleet.options(), self.pool.links, lambda: policy, clock)
        adapters = build_transports(self.pool.get, fleet.options(), self.pool.links, clock, self.servers)
        self.carriers = [name for name in CARRIERS if name in {adapter.name for adapter in adapters}]
        self._manager = TransportManager(adapters, clock)
        self._deltas = PageDeltas(self.pool.get, clock)
        self._fleet, self._node, self._old = fleet, node, old
        self._final = folder / "target" / "games.db"
        self._final.parent.mkdir()
        self._count = 0

    async def ours(self, new: Path, carrier: Transport, check_source: bool) -> tuple[float, int]:
        """Return seconds and bytes on the wire, both ways, of one delivery by a delta."""
        self._count += 1
        stat = await (await self.pool.get(self._node.name)).stat(str(new))
        assert stat is not None
        await self.pool.get(HERE.node_id)
        self._lay_out()
        job = TransferJob(
            source=self._node.endpoint,
            target=HERE,
            source_path=str(new),
            temp_path=NAMES.part(str(self._final), self._count, f"{self._count:012d}"),
            size_bytes=stat.size_bytes,
            content_id=f"{self._count:012d}",
            kind=FileKind.SQLITE,
            source_stat=stat,
            sha256=None,
            rate=RateCap(),
            stall_timeout_seconds=60.0,
            check_source=check_source,
            target_root=str(self._final.parent),
            source_root=str(self._node.root),
            basis_path=str(self._final),
        )
        started = time.perf_counter()
        delivery = await self._deltas.deliver(
            job, lambda done, wire: None, lambda one, progress: self._manager.deliver(one, [carrier], progress)
        )
        seconds = time.perf_counter() - started
        assert delivery.outcome is not None, delivery
        assert delivery.result.transport_used is carrier, delivery
        return seconds, delivery.result.bytes_on_wire

    def peer(self, new: Path) -> tuple[float, int]:
        """Return seconds and bytes on the wire, both ways, of rsync."""
        self._lay_out()
        options = ["-B", str(PAGE_BYTES), "-z", "--zc=zstd", "--zl=1", "--no-whole-file", "--ignore-times", "--stats"]
        shell = ["-e", f"ssh -F {self._fleet.ssh_config}"]
        command = ["rsync", *options, *shell, f"{self._node.name}:{new}", str(self._final)]
        started = time.perf_counter()
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        fd = os.open(self._final, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        seconds = time.perf_counter() - started
        return seconds, sum(int(n.replace(",", "")) for n in re.findall(r"Total bytes \w+: ([\d,]+)", said))

    def _lay_out(self) -> None:
        """Put the old version into place, flushed, so that no run pays for what another wrote."""
        for path in self._final.parent.iterdir():
            path.unlink()
        shutil.copyfile(self._old, self._final)
        os.sync()


async def _compare(label: str, mover: Mover, new: Path, runs: int) -> list[Row]:
    ways = [(name, False) for name in mover.carriers] + [(mover.carriers[0], True)]
    peers: list[tuple[float, int]] = []
    ours: dict[tuple[Transport, bool], list[tuple[float, int]]] = {way: [] for way in ways}
    for _ in range(runs):
        peers.append(await asyncio.to_thread(mover.peer, new))
        for way in ways:
            ours[way].append(await mover.ours(new, *way))
    rows: list[Row] = []
    for (carrier, checked), results in ours.items():
        name = f"{label}, delta by {carrier.value}{', quick_check too' if checked else ''}"
        rows.append(faster(name, [s for s, _ in results], PEER, [s for s, _ in peers]))
        if not checked:
            rows.append(smaller(f"{name}: on the wire", [b for _, b in results], PEER, [b for _, b in peers]))
    return rows


def _change_pages(path: Path, share: float = 0.07) -> None:
    """Change rows all over the file until so many of its pages differ."""
    source = random.Random(7)
    pages = path.stat().st_size // PAGE_BYTES
    with sqlite3.connect(path, isolation_level=None) as connection:
        rows = connection.execute("SELECT max(rowid) FROM game_moves").fetchone()[0]
        connection.execute("BEGIN")
        connection.executemany(
            "UPDATE game_moves SET think_ms = ? WHERE rowid = ?",
            ((source.random() * 100, source.randrange(1, rows + 1)) for _ in range(int(pages * share * 1.04))),
        )
        connection.execute("COMMIT")


def _append_games(path: Path, share: float = 0.01) -> None:
    """Let it grow as selfplay does: names at random places of an index, moves at the end."""
    source = random.Random(8)
    with sqlite3.connect(path, isolation_level=None) as connection:
        games = int(connection.execute("SELECT count(*) FROM games").fetchone()[0] * share)
        connection.execute("BEGIN")
        for _ in range(games):
            name = f"{source.getrandbits(64):016x}"
            connection.execute("INSERT INTO games VALUES (?, 'hex8', 2, 'completed')", (name,))
            connection.executemany(
                "INSERT INTO game_moves VALUES (?, ?, ?, ?, ?)",
                [
                    (name, move, move % 2, f'{{"to":{{"x":{source.randrange(9)}}}}}', source.random())
                    for move in range(40)
                ],
            )
        connection.execute("COMMIT")


def _vacuum(path: Path) -> None:
    """Give nearly every page another number, and leave most as they are."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("VACUUM")


def _thin_out(path: Path) -> None:
    """Move nearly every row within its page or to another: hardly a page of the old version is left."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("DELETE FROM game_moves WHERE rowid % 50 = 0")
        connection.execute("VACUUM")


CHANGES: dict[str, Callable[[Path], None]] = {
    "350 MB, 7 % of pages": _change_pages,
    "350 MB, grown by 1 %": _append_games,
    "350 MB, after VACUUM": _vacuum,
    "350 MB, after DELETE and VACUUM": _thin_out,
}
