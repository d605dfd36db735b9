"""Moving one file: an agent that sends and an agent that receives, joined by a pipe of the operating system."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import product

from config.types import Address
from engine.errors import NodeUnreachable
from engine.remote.agent.bundle import agent_source
from engine.remote.connect import addresses_of
from engine.remote.diagnose import most_telling
from engine.remote.links import Links
from engine.remote.ssh import known_ciphers
from engine.remote.stream_run import StreamRun
from engine.remote.stream_verdict import EndUnreached, Way
from engine.remote.types import Endpoint, Progress, RateChanges, SshOptions, StreamJob, StreamOutcome

Attempt = Callable[[Way, Way], Awaitable[StreamOutcome]]
"""Tries once, by one way to the source and one to the target; raises EndUnreached where one of them is silent."""


async def run_stream(
    source: Endpoint,
    target: Endpoint,
    job: StreamJob,
    options: SshOptions,
    progress: Progress,
    *,
    links: Links | None = None,
    rate_changes: RateChanges | None = None,
) -> StreamOutcome:
    """Return the proof of a verified temporary file at the target.

    Raises NodeUnreachable when an end cannot be reached at any address, else TransferError with the class of what
    went wrong and the node that it went wrong at. Cancelling kills both children and waits for them; what arrived
    stays and is resumed by the next call with the same job. ``rate_changes`` replaces the job's cap while it runs.
    """
    links = links or Links()
    await asyncio.to_thread(_prepare)

    async def attempt(source_way: Way, target_way: Way) -> StreamOutcome:
        return await StreamRun(source_way, target_way, job, options, progress, rate_changes).run()

    try:
        return await over_addresses(source, target, links, attempt)
    except Unreached as unreached:
        raise most_telling(unreached.failures) from None


class Unreached(Exception):
    """No pair of addresses served; ``failures`` holds why, one for each address that did not answer."""

    def __init__(self, failures: list[NodeUnreachable]) -> None:
        super().__init__(str(failures))
        self.failures = failures


async def over_addresses(source: Endpoint, target: Endpoint, links: Links, attempt: Attempt) -> StreamOutcome:
    """Return the outcome of the first pair of addresses at which both ends said a word; raises Unreached, and whatever
    else the attempt does."""
    failures: list[NodeUnreachable] = []
    silent: set[tuple[str, Address | None]] = set()
    for source_at, target_at in product(addresses_of(source, links), addresses_of(target, links)):
        if (source.node_id, source_at) in silent or (target.node_id, target_at) in silent:
            continue
        await links.turn(source, target)
        with links.slot(source.node_id) as source_slot, links.slot(target.node_id) as target_slot:
            ways = Way(source, source_at, source_slot), Way(target, target_at, target_slot)
            try:
                outcome = await attempt(*ways)
            except EndUnreached as unreached:
                failures.append(unreached.failure)
                silent.add((unreached.way.endpoint.node_id, unreached.way.address))
                continue
        for way in ways:
            if way.address is not None:
                links.answered(way.endpoint.node_id, way.address)
        return outcome
    raise Unreached(failures)


def _prepare() -> None:
    """Do the slow first-time work off the event loop."""
    for mode in ("sending", "live_sending", "receiving"):
        agent_source(mode)
    known_ciphers()
