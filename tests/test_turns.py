"""One after another, but never behind one that hangs."""

from __future__ import annotations

import asyncio

import pytest

from engine.turns import InSingleFile


async def test_one_goes_after_another() -> None:
    line, going, most = InSingleFile(60.0), 0, 0

    async def go() -> None:
        nonlocal going, most
        async with line.turn():
            going += 1
            most = max(most, going)
            await asyncio.sleep(0)
            going -= 1

    await asyncio.gather(*(go() for _ in range(20)))
    assert most == 1


async def test_who_waited_too_long_goes_beside_the_one_that_hangs_and_the_line_goes_on() -> None:
    line, hung = InSingleFile(0.01), asyncio.Event()

    async def hang() -> None:
        async with line.turn():
            await hung.wait()

    first = asyncio.create_task(hang())
    await asyncio.sleep(0)
    async with asyncio.timeout(60), line.turn():
        assert not first.done()
    hung.set()
    await first
    async with line.turn():
        assert line._lock.locked()


async def test_who_gives_up_waiting_leaves_the_line_as_it_was() -> None:
    line, hung = InSingleFile(60.0), asyncio.Event()

    async def wait() -> None:
        async with line.turn():
            await hung.wait()

    first, given_up, last = (asyncio.create_task(wait()) for _ in range(3))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    hung.set()
    async with asyncio.timeout(60):
        await asyncio.gather(first, last)


async def test_a_timeout_within_a_turn_is_the_callers_own() -> None:
    with pytest.raises(TimeoutError):
        async with InSingleFile(60.0).turn():
            raise TimeoutError
