"""Moving one file: an agent that sends and an agent that receives, joined by a pipe of the operating system."""

from __future__ import annotations

import asyncio
from itertools import product

from config.types import Address
from engine.errors import NodeUnreachable
from engine.remote.agent.bundle import agent_source
from engine.remote.connect import no_address
from engine.remote.diagnose import most_telling
from engine.remote.links import Links
from engine.remote.ssh import known_ciphers
from engine.remote.stream_run import StreamRun
from engine.remote.stream_verdict import EndUnreached, Way
from engine.remote.types import Endpoint, Progress, RateChanges, SshOptions, StreamJob, StreamOutcome


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
    failures: list[NodeUnreachable] = []
    silent: set[tuple[str, Address | None]] = set()
    for source_at, target_at in product(_addresses(source, links), _addresses(target, links)):
        if (source.node_id, source_at) in silent or (target.node_id, target_at) in silent:
            continue
        await links.turn(source, target)
        with links.slot(source.node_id) as source_slot, links.slot(target.node_id) as target_slot:
            ways = Way(source, source_at, source_slot), Way(target, target_at, target_slot)
            try:
                outcome = await StreamRun(*ways, job, options, progress, rate_changes).run()
            except EndUnreached as unreached:
                failures.append(unreached.failure)
                silent.add((unreached.way.endpoint.node_id, unreached.way.address))
                continue
        for way in ways:
            if way.address is not None:
                links.answered(way.endpoint.node_id, way.address)
        return outcome
    raise most_telling(failures)


def _prepare() -> None:
    """Do the slow first-time work off the event loop."""
    for mode in ("sending", "live_sending", "receiving"):
        agent_source(mode)
    known_ciphers()


def _addresses(endpoint: Endpoint, links: Links) -> tuple[Address | None, ...]:
    if endpoint.local:
        return (None,)
    addresses = links.addresses(endpoint)
    if not addresses:
        raise no_address(endpoint)
    return addresses
