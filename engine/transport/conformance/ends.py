"""Checks of ends that misbehave: sources that change while they are read, targets that refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from engine.errors import ErrorClass, SyncdeckError
from engine.transport.conformance.bench import SLOW_BYTES_PER_SECOND, Bench, Broken, NotApplicable, told
from engine.transport.conformance.check import Check
from engine.transport.types import TransferJob

SIZE = (3 << 20) + 4_321
CHANGED = (ErrorClass.SOURCE_CHANGED,)
GONE = (ErrorClass.SOURCE_CHANGED, ErrorClass.NOT_FOUND)
Act = Callable[[Bench], Awaitable[None]]


async def stale_plan(bench: Bench) -> str:
    """A source that is not what was planned is not sent as if it were."""
    job = await bench.made(10_000)
    await bench.source.write("file.npz", "newer", 20_000)
    return (await bench.refused(job, *CHANGED)).cause


async def no_source(bench: Bench) -> str:
    """A source that is gone is not found."""
    job = await bench.made(10_000)
    await bench.source.remove("file.npz")
    return (await bench.refused(job, ErrorClass.NOT_FOUND)).cause


async def edited(bench: Bench) -> str:
    """One byte changes behind what was read."""
    return await _while_it_travels(bench, lambda b: b.source.flip("file.npz", 10), CHANGED)


async def shorter(bench: Bench) -> str:
    """The source is cut."""
    return await _while_it_travels(bench, lambda b: b.source.truncate("file.npz", SIZE // 2), CHANGED)


async def longer(bench: Bench) -> str:
    """The source grows."""
    return await _while_it_travels(bench, lambda b: b.source.append("file.npz", "more", 100_000), CHANGED)


async def replaced(bench: Bench) -> str:
    """Another file takes the source's name, as publishing a newer version does."""

    async def act(b: Bench) -> None:
        await b.source.write("newer.npz", "newer", SIZE)
        await b.source.rename("newer.npz", "file.npz")

    return await _while_it_travels(bench, act, CHANGED)


async def vanished(bench: Bench) -> str:
    """The source is removed."""
    return await _while_it_travels(bench, lambda b: b.source.remove("file.npz"), GONE)


async def _while_it_travels(bench: Bench, act: Act, classes: tuple[ErrorClass, ...]) -> str:
    """Do something to the source once bytes move; the copy must say so, and a mixture is never called right."""
    await bench.source.write("file.npz", "content", SIZE)
    job = await bench.job("file.npz", rate=SLOW_BYTES_PER_SECOND)
    copy = await bench.until_moving(job)
    await bench.still_moving(copy)
    await act(bench)
    job.rate.set(None)
    result = await bench.settled(copy)
    if not isinstance(result, SyncdeckError):
        raise Broken("the source changed while it was read, and the copy was called done")
    return told(result, *classes).cause


async def unreadable(bench: Bench) -> str:
    """A source that may not be read says so."""
    job = await bench.made(10_000)
    problem = await bench.source.hide("file.npz")
    if problem is not None:
        raise NotApplicable(problem)
    return (await bench.refused(job, ErrorClass.CONFIG)).cause


async def sealed(bench: Bench) -> str:
    """A target folder that may not be written says so, and gets nothing."""
    await bench.source.write("file.npz", "content", 10_000)
    await bench.target.make_folder("sealed")
    problem = await bench.target.seal("sealed")
    if problem is not None:
        raise NotApplicable(problem)
    error = await bench.refused(await bench.job("file.npz", arrives_as="sealed/file.npz"), ErrorClass.CONFIG)
    if await bench.target.files():
        raise Broken("something was written into a folder that refuses it")
    return error.cause


async def link_out(bench: Bench) -> str:
    """A folder that is a symbolic link out of the root is refused, and nothing is written where it leads."""
    await bench.source.write("file.npz", "content", 10_000)
    await bench.target.make_folder("root")
    await bench.target.make_folder("elsewhere")
    await bench.target.link("root/way out", "elsewhere")
    job = await bench.job("file.npz", arrives_as="root/way out/file.npz")
    job = replace(job, target_root=f"{bench.target.folder}/root")
    error = await bench.refused(job, ErrorClass.CONFIG)
    if any(name.startswith(("elsewhere/", "root/way out/")) for name in await bench.target.files()):
        raise Broken("a file was written outside the root", "do not use this transport: it leaves the data root")
    return error.cause


async def full(bench: Bench) -> str:
    """A target that is full says so."""
    place = bench.full_target
    if place is None:
        raise NotApplicable("no disk is ever filled for a test")
    await bench.source.write("file.npz", "content", bench.full_bytes + 1)
    job = await bench.job("file.npz", target=place)
    return (await bench.refused(job, ErrorClass.NO_SPACE)).cause


async def fills_up(bench: Bench) -> str:
    """A target that somebody else fills meanwhile says so as well."""
    place = bench.full_target
    if place is None:
        raise NotApplicable("no disk is ever filled for a test")
    size = bench.full_bytes // 2
    await bench.source.write("file.npz", "content", size)
    job = await bench.job("file.npz", target=place, rate=SLOW_BYTES_PER_SECOND)
    copy = await bench.until_moving(job)
    await _fill(bench, place.write, size)
    job.rate.set(None)
    result = await bench.settled(copy)
    if isinstance(result, SyncdeckError):
        return told(result, ErrorClass.NO_SPACE).cause
    return await _right_in(bench, job)


async def _fill(bench: Bench, write: Callable[[str, str, int], Awaitable[None]], size: int) -> None:
    try:
        await write("filler", "filler", bench.full_bytes)
    except SyncdeckError as error:
        told(error, ErrorClass.NO_SPACE)


async def _right_in(bench: Bench, job: TransferJob) -> str:
    """It had reserved its room: then what lies there is right."""
    place = bench.full_target
    there = await place.look(bench.temp_name(job, place)) if place is not None else None
    sent = await bench.source.look("file.npz")
    if there is None or sent is None or there.sha256 != sent.sha256:
        raise Broken("the disk was full, and wrong bytes were called verified")
    return "its room was reserved"


async def many_at_once(bench: Bench) -> str:
    """Copies side by side do not meet."""
    names = [f"side by side {number}.npz" for number in range(4)]
    for number, name in enumerate(names):
        await bench.source.write(name, f"side {number}", (1 << 20) + number)
    jobs = [await bench.job(name) for name in names]
    await asyncio.gather(*(bench.delivered(job) for job in jobs))
    return f"{len(names)} at once"


CHECKS = (
    Check("stale-plan", "a source that is not what was planned is not sent", stale_plan),
    Check("no-source", "a source that is gone is not found", no_source),
    Check("source-edited", "a source that is edited while it travels is noticed", edited),
    Check("source-shorter", "a source that is cut while it travels is noticed", shorter),
    Check("source-longer", "a source that grows while it travels is noticed", longer),
    Check("source-replaced", "a source that is replaced while it travels is noticed", replaced),
    Check("source-vanished", "a source that is removed while it travels is noticed", vanished),
    Check("source-unreadable", "a source that may not be read says so", unreadable),
    Check("target-sealed", "a target that may not be written says so", sealed),
    Check("target-link-out", "nothing is written outside the target's root", link_out),
    Check("target-full", "a full target says so", full),
    Check("target-fills-up", "a target that fills up meanwhile says so", fills_up),
    Check("many-at-once", "copies side by side do not meet", many_at_once),
)
