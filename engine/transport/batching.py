"""Batches of small files: which transport of a chain carries one, and how the agents' stream does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from engine.errors import SyncdeckError
from engine.model import Transport
from engine.remote.agent.growing import is_growing
from engine.remote.batch import SourceDamaged, run_batch
from engine.remote.batch_types import BatchFile, BatchJob, Offer
from engine.remote.links import Links
from engine.remote.types import SshOptions, StreamOutcome
from engine.transport.errors import bad_source
from engine.transport.types import BatchProgress, BatchTransport, TransferJob, TransportAdapter
from engine.turns import in_turns


def batch_chain(preference: Sequence[Transport], chain: Sequence[TransportAdapter]) -> tuple[BatchTransport, ...]:
    """Return those of a preference's resolved chain that carry a batch; empty: each file goes singly.

    A scenario's chain is about what is best for one file, and for many small ones that is whatever batches them. A
    single preferred transport is an operator's ``via``: if it is built and carries no batches, there are none.
    """
    if len(preference) == 1 and any(a.name is preference[0] and not a.capabilities.batches for a in chain):
        return ()
    return tuple(adapter for adapter in chain if _batches(adapter))


def _batches(adapter: TransportAdapter) -> TypeGuard[BatchTransport]:
    return adapter.capabilities.batches


async def copy_by_agents(
    jobs: Sequence[TransferJob],
    progress: BatchProgress,
    options: SshOptions,
    links: Links,
    encoding: str = "binary",
    offer: Offer | None = None,
) -> Sequence[StreamOutcome | SyncdeckError]:
    """Move the jobs, which share both ends and one rate cap, as one stream between two agents.

    ``offer``: past the engine, from the data server of the source.
    """
    first = jobs[0]
    files = tuple([_file(job) async for job in in_turns(jobs)])
    batch = BatchJob(files, first.rate, encoding, first.stall_timeout_seconds, offer)
    results = await run_batch(first.source, first.target, batch, options, progress, links)
    return [bad_source(one.path, one.problem) if isinstance(one, SourceDamaged) else one for one in results]


def _file(job: TransferJob) -> BatchFile:
    assert job.source_stat is not None
    growing = job.live and is_growing(job.source_path)
    return BatchFile(
        job.source_path, job.temp_path, job.target_root, job.kind, job.source_stat, job.check_source, growing
    )
