"""New versions of databases to places that hold older ones: real agents, real OpenSSH, each transport as carrier."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.errors import ErrorClass
from engine.integrity.deltas import delta_paths
from engine.model import Transport
from engine.remote.types import Progress
from engine.transport.attempts import Delivery
from engine.transport.delta import Carry, PageDeltas
from engine.transport.errors import BadSource
from engine.transport.manager import TransportManager
from engine.transport.rates import RateCap
from engine.transport.types import TransferJob
from tests.fleet import Fleet
from tests.processes import holding
from tests.transport.conftest import ENGINE_NODE, Bench
from tests.transport.delta_case import SOME_ROWS, Case, change, make_database, make_job, quiet, spoil

PAIRS = [(ENGINE_NODE, "node-0"), ("node-0", ENGINE_NODE), ("node-0", "node-1")]
CARRIERS = [Transport.AGENT, Transport.BASE64, Transport.HTTP, Transport.RSYNC]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("old") / "games.db")


@pytest.fixture
def case(bench: Bench, database: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    source, target = getattr(request, "param", (ENGINE_NODE, "node-0"))
    new, old = bench.folder(source) / "new" / "games.db", bench.folder(target) / "old" / "games.db"
    for path in (new, old):
        path.parent.mkdir(parents=True)
        shutil.copyfile(database, path)
    change(new, SOME_ROWS)
    deltas = PageDeltas(bench.pool.get, SystemClock())
    manager = TransportManager(bench.adapters, SystemClock(), deltas=deltas)
    yield Case(bench, source, target, new, old, manager, deltas)
    for path in (new, old):
        shutil.rmtree(path.parent)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("case", PAIRS, indirect=True)
async def test_only_the_difference_travels_and_what_is_rebuilt_is_proven(case: Case, carrier: Transport) -> None:
    if carrier is Transport.RSYNC and ENGINE_NODE not in (case.source, case.target):
        carrier = Transport.AGENT
    job = await make_job(case, check_source=True)
    delivery = await case.deliver(job, carrier)
    assert delivery.outcome is not None, delivery.error
    assert case.arrived(job)
    assert delivery.outcome.sha256 == hashlib.sha256(case.new.read_bytes()).hexdigest() == delivery.result.sha256
    assert delivery.outcome.size_bytes == delivery.result.bytes_transferred == case.new.stat().st_size
    assert delivery.outcome.temp_stat == await (await case.bench.pool.get(case.target)).stat(job.temp_path)
    assert delivery.result.transport_used is carrier
    assert 0 < delivery.result.bytes_on_wire == delivery.outcome.bytes_on_wire < case.new.stat().st_size / 20
    assert case.left_behind(job) == []


async def test_checksums_wait_for_the_cap_as_content_does_and_hear_it_lifted(case: Case) -> None:
    rate, waited = RateCap(2_000_000), list[float]()

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    seen: list[int] = []
    deltas = PageDeltas(case.bench.pool.get, SystemClock(), pause)
    delivery = await deltas.deliver(
        await make_job(case, rate=rate), lambda done, wire: seen.append(wire) if not done else None, case.carry
    )
    assert delivery.outcome is not None, delivery.error
    assert sum(waited) * 2_000_000 == pytest.approx(max(seen))
    rate.set(None)
    waited.clear()
    Path((await make_job(case)).temp_path).unlink()
    assert (await deltas.deliver(await make_job(case, rate=rate), quiet, case.carry)).outcome is not None
    assert waited == []


async def test_progress_ends_at_the_whole_file_and_never_goes_back(case: Case) -> None:
    job = await make_job(case)
    seen: list[tuple[int, int]] = []
    await case.manager.deliver(job, [Transport.AGENT], lambda done, wire: seen.append((done, wire)))
    assert seen == sorted(seen)
    assert seen[-1][0] <= job.size_bytes


CHANGES = {
    "grown": ["INSERT INTO games SELECT id + 12000, moves, value FROM games WHERE id % 30 = 0"],
    "shrunk": ["DELETE FROM games WHERE id > 9000", "PRAGMA incremental_vacuum"],
    "pages on the freelist": ["DELETE FROM games WHERE id BETWEEN 5000 AND 5900"],
    "vacuumed": ["DROP TABLE spare", "VACUUM"],
    "the very same": [],
}


@pytest.mark.parametrize("statements", CHANGES.values(), ids=CHANGES)
async def test_whatever_changed_the_new_version_arrives_by_a_delta(case: Case, statements: list[str]) -> None:
    shutil.copyfile(case.old, case.new)
    change(case.new, *statements)
    job = await make_job(case)
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)
    assert delivery.passed_over == () and delivery.failures == ()
    assert delivery.result.bytes_on_wire < job.size_bytes / 4


async def test_an_older_version_of_odd_length_serves_as_well(case: Case) -> None:
    os.truncate(case.old, case.old.stat().st_size - 1234)
    job = await make_job(case)
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)
    assert delivery.result.bytes_on_wire < job.size_bytes / 20


async def test_when_nearly_every_row_moved_within_its_page_the_file_goes_whole_and_says_so(case: Case) -> None:
    change(case.new, "DELETE FROM games WHERE id % 7 = 0", "VACUUM")
    job = await make_job(case)
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)
    assert delivery.failures == () and len(delivery.tries) == 1
    assert any(reason.startswith("delta: ") and "of the file differ" in reason for reason in delivery.passed_over)


@pytest.mark.parametrize("page_bytes", [512, 65536])
async def test_another_page_size_at_the_target_makes_it_go_whole(case: Case, page_bytes: int) -> None:
    case.old.unlink()
    make_database(case.old, page_bytes)
    await goes_whole(case, "page size")


async def test_an_older_version_that_is_no_database_is_of_no_use(case: Case) -> None:
    case.old.write_bytes(os.urandom(case.old.stat().st_size))
    await goes_whole(case, "not a SQLite database")


async def test_an_older_version_that_is_gone_is_of_no_use(case: Case) -> None:
    job = await make_job(case)
    case.old.unlink()
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)


async def test_a_link_that_leads_out_of_the_targets_folder_is_not_read(case: Case, tmp_path: Path) -> None:
    outside = tmp_path / "outside.db"
    shutil.move(case.old, outside)
    case.old.symlink_to(outside)
    job = await make_job(case)
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)
    assert delivery.result.bytes_on_wire > job.size_bytes / 4


async def goes_whole(case: Case, reason: str) -> None:
    job = await make_job(case)
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)
    assert any(reason in said for said in delivery.passed_over), delivery.passed_over
    assert case.left_behind(job) == []


async def test_nowhere_to_write_the_delta_at_the_source_makes_it_go_whole(case: Case) -> None:
    job = await make_job(case)
    paths = delta_paths(job.source_path, job.temp_path)
    assert paths is not None
    os.mkdir(paths.at_source)
    delivery = await case.deliver(job)
    os.rmdir(paths.at_source)
    assert delivery.result.success and case.arrived(job)
    assert [failure.transport for failure in delivery.failures] == [Transport.AGENT]
    assert delivery.result.retries == 1


async def test_a_partial_file_that_lacks_less_than_a_delta_is_continued(case: Case) -> None:
    change(case.new, "UPDATE games SET value = value + 1 WHERE id % 15 = 0")
    job = await make_job(case)
    content = case.new.read_bytes()
    Path(job.temp_path).write_bytes(content[: len(content) * 9 // 10])
    delivery = await case.deliver(job)
    assert delivery.result.success and case.arrived(job)
    assert any("of the file differ" in reason for reason in delivery.passed_over)
    assert delivery.outcome is not None and delivery.outcome.resumed_bytes > len(content) // 2


async def test_a_rebuilt_file_that_is_not_the_new_version_is_thrown_away_and_the_whole_is_sent(case: Case) -> None:
    """As when two different pages had the same checksum, or the disk lied."""
    job = await make_job(case)
    paths = delta_paths(job.source_path, job.temp_path)
    assert paths is not None
    whole: list[TransferJob] = []

    async def carry(one: TransferJob, progress: Progress) -> Delivery:
        if one.source_path != paths.at_source:
            assert not Path(job.temp_path).exists()
            whole.append(one)
            return await case.carry(one, progress)
        delivery = await case.carry(one, progress)
        spoil(Path(paths.rebuilt), 2_000_000)
        return delivery

    delivery = await case.deliver_by(job, carry)
    assert delivery.result.success and case.arrived(job) and len(whole) == 1
    assert [failure.error_class for failure in delivery.failures] == [ErrorClass.CHECKSUM_MISMATCH]
    assert delivery.result.bytes_on_wire > delivery.failures[0].bytes_on_wire > 0
    assert case.left_behind(job) == []


async def test_a_source_that_changed_since_it_was_looked_at_is_said_to_have_changed(case: Case) -> None:
    job = await make_job(case)
    change(case.new, "UPDATE games SET value = 0 WHERE id = 77")
    delivery = await case.deliver(job)
    assert not delivery.result.success
    assert delivery.result.error_class is ErrorClass.SOURCE_CHANGED
    assert not Path(job.temp_path).exists() or Path(job.temp_path).stat().st_size == 0
    assert case.left_behind(job) == []


async def test_a_source_that_changes_after_it_was_hashed_is_delivered_as_it_was(case: Case) -> None:
    job = await make_job(case)
    before = case.new.read_bytes()

    async def carry(one: TransferJob, progress: Progress) -> Delivery:
        delivery = await case.carry(one, progress)
        change(case.new, "UPDATE games SET value = 0 WHERE id = 77")
        return delivery

    delivery = await case.deliver_by(job, carry)
    if delivery.result.success:
        assert Path(job.temp_path).read_bytes() == before
    else:
        assert delivery.result.error_class is ErrorClass.SOURCE_CHANGED
    assert case.left_behind(job) == []


async def test_a_source_that_is_not_what_the_catalog_expects_never_passes(case: Case) -> None:
    job = await make_job(case, sha256="0" * 64)
    delivery = await case.deliver(job)
    assert not delivery.result.success
    assert delivery.result.error_class is ErrorClass.CHECKSUM_MISMATCH
    assert case.left_behind(job) == []


async def test_a_damaged_source_is_blamed_and_not_delivered(case: Case) -> None:
    for page in range(5, 9):
        spoil(case.new, page * 4096)
    job = await make_job(case, check_source=True)
    delivery = await case.deliver(job)
    assert isinstance(delivery.error, BadSource)
    assert delivery.outcome is None and not delivery.result.success
    assert case.left_behind(job) == []


async def test_a_way_that_breaks_is_not_tried_again_with_the_whole_file(case: Case) -> None:
    job = await make_job(case)
    carried: list[TransferJob] = []

    async def carry(one: TransferJob, progress: Progress) -> Delivery:
        carried.append(one)
        return await case.carry(replace(one, target=replace(one.target, addresses=())), progress)

    delivery = await case.deliver_by(job, carry)
    assert not delivery.result.success and len(carried) == 1
    assert case.left_behind(job) == []


@pytest.fixture
async def slow(case: Case) -> AsyncIterator[tuple[Case, TransferJob, asyncio.Event, Carry]]:
    """A delivery that waits, once its delta is there, for as long as nobody ends it."""
    job = await make_job(case)
    reached = asyncio.Event()

    async def carry(one: TransferJob, progress: Progress) -> Delivery:
        delivery = await case.carry(one, progress)
        reached.set()
        await asyncio.Event().wait()
        return delivery

    yield case, job, reached, carry


async def test_cancelling_leaves_no_file_and_no_process_at_either_end(
    slow: tuple[Case, TransferJob, asyncio.Event, Carry],
) -> None:
    case, job, reached, carry = slow
    delivery = asyncio.create_task(case.deliver_by(job, carry))
    await asyncio.wait_for(reached.wait(), 60)
    assert len(case.left_behind(job)) == 3
    assert holders(case)
    delivery.cancel()
    await asyncio.wait([delivery])
    assert delivery.cancelled()
    assert case.left_behind(job) == []
    assert not Path(job.temp_path).exists()
    assert not holders(case)


async def test_a_lost_node_ends_the_delivery_and_its_helpers(
    slow: tuple[Case, TransferJob, asyncio.Event, Carry], fleet: Fleet
) -> None:
    case, job, reached, _ = slow

    async def carry(one: TransferJob, progress: Progress) -> Delivery:
        delivery = await case.carry(one, progress)
        fleet["node-0"].kill()
        reached.set()
        return delivery

    try:
        delivery = await case.deliver_by(job, carry)
    finally:
        fleet["node-0"].start()
    assert reached.is_set()
    assert not delivery.result.success
    assert delivery.result.error_class is ErrorClass.TRANSIENT_NETWORK


def holders(case: Case) -> set[int]:
    """Return the processes that have a file of the delivery open."""
    return holding(f"{case.new.parent}/", f"{case.old.parent}/")
