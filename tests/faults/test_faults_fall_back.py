"""The manager beside a faulty way: the next transport goes on with what arrived, and the broken one is left alone."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from engine.clock import SystemClock
from engine.model import Transport
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES
from engine.transport.manager import TransportManager
from tests.faults.conftest import Ends
from tests.faults.proxy import NO_FAULT, Fault, Kind
from tests.fleet_sshd import wait_for_the_end_of

MIB = 1 << 20
SIZE = 16 * MIB
CHAIN = (Transport.HTTP, Transport.AGENT)
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def no_pause(seconds: float) -> None:
    """The manager's pauses are tried where they belong."""


async def test_a_dead_server_gives_way_to_the_stream(ends: Ends) -> None:
    async with ends.ground("fall back at once", "http") as ground:
        job = ground.through(await ground.bench.made(SIZE))
        ground.proxy.fault = Fault(Kind.RESET_ON_CONNECT)
        manager = TransportManager(ground.adapters, SystemClock(), pause=no_pause)
        delivery = await manager.deliver(job, CHAIN, lambda done, wire: None)
        assert delivery.outcome is not None, delivery.error
        assert [one.transport for one in delivery.tries] == list(CHAIN)
        await ground.bench.arrived(job, delivery.outcome)


async def test_what_a_server_sent_before_it_died_is_kept_by_the_stream(ends: Ends) -> None:
    async with ends.ground("fall back midway", "http") as ground:
        job = ground.through(await ground.bench.made(SIZE))
        far = 2 * MANIFEST_CHUNK_BYTES

        def heard(done: int, wire: int) -> None:
            if done >= far and ground.proxy.fault.kind is Kind.NONE:
                ground.proxy.fault = Fault(Kind.RESET_ON_CONNECT)
                ground.proxy.cut()

        job.rate.set(6 * MIB)
        manager = TransportManager(ground.adapters, SystemClock(), pause=no_pause)
        delivery = await manager.deliver(job, CHAIN, heard)
        assert delivery.outcome is not None, delivery.error
        await ground.bench.arrived(job, delivery.outcome)
        assert delivery.tries[-1].transport is Transport.AGENT, delivery.tries
        assert delivery.outcome.resumed_bytes >= far - MANIFEST_CHUNK_BYTES


async def test_an_rsync_that_a_silent_link_left_behind_is_ended_before_the_next_begins(
    ends: Ends, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    """Its sshd learns nothing of the end: it would change the file that the next one brought."""
    async with ends.ground("orphan", "rsync") as ground:
        # So long that it cannot end by itself meanwhile.
        job = replace(ground.through(await ground.bench.made(SIZE)), stall_timeout_seconds=600.0)
        ground.proxy.fault = Fault(Kind.SILENT, after_bytes=4 * MIB)
        copying = asyncio.create_task(ground.bench.copy(job))
        await asyncio.to_thread(wait_until, lambda: ground.proxy.silenced == 1)
        writing = functools.partial(_writing, ground.node.server.pid, job.temp_path)
        await asyncio.to_thread(wait_until, lambda: bool(writing()))
        copying.cancel()
        await asyncio.wait([copying])
        left = writing()
        assert left, "nothing was left behind"
        ground.proxy.fault = NO_FAULT
        await ground.bench.delivered(job)
        wait_for_the_end_of(left)


def _writing(server: int, path: str) -> list[psutil.Process]:
    """Return the rsync processes of a server that have a file open; one that ends meanwhile has none."""
    found = []
    for process in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "rsync" and path in {file.path for file in process.open_files()}:
                found.append(process)
    return found


async def test_a_transport_that_keeps_failing_is_left_alone(ends: Ends) -> None:
    async with ends.ground("breaker", "http") as ground:
        ground.proxy.fault = Fault(Kind.RESET_ON_CONNECT)
        manager = TransportManager(ground.adapters, SystemClock(), pause=no_pause)
        tried = []
        for number in range(5):
            job = ground.through(await ground.bench.made(100_000, seed=str(number), name=f"{number}.npz"))
            delivery = await manager.deliver(job, CHAIN, lambda done, wire: None)
            assert delivery.outcome is not None, delivery.error
            tried.append([one.transport for one in delivery.tries])
        assert tried[0] == list(CHAIN)
        assert tried[-1] == [Transport.AGENT], "the breaker never opened"
        assert any("http" in reason for reason in delivery.passed_over)
