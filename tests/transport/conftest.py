"""A real fleet and real sessions for the transports; the engine's own node is this process's machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.load import load
from config.types import DataType
from engine.clock import SystemClock
from engine.integrity.temporary import TemporaryNames, content_id
from engine.model import EntryKey, FileKind, FileStat
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint, SshOptions
from engine.transport.rates import RateCap
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransferJob, TransportAdapter
from tests.fleet import Fleet, openssh_fleet

ENGINE_NODE = "engine"
NAMES = TemporaryNames("0123abcd", "00000001")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("fleet"), count=2) as running:
        yield running


@dataclass
class Bench:
    """Everything that one copy needs, and the adapters under test."""

    fleet: Fleet
    pool: SessionPool
    adapters: tuple[TransportAdapter, ...]
    options: SshOptions
    local: Path
    servers: NodeDataServers

    def endpoint(self, node_id: str) -> Endpoint:
        if node_id == ENGINE_NODE:
            return Endpoint(ENGINE_NODE, local=True)
        return self.fleet[node_id].endpoint

    def folder(self, node_id: str) -> Path:
        return self.local if node_id == ENGINE_NODE else self.fleet[node_id].training

    async def job(
        self,
        source: str,
        target: str,
        path: Path,
        *,
        name: str | None = None,
        kind: FileKind = FileKind.PLAIN,
        check_source: bool = False,
        bytes_per_second: int | None = None,
        source_stat: FileStat | None = None,
    ) -> TransferJob:
        agent = await self.pool.get(source)
        stat = source_stat or await agent.stat(str(path))
        assert stat is not None
        content = content_id(EntryKey(DataType.NPZ, path.name), stat, None)
        final = self.folder(target) / (name or path.name)
        return TransferJob(
            source=self.endpoint(source),
            target=self.endpoint(target),
            source_path=str(path),
            temp_path=NAMES.part(str(final), 1, content),
            size_bytes=stat.size_bytes,
            content_id=content,
            kind=kind,
            source_stat=stat,
            sha256=None,
            rate=RateCap(bytes_per_second),
            stall_timeout_seconds=30.0,
            check_source=check_source,
            target_root=str(self.folder(target)),
            source_root=str(self.folder(source)),
        )

    def adapter(self, name: str) -> TransportAdapter:
        return next(a for a in self.adapters if a.name.value == name)


@pytest.fixture
async def bench(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Bench]:
    options = fleet.options()
    local = tmp_path / "engine root"
    local.mkdir()

    def endpoint(node_id: str) -> Endpoint:
        return made.endpoint(node_id)

    pool = SessionPool(endpoint, options)
    clock, policy = SystemClock(), load(fleet.write_hosts(tmp_path / "hosts.yaml")).policy
    servers = NodeDataServers(pool.get, options, pool.links, lambda: policy, clock)
    adapters = build_transports(pool.get, options, pool.links, clock, servers)
    made = Bench(fleet, pool, adapters, options, local, servers)
    yield made
    await servers.close()
    await pool.close()
