"""The writer: durable, in order, each caller alone with its failures, and never wedged by a cancellation."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.errors import ErrorClass
from engine.store.errors import StoreClosed, StoreError
from engine.store.schema import meta
from engine.store.store import Store
from engine.store.writer import Unit


def put(name: str, value: str = "") -> Unit[str]:
    async def unit(connection: AsyncConnection) -> str:
        await connection.execute(insert(meta).values(name=name, value=value))
        return name

    return unit


async def names(store: Store) -> set[str]:
    return set(await store.query(lambda c: c.execute(select(meta.c.name)).scalars().all()))


async def test_a_write_returns_its_value_once_it_is_committed(store: Store) -> None:
    assert await store.write(put("a")) == "a"
    assert await names(store) == {"a"}


async def test_writes_asked_for_together_run_in_order(store: Store) -> None:
    order: list[int] = []

    def numbered(number: int) -> Unit[None]:
        async def unit(_: AsyncConnection) -> None:
            order.append(number)

        return unit

    await asyncio.gather(*(store.write(numbered(number)) for number in range(50)))
    assert order == list(range(50))


async def test_a_failing_unit_undoes_its_own_changes_and_no_others(store: Store) -> None:
    class Refused(Exception):
        pass

    async def half(connection: AsyncConnection) -> None:
        await connection.execute(insert(meta).values(name="half", value=""))
        raise Refused

    outcomes = await asyncio.gather(
        store.write(put("before")), store.write(half), store.write(put("after")), return_exceptions=True
    )
    assert outcomes[0] == "before" and isinstance(outcomes[1], Refused) and outcomes[2] == "after"
    assert await names(store) == {"before", "after"}


async def test_a_database_error_of_one_unit_is_told_to_its_caller_only(store: Store) -> None:
    outcomes = await asyncio.gather(
        store.write(put("same")), store.write(put("same")), store.write(put("other")), return_exceptions=True
    )
    assert outcomes[0] == "same" and isinstance(outcomes[1], StoreError) and outcomes[2] == "other"


async def test_a_full_disk_is_told_as_such_and_writing_goes_on_afterwards(store: Store) -> None:
    async def limit(connection: AsyncConnection) -> None:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

    async def unlimited(connection: AsyncConnection) -> None:
        await connection.execute(text("PRAGMA max_page_count = 1073741823"))

    await store.write(limit)
    with pytest.raises(StoreError) as caught:
        await store.write(put("large", "x" * 1_000_000))
    assert caught.value.error_class is ErrorClass.NO_SPACE
    await store.write(unlimited)
    assert await store.write(put("small")) == "small"
    assert await names(store) == {"small"}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_thousand_tasks_cancelled_at_random_wedge_nothing(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    finished: set[str] = set()

    async def write(name: str) -> None:
        finished.add(await store.write(put(name)))

    async def read(connection: AsyncConnection) -> int:
        return (await connection.execute(select(func.count()).select_from(meta))).scalar_one()

    async def some(number: int) -> None:
        if number % 3:
            await write(f"{number}")
        elif number % 2:
            await store.read(read)
        else:
            await store.meta_get("1")

    tasks: list[asyncio.Task[None]] = []
    for number in range(1_000):
        tasks.append(asyncio.create_task(some(number)))
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        victim = chance.choice(tasks)
        if chance.random() < 0.8:
            victim.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert any(task.cancelled() for task in tasks) and finished
    assert await store.write(put("the last")) == "the last"
    assert finished | {"the last"} <= await names(store)
    assert await store.read(read) == len(await names(store))


async def test_a_cancelled_caller_gets_its_cancellation_at_once_while_its_unit_goes_on(store: Store) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        entered.set()
        await go_on.wait()
        await connection.execute(insert(meta).values(name="slow", value=""))

    task = asyncio.create_task(store.write(slow))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await store.write(put("next"))
    assert await names(store) == {"slow", "next"}


async def test_closing_finishes_what_was_asked_for_and_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = await Store.open(path)
    waiting = [asyncio.create_task(store.write(put(f"{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert [await task for task in waiting] == [f"{number}" for number in range(20)]
    with pytest.raises(StoreClosed):
        await store.write(put("late"))
    with pytest.raises(StoreClosed):
        await store.meta_get("late")
    again = await Store.open(path)
    assert len(await names(again)) == 20
    await again.close()


async def test_readers_cannot_write(store: Store) -> None:
    async def sneak(connection: AsyncConnection) -> None:
        await connection.execute(insert(meta).values(name="sneak", value=""))

    with pytest.raises(StoreError):
        await store.read(sneak)
    with pytest.raises(StoreError):
        await store.query(lambda c: c.execute(insert(meta).values(name="sneak", value="")))


async def test_every_commit_is_flushed_to_disk(store: Store) -> None:
    async def settings(connection: AsyncConnection) -> tuple[str, int]:
        journal = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
        return journal, (await connection.execute(text("PRAGMA synchronous"))).scalar_one()

    assert await store.write(settings) == ("wal", 2)


async def test_counters_and_remembered_values_outlive_the_store(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for expected in (1, 2):
        store = await Store.open(path)
        assert await store.count("runs") == expected
        assert await store.meta_get("name") == (None if expected == 1 else "value")
        await store.meta_set("name", "value")
        await store.close()


ABANDON = """
import asyncio, sys
from pathlib import Path
from sqlalchemy import insert
from engine.store.schema import meta
from engine.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    def put(name):
        async def unit(connection):
            await connection.execute(insert(meta).values(name=name, value=""))
        return unit
    tasks = [asyncio.create_task(store.write(put(str(n)))) for n in range(200)]
    await tasks[0]
    raise SystemExit(3)

asyncio.run(main())
"""


def test_a_program_that_dies_without_closing_still_ends(tmp_path: Path, repository: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ABANDON, str(tmp_path / "state.db")],
        cwd=repository,
        env={"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr.decode()
