"""Checks of batches, for transports that carry them: each of many small files arrives proven, or fails by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from engine.errors import ErrorClass, SyncdeckError
from engine.remote.types import StreamOutcome
from engine.transport.conformance.bench import PATIENCE_SECONDS, SLOW_BYTES_PER_SECOND, Bench, Broken, NotApplicable
from engine.transport.conformance.check import Check
from engine.transport.conformance.contents import HARD_NAMES
from engine.transport.types import BatchProgress, BatchTransport, TransferJob

KIB = 1 << 10
SIZES = (0, 1, 20 * KIB, 512 * KIB - 1, 512 * KIB, 512 * KIB + 1, 3 << 20, *range(100, 140))
"""Around the pieces that small files share, and larger ones among them."""
SLOW_FILES, SLOW_FILE_BYTES = 20, 100_000
Results = Sequence[StreamOutcome | SyncdeckError]


async def many_small(bench: Bench) -> str:
    """Any size and any name, in folders that are not there yet; nothing else is left at the target."""
    _carrier(bench)
    names = [f"folder {number % 4}/{number}.npz" for number in range(len(SIZES))]
    names[-len(HARD_NAMES) :] = HARD_NAMES
    for name, size in zip(names, SIZES, strict=True):
        await bench.source.write(name, name, size)
    jobs = [await bench.job(name) for name in names]
    done = dict.fromkeys(range(len(jobs)), 0)

    def heard(number: int, size_bytes: int, wire: int) -> None:
        done[number] = max(done[number], size_bytes)

    results = await _carried(bench, jobs, heard)
    await _arrived(bench, jobs, results)
    if [done[number] for number in range(len(jobs))] != list(SIZES):
        raise Broken("the progress of a batch does not come to the sizes of its files")
    stray = set(await bench.target.files()) - {bench.temp_name(job) for job in jobs}
    if stray:
        raise Broken(f"besides the temporary files these were left: {', '.join(sorted(stray))}")
    return f"{len(jobs)} files"


async def each_alone(bench: Bench) -> str:
    """What is wrong with one file is told of that file, and the others arrive."""
    _carrier(bench)
    names = ["first.npz", "edited.npz", "gone.npz", "shorter.npz", "out/link.npz", "last.npz"]
    for name in names:
        await bench.source.write(name, name, 20 * KIB)
    for name in ("root", "elsewhere"):
        await bench.target.make_folder(name)
    await bench.target.link("root/out", "elsewhere")
    root = f"{bench.target.folder}/root"
    jobs = [replace(await bench.job(name, arrives_as=f"root/{name}"), target_root=root) for name in names]
    await bench.source.write("edited.npz", "other", 21 * KIB)
    await bench.source.remove("gone.npz")
    await bench.source.truncate("shorter.npz", KIB)
    results = await _carried(bench, jobs)
    whole = [0, len(names) - 1]
    await _arrived(bench, [jobs[number] for number in whole], [results[number] for number in whole])
    expected = {
        "edited.npz": ErrorClass.SOURCE_CHANGED,
        "gone.npz": ErrorClass.NOT_FOUND,
        "shorter.npz": ErrorClass.SOURCE_CHANGED,
        "out/link.npz": ErrorClass.CONFIG,
    }
    for name, error_class in expected.items():
        result = results[names.index(name)]
        if not isinstance(result, SyncdeckError) or result.error_class is not error_class:
            raise Broken(f"{name} came to {result!r} instead of failing as {error_class.value}")
    if any(name.startswith(("elsewhere/", "root/out/")) for name in await bench.target.files()):
        raise Broken("a file was written outside the root", "do not use this transport: it leaves the data root")
    return f"{len(expected)} of {len(names)} failed, each for its own reason"


async def cancelled(bench: Bench) -> str:
    """A batch that is cancelled lets go of everything, and the same files arrive afterwards."""
    _carrier(bench)
    jobs = await _slow_jobs(bench)
    moving = asyncio.Event()
    carrying = asyncio.create_task(_carried(bench, jobs, lambda number, done, wire: moving.set()))
    heard = asyncio.create_task(moving.wait())
    await asyncio.wait((carrying, heard), timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    heard.cancel()
    if carrying.done():
        await carrying
        raise Broken("the batch ended before it told of any progress")
    carrying.cancel()
    await asyncio.wait([carrying], timeout=PATIENCE_SECONDS)
    if not carrying.cancelled():
        raise Broken("the batch went on after it was cancelled")
    for job in jobs:
        job.rate.set(None)
    await _arrived(bench, jobs, await _carried(bench, jobs))
    return ""


async def _slow_jobs(bench: Bench) -> list[TransferJob]:
    for number in range(SLOW_FILES):
        await bench.source.write(f"{number}.npz", f"slow {number}", SLOW_FILE_BYTES)
    return [await bench.job(f"{number}.npz", rate=SLOW_BYTES_PER_SECOND) for number in range(SLOW_FILES)]


def _carrier(bench: Bench) -> BatchTransport:
    """Return the transport; raise NotApplicable where it carries no batches."""
    if not bench.adapter.capabilities.batches:
        raise NotApplicable("it carries files singly")
    return cast(BatchTransport, bench.adapter)


async def _carried(bench: Bench, jobs: Sequence[TransferJob], progress: BatchProgress | None = None) -> Results:
    """Carry the jobs with patience; raise NotApplicable where no batches go on this way."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _carrier(bench).copy_batch(jobs, progress or _quiet)
    except TimeoutError:
        raise Broken(f"the batch did not end within {PATIENCE_SECONDS:.0f} s") from None
    except SyncdeckError as error:
        if error.error_class is ErrorClass.UNSUPPORTED:
            raise NotApplicable(f"no batches on this way: {error.cause}") from None
        raise


async def _arrived(bench: Bench, jobs: Sequence[TransferJob], results: Results) -> None:
    for job, result in zip(jobs, results, strict=True):
        if isinstance(result, SyncdeckError):
            raise result
        await bench.arrived(job, result)


def _quiet(number: int, done: int, wire: int) -> None:
    """Progress that nobody looks at."""


CHECKS = (
    Check("batch", "many small files arrive in one go, each proven by its hash", many_small),
    Check("batch-each-alone", "a file of a batch that cannot go fails by itself", each_alone),
    Check("batch-cancel", "a batch that is cancelled ends, and may be carried again", cancelled),
)
