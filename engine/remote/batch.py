"""Moving many small files at once: one agent that sends, one that receives, one flush, a verdict for each file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import product

from config.types import Address
from engine.errors import ErrorClass, NodeUnreachable, SyncdeckError, TransferError
from engine.remote.agent.bundle import agent_source
from engine.remote.batch_pair import BatchPair, start_pair
from engine.remote.batch_run import BatchRun, Ended
from engine.remote.batch_types import BatchFile, BatchJob, FileProgress
from engine.remote.connect import addresses_of
from engine.remote.diagnose import most_telling
from engine.remote.links import Links
from engine.remote.ssh import known_ciphers
from engine.remote.stream_verdict import EndUnreached, Way
from engine.remote.types import Endpoint, SshOptions, StreamOutcome
from engine.turns import in_turns


class SourceDamaged(TransferError):
    """A source failed the check of its type; ``problem`` says how."""

    def __init__(self, node_id: str, path: str, problem: str) -> None:
        remedy = "move it aside or restore it"
        super().__init__("stream", node_id, f"{path} is damaged: {problem}", remedy, ErrorClass.CHECKSUM_MISMATCH)
        self.path = path
        self.problem = problem


Result = StreamOutcome | SyncdeckError


async def run_batch(
    source: Endpoint, target: Endpoint, job: BatchJob, options: SshOptions, progress: FileProgress, links: Links
) -> list[Result]:
    """Return for each file the proof of its temporary file, or why there is none; raise what ``job.offer`` raises.

    What arrived whole counts even when the way broke afterwards. Raises NodeUnreachable when an end cannot be reached
    and nothing arrived. Cancelling kills both children and waits for them.
    """
    await asyncio.to_thread(_prepare)
    failures: list[NodeUnreachable] = []
    silent: set[tuple[str, Address | None]] = set()
    ended = await _by_idle_pair(source, target, job, progress, links)
    for source_at, target_at in product(addresses_of(source, links), addresses_of(target, links)):
        if ended is not None:
            break
        if (source.node_id, source_at) in silent or (target.node_id, target_at) in silent:
            continue
        try:
            ended = await _by_new_pair(source, source_at, target, target_at, job, options, progress, links)
        except EndUnreached as unreached:
            failures.append(unreached.failure)
            silent.add((unreached.way.endpoint.node_id, unreached.way.address))
    if ended is None:
        raise most_telling(failures)
    each = in_turns(zip(job.files, ended, strict=True))
    return [_result(file, value, source, target) async for file, value in each]


async def _by_idle_pair(
    source: Endpoint, target: Endpoint, job: BatchJob, progress: FileProgress, links: Links
) -> list[Ended] | None:
    """Return what a pair that waits between these nodes made of it; None where none does, or it ended unnoticed."""
    while (pair := links.idle.take(source, target, job.offer is not None)) is not None:
        with contextlib.suppress(EndUnreached, NodeUnreachable):
            return await _by(pair, job, progress, links)
    return None


async def _by_new_pair(
    source: Endpoint,
    source_at: Address | None,
    target: Endpoint,
    target_at: Address | None,
    job: BatchJob,
    options: SshOptions,
    progress: FileProgress,
    links: Links,
) -> list[Ended]:
    await links.turn(source, target)
    with contextlib.ExitStack() as held:
        source_slot = held.enter_context(links.slot(source.node_id))
        target_slot = held.enter_context(links.slot(target.node_id))
        ways = Way(source, source_at, source_slot), Way(target, target_at, target_slot)
        release: Callable[[], object] = held.pop_all().close
    return await _by(await start_pair(*ways, options, release, job.offer is not None), job, progress, links)


async def _by(pair: BatchPair, job: BatchJob, progress: FileProgress, links: Links) -> list[Ended]:
    """Return what a pair made of a batch; it waits for another one where it can."""
    try:
        ended = await BatchRun(pair, job, progress).run()
    except BaseException:
        await asyncio.shield(pair.kill())
        raise
    for way in (pair.source, pair.target):
        if way.address is not None:
            links.answered(way.endpoint.node_id, way.address)
    if pair.alive:
        await links.idle.keep(pair)
    return ended


def _result(file: BatchFile, value: Ended, source: Endpoint, target: Endpoint) -> Result:
    """Return a file's outcome, the failure of one file told as an error of its own."""
    if not isinstance(value, dict):
        return value
    if "damaged" in value:
        return SourceDamaged(source.node_id, file.source_path, value["damaged"])
    return TransferError("stream", target.node_id, value["cause"], value["remedy"], ErrorClass(value["class"]))


def _prepare() -> None:
    """Do the slow first-time work off the event loop."""
    agent_source("batch_sending")
    agent_source("batch_receiving")
    agent_source("batch_fetching")
    known_ciphers()
