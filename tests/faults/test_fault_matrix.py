"""Every transport through every fault: verified or failed in a way that says what to do; never wrong, never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES
from engine.transport.manager import TransportManager
from engine.transport.types import TransferJob
from tests.faults.conftest import Ground, ground_on
from tests.faults.proxy import NO_FAULT, Fault, Kind
from tests.fleet import Fleet

Wait = Callable[[Callable[[], bool]], None]
TRANSPORTS = ["rsync", "agent", "base64", "http", "p2p"]
MIB = 1 << 20
SIZE = 6 * MIB + 12_345
FAULTS = {
    "delay": Fault(Kind.DELAY, seconds=0.002),
    "cut-by-bytes": Fault(Kind.CUT_BY_BYTES, after_bytes=2 * MIB),
    "throttle": Fault(Kind.THROTTLE, bytes_per_second=1_000),
    "corrupt": Fault(Kind.CORRUPT, after_bytes=2 * MIB),
    "truncate": Fault(Kind.TRUNCATE, after_bytes=2 * MIB),
    "black-hole": Fault(Kind.BLACK_HOLE),
    "silent": Fault(Kind.SILENT, after_bytes=2 * MIB),
    "reset-on-connect": Fault(Kind.RESET_ON_CONNECT),
    "reset-early": Fault(Kind.RESET, after_bytes=1_500),
    "reset-midway": Fault(Kind.RESET, after_bytes=2 * MIB),
}
UNCOUNTED = {"delay", "throttle"}
EARLY_IN_A_REQUEST_BYTES = 60
CRAWL_SECONDS = 8.0
BESIDE_CONTENT_BYTES = 400_000
"""What a try costs besides content: the keys of a connection, the agent's own source, checksums of blocks."""
IN_FLIGHT_BYTES = 4 * MIB
"""What pipes, sockets and ssh's window of 2 MiB held on their way when a connection broke: handed on by the proxy,
and never read by the receiver."""


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_faulty_way_ends_verified_or_says_why_and_the_next_try_goes_on(
    fleet: Fleet, tmp_path: Path, wait_until: Wait, transport: str, name: str
) -> None:
    async with ground_on(fleet, tmp_path, f"{transport} {name}", transport) as ground:
        await _ends_well(ground, name, wait_until)


async def test_every_transport_that_is_built_goes_through_the_faults(fleet: Fleet, tmp_path: Path) -> None:
    async with ground_on(fleet, tmp_path, "all", TRANSPORTS[0]) as ground:
        assert [adapter.name.value for adapter in ground.adapters] == TRANSPORTS


async def _ends_well(ground: Ground, name: str, wait_until: Wait) -> None:
    job = ground.through(await ground.bench.made(SIZE))
    ground.proxy.fault = _fitting(FAULTS[name], ground)
    error = await _one_try(ground, job)
    assert error is None or name != "delay", error
    assert name in UNCOUNTED or ground.proxy.struck > 0
    ground.proxy.fault = NO_FAULT
    if error is not None:
        _is_told(error)
    if error is not None or name == "throttle":
        before = ground.proxy.passed
        outcome = await ground.bench.delivered(job)
        _little_is_sent_twice(ground, before, outcome.resumed_bytes)
    await _nothing_stays(ground, job, wait_until)


def _fitting(fault: Fault, ground: Ground) -> Fault:
    """A request of HTTP is shorter than the keys of SSH: an early reset comes before the first byte of either's use."""
    early = fault.kind is Kind.RESET and fault.after_bytes < MIB
    return replace(fault, after_bytes=EARLY_IN_A_REQUEST_BYTES) if early and not ground.by_ssh else fault


async def _one_try(ground: Ground, job: TransferJob) -> SyncdeckError | None:
    """Copy once; what is called verified is the source. A copy that crawls on has not failed: it is cancelled."""
    copy = asyncio.create_task(ground.bench.delivered(job))
    await asyncio.wait([copy], timeout=CRAWL_SECONDS)
    if not copy.done() and ground.proxy.fault.kind is Kind.THROTTLE:
        copy.cancel()
        await asyncio.wait([copy])
        return None
    try:
        await copy
    except SyncdeckError as error:
        return error
    return None


def _is_told(error: SyncdeckError) -> None:
    assert error.error_class in (ErrorClass.TRANSIENT_NETWORK, ErrorClass.CHECKSUM_MISMATCH), repr(error)
    assert error.cause and error.remedy


def _little_is_sent_twice(ground: Ground, passed_before: int, resumed_bytes: int) -> None:
    """Count at the proxy, not by what the transport says of itself."""
    factor = ground.bench.adapter.capabilities.cost / 10
    needed = (SIZE - resumed_bytes) * max(1.0, factor) + BESIDE_CONTENT_BYTES
    assert ground.proxy.passed - passed_before < needed * 1.05
    kept_at_least = passed_before / max(1.0, factor) - BESIDE_CONTENT_BYTES - IN_FLIGHT_BYTES - MANIFEST_CHUNK_BYTES
    assert resumed_bytes >= min(kept_at_least, SIZE - MANIFEST_CHUNK_BYTES)


async def _nothing_stays(ground: Ground, job: TransferJob, wait_until: Wait) -> None:
    """No process, no temporary file, no connection."""
    agent = await ground.bench.agent_for(job.target.node_id)
    await agent.discard([job.temp_path])
    assert await ground.bench.target.files() == ()
    await ground.bench.clean()
    if ground.proxy.silenced == 0:  # Of a connection that fell silent sshd learns nothing, and keeps its end.
        wait_until(lambda: ground.proxy.open == 0)


@pytest.mark.storm
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("put", [True, False], ids=["to a node", "from a node"])
async def test_a_faulty_way_in_either_direction_and_at_many_bytes(
    fleet: Fleet, tmp_path: Path, wait_until: Wait, put: bool, transport: str, name: str, seed: int
) -> None:
    async with ground_on(fleet, tmp_path, f"{put} {transport} {name} {seed}", transport, put) as ground:
        await _ends_well(ground, name, wait_until)


@pytest.mark.parametrize("name", ["bytes", "time"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_way_that_is_cut_again_and_again_brings_the_file_in_the_end(
    fleet: Fleet, tmp_path: Path, wait_until: Wait, transport: str, name: str
) -> None:
    size = 32 * MIB if name == "time" else 16 * MIB
    async with ground_on(fleet, tmp_path, f"{transport} again {name}", transport) as ground:
        job = ground.through(await ground.bench.made(size))
        job.rate.set((8 if name == "time" else 4) * MIB)  # On loopback a cut would come before progress is told.
        if name == "time":
            ground.proxy.fault = Fault(Kind.CUT_BY_TIME, seconds=1.5)
        else:
            ground.proxy.fault = Fault(Kind.CUT_BY_BYTES, after_bytes=(4 if ground.by_ssh else 1) * MIB)
        manager = TransportManager((ground.bench.adapter,), SystemClock(), pause=_no_pause)
        delivery = await manager.deliver(job, (ground.bench.adapter.name,), lambda done, wire: None)
        assert delivery.outcome is not None, delivery.error
        await ground.bench.arrived(job, delivery.outcome)
        cuts = len(delivery.tries) - 1
        assert ground.proxy.struck >= max(1, cuts)
        factor = max(1.0, ground.bench.adapter.capabilities.cost / 10)
        breaks = ground.proxy.struck
        sent_twice = ground.proxy.passed - size * factor - (breaks + 1) * BESIDE_CONTENT_BYTES
        assert sent_twice < breaks * (MANIFEST_CHUNK_BYTES + IN_FLIGHT_BYTES) * factor
        await _nothing_stays(ground, job, wait_until)


async def _no_pause(seconds: float) -> None:
    """The manager's pauses are tried where they belong."""
