"""Every transport through every fault: verified or failed in a way that says what to do; never wrong, never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.clock import SystemClock
from engine.errors import ErrorClass, SyncdeckError
from engine.remote.types import StreamOutcome
from engine.transport.direct import DIRECT_WAY
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES
from engine.transport.manager import TransportManager
from engine.transport.types import TransferJob
from tests.faults.conftest import BETWEEN, DIRECT, GET, PUT, Ends, Ground
from tests.faults.proxy import HELD_BYTES, NO_FAULT, Fault, Kind
from tests.transport.built import ALL as TRANSPORTS
from tests.transport.built import BETWEEN_NODES

Wait = Callable[[Callable[[], bool]], None]
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
A_FEW_FAULTS = ["corrupt", "silent", "reset-early", "reset-midway"]
NEVER_STOOD = {"black-hole", "reset-on-connect", "reset-early"}
UNCOUNTED = {"delay", "throttle"}
EARLY_IN_A_REQUEST_BYTES = 60
NOTICED_BY_THE_LIMIT = {"throttle", "black-hole", "silent"}
FIRST_STALL_SECONDS = 1.5
CRAWL_SECONDS = 3.0
BESIDE_CONTENT_BYTES = 400_000
"""What a try costs besides content: the keys of a connection, the agent's own source, checksums of blocks."""
WRITTEN_AT_ONCE_BYTES = MIB
"""A stream is continued at a whole frame, rsync at a whole block."""
CONNECTIONS = 4
"""A fetch has as many chunks begun; of a process that ends, those are lost that are not whole."""
IN_FLIGHT_BYTES = 4 * MIB
"""What pipes, sockets and ssh's window of 2 MiB held on their way when a connection broke: handed on by the proxy,
and never seen by the receiver. So what several tries sent is bounded only this well; what one try keeps of the
one before is bounded by what lay at the target."""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_faulty_way_ends_verified_or_says_why_and_the_next_try_goes_on(
    ends: Ends, wait_until: Wait, transport: str, name: str
) -> None:
    async with ends.ground(f"{transport} {name}", transport) as ground:
        await _ends_well(ground, name, wait_until)


@pytest.mark.parametrize("name", A_FEW_FAULTS)
@pytest.mark.parametrize("transport", BETWEEN_NODES)
async def test_a_faulty_way_between_two_nodes_ends_well_too(
    ends: Ends, wait_until: Wait, transport: str, name: str
) -> None:
    async with ends.ground(f"between {transport} {name}", transport, BETWEEN) as ground:
        await _ends_well(ground, name, wait_until)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_faulty_way_straight_from_node_to_node_ends_well_too(ends: Ends, wait_until: Wait, name: str) -> None:
    """What breaks on the way is taken up on the same way; where nothing comes through, the stream is relayed."""
    async with ends.ground(f"direct {name}", DIRECT, BETWEEN) as ground:
        outcome = await _ends_well(ground, name, wait_until)
        assert outcome is None or outcome.way == DIRECT_WAY or name in NEVER_STOOD, outcome


async def _ends_well(ground: Ground, name: str, wait_until: Wait) -> StreamOutcome | None:
    """Return what the second try came to, None where the first arrived."""
    outcome: StreamOutcome | None = None
    job = ground.through(await ground.bench.made(SIZE))
    ground.proxy.fault = _fitting(FAULTS[name], ground)
    error = await _until_it_struck(ground, name, job)
    assert error is None or name != "delay", error
    spoilt = ground.proxy.struck if name == "corrupt" else 0
    ground.proxy.fault = NO_FAULT
    if error is not None:
        _is_told(error)
    if error is not None or name == "throttle":
        received, before = await _received(ground, job), ground.proxy.passed
        outcome = await ground.bench.delivered(job)
        _little_is_sent_twice(ground, SIZE, received, outcome, ground.proxy.passed - before, spoilt)
    await _nothing_stays(ground, job, wait_until)
    return outcome


async def _until_it_struck(ground: Ground, name: str, job: TransferJob) -> SyncdeckError | None:
    """Return what a try that met the fault came to.

    Silence is noticed by the limit for stalls alone, which is short here: on a busy machine it may pass before the
    fault had its turn, and the next try is given twice as long.
    """
    patience = FIRST_STALL_SECONDS
    while True:
        limited = replace(job, stall_timeout_seconds=patience) if name in NOTICED_BY_THE_LIMIT else job
        error = await _one_try(ground, limited)
        if name in UNCOUNTED or ground.proxy.struck > 0:
            return error
        assert name in NOTICED_BY_THE_LIMIT and patience < job.stall_timeout_seconds, error
        patience *= 2


def _fitting(fault: Fault, ground: Ground) -> Fault:
    """A request of HTTP is shorter than the keys of SSH: an early reset comes before the first byte of either's use."""
    early = fault.kind is Kind.RESET and fault.after_bytes < MIB
    return replace(fault, after_bytes=EARLY_IN_A_REQUEST_BYTES) if early and not ground.by_ssh else fault


async def _one_try(ground: Ground, job: TransferJob) -> SyncdeckError | None:
    """Copy once; what is called verified is the source. A copy that crawls on has not failed: it is cancelled."""
    copy = asyncio.create_task(ground.bench.delivered(job))
    crawls = ground.proxy.fault.kind is Kind.THROTTLE
    await asyncio.wait([copy], timeout=CRAWL_SECONDS if crawls else None)
    if not copy.done():
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


async def _received(ground: Ground, job: TransferJob) -> int:
    """Return how many bytes lie at the target, whatever the transport says of them."""
    there = await ground.bench.target.look(ground.bench.temp_name(job))
    if there is None:
        return 0
    return there.size_bytes if ground.by_ssh else min(there.held_bytes, job.size_bytes)


def _little_is_sent_twice(
    ground: Ground, size: int, received: int, outcome: StreamOutcome, passed: int, spoilt: int = 0
) -> None:
    """What the target had is kept, spoilt chunks aside; at the proxy only the rest passed once more."""
    lost = WRITTEN_AT_ONCE_BYTES if ground.by_ssh else CONNECTIONS * MANIFEST_CHUNK_BYTES
    assert outcome.resumed_bytes >= received - lost - spoilt * MANIFEST_CHUNK_BYTES
    assert passed < 1.05 * ((size - outcome.resumed_bytes) * _factor(ground) + BESIDE_CONTENT_BYTES)


def _factor(ground: Ground) -> float:
    return max(1.0, ground.bench.adapter.capabilities.cost / 10)


async def _nothing_stays(ground: Ground, job: TransferJob, wait_until: Wait) -> None:
    """No process, no temporary file, no connection."""
    agent = await ground.bench.agent_for(job.target.node_id)
    await agent.discard([job.temp_path])
    assert await ground.bench.target.files() == ()
    if (
        ground.proxy.silenced
    ):  # Of a connection that fell silent sshd learns nothing until TCP gives it up: here and now.
        ground.proxy.cut()
    await ground.bench.clean()
    wait_until(lambda: ground.proxy.open == 0)


@pytest.mark.storm
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("pair", [PUT, GET, BETWEEN], ids=["to a node", "from a node", "between nodes"])
async def test_a_faulty_way_in_any_direction_and_at_many_bytes(
    ends: Ends, wait_until: Wait, pair: tuple[str, str], transport: str, name: str, seed: int
) -> None:
    if pair == BETWEEN and transport not in BETWEEN_NODES:
        return
    async with ends.ground(f"{pair} {transport} {name} {seed}", transport, pair) as ground:
        await _ends_well(ground, name, wait_until)


@pytest.mark.parametrize("name", ["bytes", "time"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_way_that_is_cut_again_and_again_brings_the_file_in_the_end(
    ends: Ends, wait_until: Wait, transport: str, name: str
) -> None:
    size = (16 if name == "time" else 10) * MIB
    async with ends.ground(f"{transport} again {name}", transport) as ground:
        job = ground.through(await ground.bench.made(size))
        job.rate.set(3 * MIB)  # On loopback a cut would come before progress is told.
        if name == "time":
            ground.proxy.fault = Fault(Kind.CUT_BY_TIME, seconds=2.0)
        else:
            ground.proxy.fault = Fault(Kind.CUT_BY_BYTES, after_bytes=(3 if ground.by_ssh else 1) * MIB)
        seen: list[tuple[int, int, int]] = []

        async def look(seconds: float) -> None:
            seen.append((await _received(ground, job), ground.proxy.passed, ground.proxy.struck))

        manager = TransportManager((ground.bench.adapter,), SystemClock(), pause=look)
        delivery = await manager.deliver(job, (ground.bench.adapter.name,), lambda done, wire: None)
        assert delivery.outcome is not None, delivery.error
        await ground.bench.arrived(job, delivery.outcome)
        breaks, passed = ground.proxy.struck, ground.proxy.passed
        assert breaks >= max(1, len(delivery.tries) - 1) and len(seen) == len(delivery.tries) - 1
        for received, passed_before, breaks_before in seen[-1:]:
            lost = (breaks - breaks_before) * HELD_BYTES
            _little_is_sent_twice(ground, size, received, delivery.outcome, passed - passed_before - lost)
        beside = (breaks + 1) * BESIDE_CONTENT_BYTES
        assert passed < (size + breaks * (IN_FLIGHT_BYTES + MANIFEST_CHUNK_BYTES)) * _factor(ground) + beside
        await _nothing_stays(ground, job, wait_until)
