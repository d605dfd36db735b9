"""The promises that every transport keeps, tried on real OpenSSH, real rsync and real agents."""

from __future__ import annotations

import random
import subprocess
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from config.load import load
from engine.clock import SystemClock
from engine.remote.pool import SessionPool
from engine.remote.types import Endpoint
from engine.transport.conformance.bench import Bench
from engine.transport.conformance.check import Verdict
from engine.transport.conformance.scratch import ScratchFolder, scratch_folder
from engine.transport.conformance.suite import ALL as CHECKS
from engine.transport.conformance.suite import by_name, run_check
from engine.transport.registry import build_transports
from engine.transport.serving import NodeDataServers
from engine.transport.types import TransportAdapter
from tests.fleet import Fleet, openssh_fleet

ALL = ["rsync", "agent", "base64", "http", "p2p"]
ENGINE = "engine"
PUT, GET, BETWEEN = (ENGINE, "node-0"), ("node-0", ENGINE), ("node-0", "node-1")
IN_EVERY_DIRECTION = (
    "put-and-prove",
    "hard-names",
    "resume",
    "cancel",
    "no-source",
    "source-edited",
    "target-link-out",
)
FULL_BYTES = 16 << 20
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Ground:
    """A fleet, and a scratch folder on each of its nodes."""

    adapters: tuple[TransportAdapter, ...]
    pool: SessionPool
    places: dict[str, ScratchFolder]
    small: ScratchFolder | None

    async def bench(self, transport: str, pair: tuple[str, str], seed: str) -> Bench | None:
        """Return the bench for a transport between two nodes, None where it says that it does not serve them."""
        source, target = (self.places[name] for name in pair)
        adapter = next(a for a in self.adapters if a.name.value == transport)
        reason = await adapter.unusable(source.endpoint, target.endpoint)
        if reason is not None:
            assert pair == BETWEEN and not adapter.capabilities.remote_to_remote, reason
            return None
        others = [
            a for a in self.adapters if a is not adapter and await a.unusable(source.endpoint, target.endpoint) is None
        ]
        small = self.small if pair == PUT else None
        chance = random.Random(zlib.crc32(seed.encode()))
        return Bench(adapter, source, target, self.pool.get, chance, others, small, FULL_BYTES)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with openssh_fleet(tmp_path_factory.mktemp("conformance"), count=2) as running:
        yield running


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A file system of a few megabytes, None where this user may not make one."""
    folder = tmp_path_factory.mktemp("small")
    options = f"size={FULL_BYTES}"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], capture_output=True)
    yield folder if made.returncode == 0 else None
    if made.returncode == 0:
        subprocess.run(["umount", str(folder)], check=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(
    fleet: Fleet, small_disk: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    options = fleet.options()
    endpoints = {node.name: node.endpoint for node in fleet.nodes} | {ENGINE: Endpoint(ENGINE, local=True)}
    roots = {node.name: str(node.root) for node in fleet.nodes} | {ENGINE: str(tmp_path_factory.mktemp("engine root"))}
    async with AsyncExitStack() as stack:
        pool = SessionPool(endpoints.__getitem__, options)
        stack.push_async_callback(pool.close)
        places = {
            name: await stack.enter_async_context(scratch_folder(endpoints[name], roots[name], options, pool.links))
            for name in endpoints
        }
        small = None
        if small_disk is not None:
            node = endpoints["node-0"]
            small = await stack.enter_async_context(scratch_folder(node, str(small_disk), options, pool.links))
        policy = load(fleet.write_hosts()).policy
        servers = NodeDataServers(pool.get, options, pool.links, lambda: policy, SystemClock())
        stack.push_async_callback(servers.close)
        adapters = build_transports(pool.get, options, pool.links, SystemClock(), servers)
        yield Ground(adapters, pool, places, small)


async def test_every_transport_that_is_built_is_tried_here(ground: Ground) -> None:
    assert [adapter.name.value for adapter in ground.adapters] == ALL


async def keeps(ground: Ground, transport: str, pair: tuple[str, str], check: str) -> None:
    bench = await ground.bench(transport, pair, f"{transport} {pair} {check}")
    if bench is None:
        return
    result = await run_check(bench, by_name(check), SystemClock())
    print(result)
    assert result.verdict is not Verdict.FAILED, f"{result.cause}; {result.remedy}"
    assert (await bench.source.files(), await bench.target.files()) == ((), ())


@pytest.mark.parametrize("check", [check.name for check in CHECKS if not check.long])
@pytest.mark.parametrize("transport", ALL)
async def test_a_transport_keeps_its_promises_to_a_node(ground: Ground, transport: str, check: str) -> None:
    await keeps(ground, transport, PUT, check)


@pytest.mark.parametrize("check", IN_EVERY_DIRECTION)
@pytest.mark.parametrize("pair", [GET, BETWEEN], ids=["from a node", "between nodes"])
@pytest.mark.parametrize("transport", ALL)
async def test_a_transport_keeps_its_promises_in_every_direction(
    ground: Ground, transport: str, pair: tuple[str, str], check: str
) -> None:
    await keeps(ground, transport, pair, check)


@pytest.mark.storm
@pytest.mark.parametrize("check", [check.name for check in CHECKS])
@pytest.mark.parametrize("pair", [PUT, GET, BETWEEN], ids=["to a node", "from a node", "between nodes"])
@pytest.mark.parametrize("transport", ALL)
async def test_a_transport_keeps_every_promise_everywhere(
    ground: Ground, transport: str, pair: tuple[str, str], check: str
) -> None:
    await keeps(ground, transport, pair, check)
