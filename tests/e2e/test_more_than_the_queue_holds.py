"""More is to be moved than the queue takes at once: it is a buffer, and nothing waits longer for that than it must."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import planning_loop, reconcile
from engine.data_plane import UnifiedDataPlane
from engine.model import DataType, EntryKey, SyncPriority
from engine.queue.queue import NewTransfer
from engine.reconcile import QueueRoom
from tests.fleet import Fleet, openssh_fleet

QUEUE_TAKES = 20
FILES = 70
WAIT_SECONDS = 120
LONGER_THAN_THIS_TEST_SECONDS = 3_600.0


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(reconcile, "MOST_QUEUED", QUEUE_TAKES)
    monkeypatch.setattr(reconcile, "MOST_URGENT", 0)
    monkeypatch.setattr(planning_loop, "REFILL_ROOM", QUEUE_TAKES // 2)
    monkeypatch.setattr(planning_loop, "FULL_PASS_SECONDS", LONGER_THAN_THIS_TEST_SECONDS)
    with openssh_fleet(tmp_path / "fleet", count=2) as running:
        for number in range(FILES):
            running[1].models.joinpath(f"hex8_2p_v{number}.pth").write_bytes(os.urandom(500 + number))
        yield running


def engine_of(nodes: Fleet, tmp_path: Path) -> UnifiedDataPlane:
    routing = {"max_disk_usage_percent": 99, "target_disk_usage_percent": 98, "min_free_disk_percent": 1}
    hosts = nodes.write_hosts(tmp_path / "hosts.yaml", extra={"sync_routing": routing})
    return UnifiedDataPlane(hosts, tmp_path / "state", observe=False)


def brought(nodes: Fleet) -> int:
    return len(list(nodes[0].models.glob("hex8_2p_v*.pth")))


async def test_one_round_moves_all_of_it(nodes: Fleet, tmp_path: Path) -> None:
    engine = engine_of(nodes, tmp_path)
    try:
        report = await engine.run_once()
    finally:
        await engine.close()
    assert (report.done, report.failed, report.blocked, report.unfinished) == (FILES, 0, 0, False), report
    assert brought(nodes) == FILES


async def test_a_running_engine_refills_the_queue_as_it_empties(nodes: Fleet, tmp_path: Path) -> None:
    engine = engine_of(nodes, tmp_path)
    try:
        await engine.start()
        async with asyncio.timeout(WAIT_SECONDS):
            while brought(nodes) < FILES:  # noqa: ASYNC110 - files of another process send no event
                await asyncio.sleep(0.05)
    finally:
        await engine.close()


def wish(number: int, priority: SyncPriority) -> NewTransfer:
    key = EntryKey(DataType.MODELS, f"hex8_2p_v{number}.pth")
    return NewTransfer(key, "node-1", "node-0", priority, "few copies", "built-in", None)


def test_what_is_urgent_finds_room_behind_a_full_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "MOST_URGENT", 3)
    wanted = [wish(number, SyncPriority.CRITICAL if number % 2 else SyncPriority.LOW) for number in range(10)]
    room = QueueRoom(1, 100)
    assert [w.key.path for w in room.fitting(wanted)] == [wanted[n].key.path for n in (0, 1, 3, 5)]
    assert room.fitting(wanted) == []


def test_what_waits_for_nodes_or_people_bounds_the_queue_as_a_whole() -> None:
    assert len(QueueRoom(50, 2).fitting([wish(number, SyncPriority.CRITICAL) for number in range(10)])) == 2
