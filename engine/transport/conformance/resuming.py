"""Checks of going on: after a cut at any byte, beside rubbish, by another transport, at the same time as another."""

from __future__ import annotations

import asyncio

from engine.errors import ErrorClass, SyncdeckError
from engine.remote.types import StreamOutcome
from engine.transport.conformance.bench import SLOW_BYTES_PER_SECOND, Bench, Broken, NotApplicable, told
from engine.transport.conformance.check import Check
from engine.transport.fetch_types import MANIFEST_CHUNK_BYTES
from engine.transport.types import TransferJob

SIZE = MANIFEST_CHUNK_BYTES + (1 << 20) + 54_321
LARGE = 2 * MANIFEST_CHUNK_BYTES + 54_321
EDGES = (1, (1 << 20) - 1, (1 << 20) + 1, MANIFEST_CHUNK_BYTES - 1, MANIFEST_CHUNK_BYTES, MANIFEST_CHUNK_BYTES + 1)
MOST_SENT_AGAIN_BYTES = MANIFEST_CHUNK_BYTES


async def resume_few(bench: Bench) -> str:
    """One of the edges, one place by chance, and the last byte, before which much is to be kept."""
    edge = bench.chance.choice((0, *EDGES, SIZE))
    return await _resume(bench, SIZE, [edge, bench.chance.randrange(SIZE), SIZE - 1])


async def resume_many(bench: Bench) -> str:
    """All edges and many places."""
    anywhere = (bench.chance.randrange(LARGE) for _ in range(20))
    return await _resume(bench, LARGE, [0, *EDGES, 2 * MANIFEST_CHUNK_BYTES, LARGE - 1, LARGE, *anywhere])


async def _resume(bench: Bench, size: int, cuts: list[int]) -> str:
    for number, cut in enumerate(cuts):
        name = f"cut {number}.npz"
        job = await bench.made(size, seed=f"cut {number}", name=name)
        await bench.target.write(bench.temp_name(job), f"cut {number}", cut)
        outcome = await bench.delivered(job)
        least = cut - MOST_SENT_AGAIN_BYTES
        if bench.adapter.capabilities.resume and outcome.resumed_bytes < least:
            raise Broken(f"cut at byte {cut}, only {outcome.resumed_bytes} bytes were kept")
    return f"cut at {', '.join(str(cut) for cut in sorted(cuts))} of {size}"


async def rubbish_before(bench: Bench) -> str:
    """What lies under the temporary name may be anything: another version, too long, one byte wrong."""
    told_of = []
    for name, spoil in (("other", _other_version), ("longer", _longer), ("flipped", _flipped)):
        job = await bench.made(SIZE, seed="right", name=f"{name}.npz")
        await spoil(bench, bench.temp_name(job))
        told_of.append(f"{name}: {await _right_in_two(bench, job)}")
    return "; ".join(told_of)


async def _right_in_two(bench: Bench, job: TransferJob) -> str:
    """Right at once, or a mismatch and right then: never wrong, and never stuck on the rubbish."""
    try:
        await bench.delivered(job)
        return "sent right at once"
    except SyncdeckError as error:
        told(error, ErrorClass.CHECKSUM_MISMATCH)
    await bench.delivered(job)
    return "noticed, and sent right then"


async def _other_version(bench: Bench, temp: str) -> None:
    await bench.target.write(temp, "an older version", MANIFEST_CHUNK_BYTES + 77)


async def _longer(bench: Bench, temp: str) -> None:
    await bench.target.write(temp, "right", SIZE)
    await bench.target.append(temp, "more", 5_000)


async def _flipped(bench: Bench, temp: str) -> None:
    await bench.target.write(temp, "right", SIZE - 1_000_000)
    await bench.target.flip(temp, bench.chance.randrange(MANIFEST_CHUNK_BYTES))


async def cancel_and_go_on(bench: Bench) -> str:
    """Cancelled mid-way nothing of it runs on; what arrived is continued; discarding leaves nothing."""
    await bench.source.write("file.npz", "content", SIZE)
    slow = await bench.job("file.npz", rate=SLOW_BYTES_PER_SECOND)
    loop = asyncio.get_running_loop()
    copy = await bench.until_moving(slow)
    await bench.still_moving(copy)
    began = loop.time()
    await _cancel(copy)
    seconds = loop.time() - began
    slow.rate.set(None)
    outcome = await bench.delivered(slow)
    await _discard(bench, slow)
    return f"ended in {seconds:.2f} s; went on with {outcome.resumed_bytes} bytes kept"


async def _cancel(copy: asyncio.Task[StreamOutcome]) -> None:
    copy.cancel()
    await asyncio.wait([copy])
    if not copy.cancelled():
        raise Broken(f"a cancelled copy ended with {copy.exception() or 'success'}")


async def _discard(bench: Bench, job: TransferJob) -> None:
    agent = await bench.agent_for(bench.target.endpoint.node_id)
    await agent.discard([job.temp_path])
    left = await bench.target.files()
    if left:
        raise Broken(f"after discarding the temporary file these are left: {', '.join(left)}")


async def cancel_at_once(bench: Bench) -> str:
    """Cancelled before anything moved, it ends as well, and the next copy of the same job is not hindered."""
    job = await bench.made(1 << 20)
    copy = asyncio.create_task(bench.copy(job))
    await asyncio.sleep(0)
    await _cancel(copy)
    await bench.delivered(job)
    return ""


async def fallback_keeps_bytes(bench: Bench) -> str:
    """What one transport brought is not sent again by the next one of the chain."""
    next_one = next((other for other in bench.others if other.capabilities.resume), None)
    if next_one is None:
        raise NotApplicable("no other transport serves this pair")
    size = 4 * MANIFEST_CHUNK_BYTES
    await bench.source.write("file.npz", "content", size)
    # Begun this slowly, a fetch asks for one chunk after the other; of chunks side by side none may be whole yet.
    job = await bench.job("file.npz", rate=2 * MANIFEST_CHUNK_BYTES - 1)
    reached = asyncio.Event()

    def heard(done: int, wire: int) -> None:
        job.rate.set(4 * MANIFEST_CHUNK_BYTES)
        if done >= 2 * MANIFEST_CHUNK_BYTES:
            reached.set()

    copy = asyncio.create_task(bench.copy(job, heard))
    seen = asyncio.create_task(reached.wait())
    await asyncio.wait({copy, seen}, return_when=asyncio.FIRST_COMPLETED)
    seen.cancel()
    await bench.still_moving(copy)
    await _cancel(copy)
    job.rate.set(None)
    outcome = await bench.with_(next_one).delivered(job)
    least = 2 * MANIFEST_CHUNK_BYTES - MOST_SENT_AGAIN_BYTES
    if outcome.resumed_bytes < least:
        raise Broken(f"{next_one.name.value} kept {outcome.resumed_bytes} of at least {least} bytes that were there")
    return f"{next_one.name.value} kept {outcome.resumed_bytes} bytes"


async def two_writers(bench: Bench) -> str:
    """Two copies of one job at the same time: each ends right or says why; what lies there is right."""
    job = await bench.made(SIZE)
    both = await asyncio.gather(bench.copy(job), bench.copy(job), return_exceptions=True)
    done = 0
    for result in both:
        if isinstance(result, SyncdeckError):
            told(result, ErrorClass.TRANSIENT_NETWORK, ErrorClass.CHECKSUM_MISMATCH, ErrorClass.SOURCE_CHANGED)
        elif isinstance(result, BaseException):
            raise result
        else:
            done += 1
            await bench.arrived(job, result)
    if not done:
        await bench.delivered(job)
    return f"{done} of 2 delivered"


async def rate_is_heard(bench: Bench) -> str:
    """A copy that would take hours ends soon after its cap is lifted."""
    await bench.source.write("file.npz", "content", SIZE)
    job = await bench.job("file.npz", rate=SLOW_BYTES_PER_SECOND // 400)
    copy = asyncio.create_task(bench.copy(job))
    try:
        # The first bytes show only after a cap this low let some through: begin when both ends may be there.
        await asyncio.wait([copy], timeout=1.5)
        if copy.done():
            raise NotApplicable("it was over before its cap could be lifted")
        job.rate.set(None)
        await bench.arrived(job, await copy)
    finally:
        copy.cancel()
        await asyncio.wait([copy])
    return ""


CHECKS = (
    Check("resume", "a copy that was cut goes on from there", resume_few),
    Check("resume-any-byte", "a copy that was cut at any byte goes on from there", resume_many, long=True),
    Check("rubbish-before", "what lies under the temporary name never passes for the content", rubbish_before),
    Check("cancel", "a cancelled copy ends, can go on, and leaves nothing once discarded", cancel_and_go_on),
    Check("cancel-at-once", "a copy can be cancelled before it moved a byte", cancel_at_once),
    Check("fallback", "the next transport keeps what arrived", fallback_keeps_bytes),
    Check("rate-heard", "a cap that changes is heard by a running copy", rate_is_heard),
    Check("two-writers", "two copies of one job do not spoil each other", two_writers),
)
