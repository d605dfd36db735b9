"""Moving one file from a node straight to another, with the operator's ssh-agent forwarded to the first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from engine.remote.agent.bundle import agent_source
from engine.remote.direct_run import DirectRun
from engine.remote.links import Links
from engine.remote.onward import Onward
from engine.remote.ssh import known_ciphers
from engine.remote.stream import over_addresses
from engine.remote.stream_verdict import Way
from engine.remote.types import Endpoint, Progress, RateChanges, SshOptions, StreamJob, StreamOutcome


async def run_direct(
    source: Endpoint,
    target: Endpoint,
    onward: Sequence[Onward],
    job: StreamJob,
    options: SshOptions,
    progress: Progress,
    *,
    links: Links,
    rate_changes: RateChanges | None = None,
) -> StreamOutcome:
    """Like ``run_stream``, by one of the ways ``onward``; raises Unreached where the source cannot go any of them."""
    await asyncio.to_thread(_prepare)
    by_address = {one.address: one for one in onward}

    async def attempt(source_way: Way, target_way: Way) -> StreamOutcome:
        assert target_way.address is not None
        chosen = by_address[target_way.address]
        return await DirectRun(source_way, target_way, chosen, job, options, progress, rate_changes).run()

    there = replace(target, addresses=tuple(by_address))
    return await over_addresses(source, there, links, attempt)


def _prepare() -> None:
    for mode in ("pushing", "receiving"):
        agent_source(mode)
    known_ciphers()
